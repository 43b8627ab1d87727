"""Arguments that several commands share."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from .. import runtime

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
