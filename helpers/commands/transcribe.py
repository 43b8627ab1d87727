"""`divisi transcribe`: recordings in, the notes of each player out."""

from __future__ import annotations

import json
import tempfile
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Batch, CommandError, refusing
from .options import BAR, add_device, add_model, add_output

if TYPE_CHECKING:
    from torch import nn

    from ..audio.recordings import Recording
    from ..inference.written_stems import StemFiles
    from ..music.scores import Part, Score
    from ..transcription.beats import Beats

SUMMARY = "the notes of each player, as MIDI and MusicXML"
DESCRIPTION = """\
Write DIR/TRACK/PLAYER.mid and PLAYER.musicxml for each instrument of the recording, and all
of them together in score.mid and score.musicxml. The recording is separated, and each stem
is read by what fits its instrument: one note at a time, or chords.

The MIDI files are the performance, in time with the recording, with estimated beats as their
tempo. The MusicXML is at sounding pitch, with these beats, bars and a key; the tempo of each
beat keeps it in time as well.
Instruments are detected where the model can detect them.
Two more packages are needed: pip install "divisi[train,notes]"
"""
INSTALL = 'run: pip install "divisi[train,notes]"'
OUTPUT = "transcribed"
REPORT = "transcription.json"
SCORE = "score"
RATE = 22_050  # Hz at which stems are read


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="RECORDING", help="WAV, FLAC, MP3, OGG, AIFF ..."
    )
    add_output(parser, OUTPUT)
    add_model(parser)
    add_device(parser)
    parser.add_argument(
        "--instruments",
        metavar="A,B,...",
        help="the instruments in the recording, such as violin,piano (default: detected)",
    )


def run(arguments: Namespace) -> None:
    """Transcribe every recording; all are examined before the first one is separated."""
    check_installed()
    from ..audio.recordings import examine
    from ..folders import check_space, check_target, targets
    from ..inference.loading import model_and_name, model_for
    from ..inference.players import chosen_sources
    from ..inference.stem_drafts import DRAFT
    from ..inference.stem_files import bytes_needed, stems_on_disk
    from ..music.instruments import instrument
    from ..training.conditioning import OTHER

    folders = targets(list(dict.fromkeys(arguments.files)), arguments.output)
    several = Batch(len(folders))
    recordings = []
    for path, target in folders.items():
        with several.attempt(path):
            check_target(target, arguments.overwrite, REPORT)
            recordings.append(examine(path))
    several.check()
    with refusing(ValueError, KeyError):
        chosen = model_for(arguments.model, arguments.instruments)
        name, model = model_and_name(chosen, arguments.device)
        sources = chosen_sources(model, arguments.instruments)
        for source in {*(sources or model.sources)} - {OTHER}:
            instrument(source)
    needed = max(bytes_needed(each, stems_on_disk(model, sources), DRAFT) for each in recordings)
    check_space(arguments.output, needed)
    fetch_weights()
    for recording in recordings:
        with several.attempt(recording.path):
            target = folders[recording.path]
            transcribe(recording, target, name, model, sources, arguments.overwrite)
    several.check(at_the_end=True)


def check_installed() -> None:
    """CommandError where a package of the extra `notes` is missing, before anything is computed."""
    for package in ("onnxruntime", "swift_f0"):
        if find_spec(package) is None:
            raise CommandError(
                f"Reading notes needs '{package}', which is not installed; {INSTALL}."
            )


def fetch_weights() -> None:
    """Download the reader of chords where it is not here yet; CommandError where that fails."""
    from ..datasets.download import DownloadError
    from ..transcription.polyphony import weights

    with refusing(DownloadError):
        weights()


