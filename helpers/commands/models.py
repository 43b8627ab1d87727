"""`divisi models`: the trained models with their instruments and licences."""

from __future__ import annotations

from argparse import Namespace

from .. import runtime
from ..training.checkpoints import Card, available_models
from ..training.licences import NONE, fits

OPEN = "*"
PAGE = "docs/licences.md"


def run(arguments: Namespace) -> None:
    """Print one row for each model."""
    folder = arguments.folder or runtime.checkpoints_root()
    cards = available_models(folder)
    if not cards:
        print(f"{folder} holds no models; train one with `divisi train CONFIG`.")
        return
    rows = [("name", "instruments", "sample rate", "channels", "architecture", "licence")]
    for name, card in sorted(cards.items()):
        rows.append(
            (
                f"{name} (default)" if name == arguments.default else name,
                ", ".join(card["sources"]),
                f"{card['sample_rate']} Hz",
                str(card["config"].get("channels", 1)),
                card["architecture"],
                _licence(card),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    if any(row[-1].endswith(OPEN) for row in rows):
        print(f"{OPEN} learned from sounds under other terms: see {PAGE}")


def _licence(card: Card) -> str:
    """The licence in one word, marked where a training material may ask for more."""
    word = card.get("licence", NONE).partition(";")[0]
    return word if word == NONE or fits(card.get("learned_from", [])) else f"{word}{OPEN}"
