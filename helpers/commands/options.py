"""Arguments that several commands share."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from .. import runtime
from ..files import is_plain_name
from .errors import CommandError

BAR = "{desc} {percentage:3.0f}% |{bar:30}| {elapsed} elapsed, {remaining} to go"


def add_output(parser: ArgumentParser, default: str, kind: Callable[[str], object] = Path) -> None:
    parser.add_argument(
        "-o",
        "--output",
        type=kind,
        default=Path(default),
        metavar="DIR",
        help=f"the folder to write into (default: {default})",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the files that an earlier run wrote, and no others",
    )


def add_run(parser: ArgumentParser, default: str) -> None:
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help=f"the folder of the run (default: {default})",
    )
    parser.add_argument(
        "--restart", action="store_true", help="delete an earlier run and start again"
    )


def check_training(arguments: Namespace, least_steps: int) -> None:
    """CommandError for a --name, --steps or --learning-rate with which nothing can be trained."""
    if not is_plain_name(arguments.name):
        raise CommandError(
            f"--name {arguments.name}: is not a name for a file; choose one such as mine."
        )
    if arguments.steps < least_steps:
        raise CommandError(f"--steps {arguments.steps}: it must be {least_steps} or more.")
    if not 0.0 < arguments.learning_rate < 1.0:
        raise CommandError(
            f"--learning-rate {arguments.learning_rate:g}: it must be between 0 and 1."
        )


def add_model(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        default=runtime.DEFAULT_MODEL,
        metavar="NAME",
        help=f"a name from `divisi models`, or a file (default: {runtime.DEFAULT_MODEL})",
    )


def add_device(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where to compute (default: auto, the fastest that is available)",
    )
