"""`divisi finetune`: fine-tune a model on the reader's own stems."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from .errors import refusing
from .options import add_model, add_run, check_training

SUMMARY = "fine-tune a model on stems of your own"
DESCRIPTION = """\
Fine-tune a model on STEMS, a folder with a folder for each piece and one file for each
instrument in it, such as violin.wav. The model is trained on mixtures of all pieces but one,
and the improvement is measured on that one.

A stopped run is resumed. A fine-tuned model separates your players better, and others worse.
For hours of stems write a recipe instead, with `corpora`.
"""
STOPPED = "the same command resumes from here"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("stems", type=Path, metavar="STEMS")
    add_model(parser)
    parser.add_argument(
        "--name", default="mine", metavar="NAME", help="of the new model (default: mine)"
    )
    parser.add_argument(
        "--steps", type=int, default=200, metavar="N", help="training steps (default: 200)"
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=5e-4,
        metavar="RATE",
        help="lower forgets less, higher learns faster (default: 0.0005)",
    )
    parser.add_argument(
        "--hold-out",
        default="",
        metavar="A,B,...",
        help="pieces to measure on (default: the shortest whose instruments all occur in others)",
    )
    add_run(parser, "runs/NAME")


def run(arguments: Namespace) -> None:
    """Fine-tune a model, resuming an earlier run unless `--restart` is given."""
    from ..recipes.entries import RecipeError
    from ..recipes.finetune import finetune

    name = arguments.name
    check_training(arguments, least_steps=1)
    folder = arguments.output or Path("runs") / name
    with refusing(RecipeError):
        tuned = finetune(
            arguments.stems, arguments.model, name=name, steps=arguments.steps,
            held_out=[word for word in arguments.hold_out.split(",") if word],
            learning_rate=arguments.learning_rate, folder=folder, restart=arguments.restart,
            command=command(arguments),
        )  # fmt: skip
    pieces = ", ".join(track.name for track in tuned.held_out)
    print(f"{pieces}, held out: SI-SDR {tuned.before:.1f} dB before, {tuned.after:.1f} dB after")
    if tuned.after <= tuned.before:
        print(f"No improvement: keep {arguments.model}, or try a lower --learning-rate.")
    print(f"{tuned.weights}: fine-tuned; `divisi separate FILE --model {tuned.weights}` uses it.")


def command(arguments: Namespace) -> str:
    """The command line that repeats this fine-tuning."""
    words = ["divisi", "finetune", str(arguments.stems), "--model", arguments.model]
    words += ["--name", arguments.name, "--steps", str(arguments.steps)]
    words += ["--learning-rate", f"{arguments.learning_rate:g}"]
    return shlex.join(words + ["--hold-out", arguments.hold_out] * bool(arguments.hold_out))
