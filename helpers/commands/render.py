"""`divisi render`: a score in, one stem per part and their mixture out."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import runtime
from ..files import plain_name
from .errors import CommandError, refusing
from .options import add_output

if TYPE_CHECKING:
    import numpy as np

    from ..music.scores import Score
    from ..synthesis.renderer import Renderer

SUMMARY = "a score in, stems out"
DESCRIPTION = """\
Write DIR/TITLE/INSTRUMENT.wav for each part of a score, their mixture.wav and score.mid.

SCORE is a file of your own, MIDI (.mid) or MusicXML (.musicxml, .mxl), or the name of a work in
music21's corpus: a chorale such as bwv269, or haydn/opus74no1/movement1.
"""
MARK = "render.json"
SUFFIXES = {".mid", ".midi", ".kar", ".rmi", ".musicxml", ".xml", ".mxl"}
RATES = (8_000, 192_000)
BLOCK = 1 << 20  # samples written at once
BYTES_A_SAMPLE = 20  # of memory: the mixture, a stem and what a renderer keeps beside it
MEMORY = 1_600_000_000  # bytes: half an hour at 44,100 Hz
#: The spectrum of the synthetic tones for each family of instruments; others sound like a flute.
SPECTRUM = {"strings": "string", "woodwind": "reed", "brass": "brass", "keyboard": "organ"}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("score", metavar="SCORE", help="a file or the name of a work")
    add_output(parser, "rendered")
    parser.add_argument(
        "--renderer",
        choices=("tones", "fluidsynth", "notes"),
        default="tones",
        help="synthetic tones, a soundfont, or recorded notes (default: tones)",
    )
    parser.add_argument(
        "--soundfont",
        type=Path,
        metavar="FILE",
        help="an .sf2 or .sf3 file (default: the first one that is installed)",
    )
    parser.add_argument(
        "--notes", type=Path, metavar="DIR", help="a folder of recorded notes with its index.csv"
    )
    parser.add_argument(
        "--instruments",
        metavar="A,B,...",
        help="one per part, in their order, such as violin,clarinet,saxophone,bassoon",
    )
    parser.add_argument(
        "--tempo",
        type=float,
        metavar="BPM",
        help="for a work: quarter notes per minute (default: 72)",
    )
    parser.add_argument("--rate", type=int, default=44100, metavar="HZ", help="default: 44100")
    parser.add_argument(
        "--seed", type=int, default=0, help="for the choice of recorded notes (default: 0)"
    )


def run(arguments: Namespace) -> None:
    """Render one score into a folder that appears completely or not at all."""
    from ..folders import check_outside, check_space, check_target, new_folder, readable_size
    from ..music.midi import write_midi
    from ..synthesis.fluidsynth import FluidSynthError
    from ..synthesis.renderer import stem_names

    if not RATES[0] <= arguments.rate <= RATES[1]:
        raise CommandError(f"--rate {arguments.rate}: choose between {RATES[0]} and {RATES[1]} Hz.")
    if arguments.tempo is not None and not 1 <= arguments.tempo <= 1000:
        raise CommandError(f"--tempo {arguments.tempo:g}: choose between 1 and 1000 per minute.")
    score = read_score(arguments)
    names = stem_names(score)
    target = arguments.output / plain_name(score.title)
    check_target(target, arguments.overwrite, MARK)
    check_outside([Path(arguments.score)], target)
    samples = round(score.seconds * arguments.rate)
    if (needed := samples * BYTES_A_SAMPLE) > MEMORY:
        raise CommandError(
            f"{arguments.score}: lasts {score.seconds / 60:.0f} minutes, which needs "
            f"{readable_size(needed)} of memory, more than {readable_size(MEMORY)}; choose a lower"
            " --rate or divide it."
        )
    check_space(arguments.output, samples * 7 * (len(names) + 1))
    with (
        refusing(ValueError, KeyError, FluidSynthError),
        new_folder(target, arguments.overwrite, MARK) as folder,
    ):
        players = renderer(arguments, score)
        report = write_stems(folder, score, players, arguments.rate)
        write_midi(score, folder / "score.mid")
        report = {"score": arguments.score, "renderer": arguments.renderer, **report}
        (folder / MARK).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{target}: {', '.join(names)}; {report['seconds']:.1f} s")


def read_score(arguments: Namespace) -> Score:
    """A file of one's own where there is one, else a work of the corpus."""
    from ..music import score_files
    from ..music.scores import corpus_score, with_instruments

    players = arguments.instruments.split(",") if arguments.instruments else None
    path = Path(arguments.score)
    with refusing(ValueError, KeyError):
        if not path.is_file() and path.suffix.lower() not in SUFFIXES:
            score = corpus_score(arguments.score, players, arguments.tempo)
        elif not path.is_file():
            raise CommandError(f"{path}: there is no such file; check the name.")
        elif arguments.tempo:
            raise CommandError(f"{path}: --tempo is for works of the corpus; a file has its own.")
        else:
            score = score_files.read_score(path)
            score = with_instruments(score, players) if players else score
    if score.seconds == 0:
        raise CommandError(f"{arguments.score}: has no notes; choose another score.")
    return score


