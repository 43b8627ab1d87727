"""`divisi models`: the trained models with their instruments and licences."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import runtime
from .errors import CommandError

SUMMARY = "list the trained models"
DESCRIPTION = "List the trained models."
OPEN = "*"
PAGE = "docs/licences.md"
LICENCE = -2  # its column
WITH_SCORE = "score_net.ScoreNet"  # known by its name, so that listing imports no model


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="DIR",
        help="the folder to list (default: the models that come with Divisi)",
    )


def run(arguments: Namespace) -> None:
    """Print one row for each model; CommandError names those whose card is broken."""
    from ..training.checkpoints import read_cards

    folder = arguments.folder or runtime.checkpoints_root()
    cards, broken = read_cards(folder)
    if cards:
        print_table(cards)
    elif not broken:
        print(f"{folder} has no models; train one with `divisi train RECIPE`.")
    if broken:
        raise CommandError(" ".join(map(str, broken)))


def print_table(cards: dict[str, dict[str, Any]]) -> None:
    rows = [("name", "sample rate", "channels", "takes", "architecture", "licence", "instruments")]
    for name, card in sorted(cards.items()):
        rows.append(
            (
                f"{name} (default)" if name == runtime.DEFAULT_MODEL else name,
                f"{card['sample_rate']} Hz",
                str(card["config"].get("channels", 1)),
                _takes(card),
                card["architecture"],
                _licence(card),
                _instruments(card["sources"]),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("".join(letter if letter.isprintable() else "?" for letter in line.rstrip()))
    if any(row[LICENCE].endswith(OPEN) for row in rows):
        print(f"{OPEN} trained on sounds under other terms: see the repository's {PAGE}")


def _takes(card: dict[str, Any]) -> str:
    """`score` for a model that separates with a score, `who plays` for one that may be told.

    See `divisi separate --score` and `--instruments`.
    """
    if card["architecture"] == WITH_SCORE:
        return "score"
    return "who plays" if card["config"].get("conditioned") else ""


def _instruments(sources: Sequence[str]) -> str:
    """`violin (2), viola, other`, with the number of players where there are two."""
    count = Counter(name.removesuffix("-2") for name in sources)
    return ", ".join(f"{name} ({n})" if n > 1 else name for name, n in count.items())


def _licence(card: dict[str, Any]) -> str:
    """The licence in one word, marked where a training material may ask for more."""
    from ..training.licences import NONE, fits

    word = card.get("licence", NONE).partition(";")[0]
    return word if word == NONE or fits(card.get("learned_from", [])) else f"{word}{OPEN}"
