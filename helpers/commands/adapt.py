"""`divisi adapt`: fit a model to recordings that have no stems."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CommandError, refusing
from .options import add_model, add_run, check_training

if TYPE_CHECKING:
    from ..audio.recordings import Recording
    from ..music.scores import Score

SUMMARY = "fit a model to recordings without stems"
DESCRIPTION = """\
Fit a model to RECORDINGs of the same players, of which no stems are known. It learns from
remixes of the stems that it separates best itself. The first half of each recording teaches;
the second half decides, by the quality that `divisi separate` estimates. Where that does not
rise, nothing is written.

It takes some minutes on a CPU, and a stopped run is resumed. With stems, use `divisi
finetune`, which learns more.
"""
STOPPED = "the same command resumes from here"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("recordings", nargs="+", type=Path, metavar="RECORDING")
    add_model(parser)
    parser.add_argument(
        "--instruments",
        metavar="A,B,...",
        help="the instruments in the recordings (default: detected)",
    )
    parser.add_argument(
        "--score",
        type=Path,
        metavar="SCORE",
        help="MIDI or MusicXML of the only recording, with one part for each instrument: its notes"
        " correct the stems that teach",
    )
    parser.add_argument(
        "--name", default="adapted", metavar="NAME", help="of the new model (default: adapted)"
    )
    parser.add_argument(
        "--steps", type=int, default=100, metavar="N", help="training steps (default: 100)"
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=2e-4,
        metavar="RATE",
        help="lower changes less (default: 0.0002)",
    )
    add_run(parser, "runs/NAME")


def run(arguments: Namespace) -> None:
    """Adapt a model, resuming an earlier run unless `--restart` is given."""
    from ..audio.recordings import examine
    from ..recipes.adapt import adapt
    from ..recipes.entries import RecipeError

    name = arguments.name
    check_training(arguments, least_steps=2)
    if arguments.score and len(arguments.recordings) > 1:
        raise CommandError(f"--score {arguments.score}: goes with one recording; name only that.")
    recordings = [examine(path) for path in dict.fromkeys(arguments.recordings)]
    silent = [each.path.name for each in recordings if not each.level.peak]
    if silent:
        raise CommandError(f"{silent[0]}: is silent; leave it out.")
    with refusing(RecipeError, ValueError):
        adapted = adapt(
            recordings, arguments.model, name=name, instruments=arguments.instruments,
            score=in_time(recordings[0], arguments.score) if arguments.score else None,
            steps=arguments.steps, learning_rate=arguments.learning_rate,
            folder=arguments.output, restart=arguments.restart, command=command(arguments),
        )  # fmt: skip
    print(
        f"{', '.join(adapted.sources)}: expected SI-SDR in the second half"
        f" {adapted.before:.1f} dB before, {adapted.after:.1f} dB after"
    )
    if adapted.weights is None:
        print(f"It would not help: nothing is written, keep {arguments.model}.")
    else:
        print(f"{adapted.weights}: adapted; `divisi separate FILE --model {adapted.weights}`.")


def in_time(recording: Recording, path: Path) -> Score:
    """The score of a recording in its time and at its pitch; CommandError where it does not fit."""
    from ..audio.recordings import mono
    from ..music.alignment import align
    from ..music.pitch_features import RATE
    from ..music.scores import transpose
    from .score import read_scores

    with refusing(ValueError):
        found = align(mono(recording, RATE), RATE, read_scores(path))
    return transpose(found.score, found.tuning / 100)


def command(arguments: Namespace) -> str:
    """The command line that repeats this adaptation."""
    words = ["divisi", "adapt", *map(str, arguments.recordings), "--model", str(arguments.model)]
    words += ["--name", arguments.name, "--steps", str(arguments.steps)]
    words += ["--learning-rate", f"{arguments.learning_rate:g}"]
    for option in ("instruments", "score"):
        value = getattr(arguments, option)
        words += [f"--{option}", str(value)] if value else []
    return shlex.join(words)