def renderer(arguments: Namespace, score: Score) -> Renderer | dict[str, Renderer]:
    """The renderer of `--renderer`; tones have one for each part, by its family."""
    if arguments.renderer == "fluidsynth":
        from ..synthesis.fluidsynth import FluidSynth

        return FluidSynth(find_soundfont(arguments.soundfont))
    if arguments.renderer == "notes":
        from ..synthesis.sampler import Sampler

        return Sampler(find_notes(arguments.notes), arguments.seed)

    from ..music.instruments import instrument
    from ..synthesis.tones import SPECTRA, Timbre, Tones

    families = {part.instrument: instrument(part.instrument).family for part in score.parts}
    return {
        name: Tones(Timbre(harmonics=SPECTRA[SPECTRUM.get(family, "flute")]))
        for name, family in families.items()
    }


def find_soundfont(path: Path | None) -> Path:
    """The file of `--soundfont`, or the first soundfont that is installed."""
    from ..synthesis.soundfonts import find_soundfonts

    if path is not None:
        if not path.is_file():
            raise CommandError(f"{path}: there is no such file; check the name.")
        return path
    found = find_soundfonts()
    if not found:
        raise CommandError(
            "There is no soundfont; run `sudo apt-get install fluid-soundfont-gm`,"
            " or name one with --soundfont."
        )
    return found[0]


def find_notes(folder: Path | None) -> Path:
    """The folder of `--notes`, or the recorded notes under DIVISI_DATA."""
    root = runtime.data_root()
    folder = folder or (root / "philharmonia_notes" if root else None)
    if folder is None or not (folder / "index.csv").is_file():
        raise CommandError(
            f"{folder or 'DIVISI_DATA'}: there are no recorded notes with an index.csv;"
            " name their folder with --notes."
        )
    return folder


def write_stems(
    folder: Path, score: Score, players: Renderer | Mapping[str, Renderer], rate: int
) -> dict[str, Any]:
    """Render part by part, then write all stems and the mixture in 24 bits with one gain.

    Memory holds one stem and the mixture; the others wait on the disk. Returns a part of the
    report.
    """
    import numpy as np

    from ..audio.levels import Level, safe_gain
    from ..audio.wav import AtomicWav
    from ..synthesis.renderer import rendered_stems

    mixture, waiting = np.zeros((1, 0), np.float32), {}
    for name, stem in rendered_stems(score, players, rate):
        waiting[name] = folder / f"{name}.npy"
        np.save(waiting[name], stem)
        longer, shorter = (stem, mixture) if stem.size > mixture.size else (mixture, stem)
        longer[:, : shorter.shape[1]] += shorter
        mixture = longer
    samples = mixture.shape[1]

    def blocks(name: str) -> Iterator[np.ndarray]:
        """(1, n) each; a shorter stem ends in silence."""
        signal = np.load(waiting[name], mmap_mode="r") if name in waiting else mixture
        for first in range(0, samples, BLOCK):
            block = signal[:, first : first + BLOCK]
            missing = min(BLOCK, samples - first) - block.shape[1]
            yield np.pad(block, ((0, 0), (0, missing)))

    levels = {name: Level() for name in (*waiting, "mixture")}
    for name, level in levels.items():
        for block in blocks(name):
            level.update(block)
    gain = safe_gain(max(level.peak for level in levels.values()))
    for name in levels:
        with AtomicWav(folder / f"{name}.wav", rate, 1, frames=samples) as file:
            for block in blocks(name):
                file.write(block * np.float32(gain))
        if name in waiting:
            waiting[name].unlink()
    return {
        "seconds": samples / rate,
        "sample_rate": rate,
        "gain": gain,
        "levels": {name: level.describe(gain) for name, level in levels.items()},
    }
