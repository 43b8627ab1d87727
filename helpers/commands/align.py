"""`divisi align`: a recording and its score in, the notes in the time of the recording out."""

from __future__ import annotations

import warnings
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CommandError, refusing
from .options import BAR
from .score import read_scores

if TYPE_CHECKING:
    from ..music.alignment import Alignment

SUMMARY = "a score in time with its recording"
DESCRIPTION = """\
Write the notes of a score as MIDI, in time with a recording: one track for each part, named as
in the score, with the notes that lie in the recording. Pizzicato has a track of its own.

The recording may be an excerpt, and have another tempo, tuning or key (up to three semitones
away); repeats may be taken or not. A score that does not fit is refused.
"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, metavar="RECORDING", help="WAV, FLAC, MP3, OGG ...")
    parser.add_argument(
        "score", type=Path, metavar="SCORE", help="MIDI (.mid) or MusicXML (.musicxml, .mxl)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="the file to write (default: the name of the recording with .mid, in this folder)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE where it exists")


def run(arguments: Namespace) -> None:
    """Align one score and write one file, after all else succeeded."""
    from tqdm import tqdm

    from ..audio.recordings import examine, mono
    from ..files import replaced_atomically
    from ..folders import check_space, make_parents
    from ..music.alignment import align
    from ..music.midi import write_midi, written_names
    from ..music.pitch_features import RATE

    target = arguments.output or Path(arguments.recording.name).with_suffix(".mid")
    check_file(target, arguments)
    scores = read_scores(arguments.score)
    recording = examine(arguments.recording)
    for warning in recording.warnings:
        warnings.warn(warning, stacklevel=2)
    check_space(target.parent, 1 << 20)
    with (
        refusing(ValueError),
        tqdm(
            total=3 * recording.seconds, desc=arguments.recording.name, bar_format=BAR,
            leave=False, disable=None,
        ) as bar,
    ):  # fmt: skip
        found = align(mono(recording, RATE), RATE, scores, bar.update)
    make_parents(target.parent)
    with replaced_atomically(target) as draft:
        write_midi(found.score, draft, written_names(found.score))
    print(summary(target, found))


def check_file(target: Path, arguments: Namespace) -> None:
    """CommandError where the target is one of the inputs, a folder, or there already."""
    for given in (arguments.recording, arguments.score):
        if target.exists() and given.exists() and target.samefile(given):
            raise CommandError(f"{target}: this is what is read; choose another file with -o.")
    if target.is_dir():
        raise CommandError(f"{target}: this is a folder; name a file with -o.")
    if target.exists() and not arguments.overwrite:
        raise CommandError(f"{target}: exists already; add --overwrite, or choose another with -o.")


def summary(target: Path, found: Alignment) -> str:
    """One line: the notes of each part, what an A4 of the score sounds at, the fit."""
    from ..music.instruments import numbered_names

    names = numbered_names([(part.instrument, part.number) for part in found.score.parts])
    counts = ", ".join(
        f"{name} {len(part.notes)}" for name, part in zip(names, found.score.parts, strict=True)
    )
    line = f"{target}: notes: {counts}; A4 at {440 * 2 ** (found.tuning / 1200):.1f} Hz"
    if found.transposition:
        line += f", {found.transposition:+d} semitones from the score, whose A4 sounds at"
        line += f" {found.sounding_a4:.1f} Hz"
    return f"{line}; fit {found.fit:.2f}"