def transcribe(
    recording: Recording,
    target: Path,
    name: str,
    model: nn.Module,
    sources: Sequence[str],
    overwrite: bool,
) -> None:
    """Write the notes of a recording, and print a line about them."""
    from tqdm import tqdm

    from ..folders import new_folder
    from ..inference.stem_files import separate_recording
    from ..music.scores import Score
    from ..transcription.beats import find_beats

    for warning in recording.warnings:
        warnings.warn(warning, stacklevel=2)
    with (
        new_folder(target, overwrite, REPORT) as folder,
        tempfile.TemporaryDirectory(dir=folder) as stems,
        tqdm(
            total=2 * recording.seconds, desc=target.name, bar_format=BAR, leave=False, disable=None
        ) as bar,
    ):
        done = separate_recording(
            recording, model, Path(stems), sources or None, progress=bar.update
        )
        tuning, parts = _parts(done, bar.update)
        score = Score(target.name, parts)
        beats = find_beats(score)
        report = {**_separation(done, name), **_music(score, beats, tuning)}
        _write(score, beats, report["fifths"], folder)
        (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(summary(target, report))
    for part in report["without_notes"]:
        warnings.warn(f"{target}: no notes were found for the {part}.", stacklevel=2)


def _parts(done: StemFiles, progress: Callable[[float], object]) -> tuple[float, tuple[Part, ...]]:
    """The tuning of a separated recording in cents, and the part of each stem."""
    from ..audio.recordings import examine, mono
    from ..training.conditioning import OTHER
    from ..transcription.players import transcribed, tuning_of

    tuning = tuning_of(mono(done.recording, RATE)[0], RATE)
    parts = []
    for name in (each for each in done.sources if each != OTHER):
        sound = mono(examine(done.files()[name]), RATE)[0]
        parts.append(transcribed(name, sound, RATE, tuning))
        progress(done.recording.seconds / len(done.sources))
    return tuning, tuple(parts)


def _write(score: Score, beats: Beats, fifths: int, folder: Path) -> None:
    """MIDI and MusicXML of all players together and of each."""
    from ..music.midi import write_midi
    from ..music.scores import Score
    from ..transcription.sheet import write_sheet

    alone = [Score(f"{score.title}, {n}", (p,)) for n, p in named(score).items()]
    for name, each in zip((SCORE, *named(score)), (score, *alone), strict=True):
        write_midi(each, folder / f"{name}.mid", beats=beats.seconds, meters=beats.meters())
        write_sheet(each, beats, fifths, folder / f"{name}.musicxml")


def named(score: Score) -> dict[str, Part]:
    """The parts by the names of their files."""
    from ..music.instruments import numbered_names

    names = numbered_names([(part.instrument, part.number) for part in score.parts])
    return dict(zip(names, score.parts, strict=True))


def _separation(done: StemFiles, name: str) -> dict[str, Any]:
    """What the report says about the recording and its separation."""
    kept = (
        "recording", "recording_sha256", "model", "checkpoint_sha256", "device", "seconds",
        "detected", "doubtful", "warnings",
    )  # fmt: skip
    report = done.report(name)
    return {key: report[key] for key in kept}


def _music(score: Score, beats: Beats, tuning: float) -> dict[str, Any]:
    """What the report says about the notes."""
    from ..transcription.sheet import key_of

    fifths, key = key_of(score)
    counts = {name: len(part.notes) for name, part in named(score).items()}
    return {
        "notes": counts,
        "without_notes": [name for name, count in counts.items() if not count],
        "a4_hz": round(440.0 * 2.0 ** (tuning / 1200), 2),
        "key": key,
        "fifths": fifths,
        "beats_in_bar": beats.in_bar,
        "pickup": beats.pickup,
        "beats": [round(float(second), 4) for second in beats.seconds],
    }


def summary(target: Path, report: dict[str, Any]) -> str:
    """One line: the notes of each player, the key, the concert pitch."""
    counts = ", ".join(f"{name} {count}" for name, count in report["notes"].items())
    return f"{target}: notes: {counts}; {report['key']}; A4 at {report['a4_hz']:.1f} Hz"
