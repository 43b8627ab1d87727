"""`divisi models`: the trained models and what each was made for."""

from __future__ import annotations

from argparse import Namespace

from .. import runtime
from ..training.checkpoints import available_models


def run(arguments: Namespace) -> None:
    """Print one row a model."""
    folder = arguments.folder or runtime.checkpoints_root()
    cards = available_models(folder)
    if not cards:
        print(f"{folder} holds no models; train one with `divisi train CONFIG`.")
        return
    rows = [("name", "instruments", "sample rate", "channels", "architecture")]
    for name, card in sorted(cards.items()):
        rows.append(
            (
                f"{name} (default)" if name == arguments.default else name,
                ", ".join(card["sources"]),
                f"{card['sample_rate']} Hz",
                str(card["config"].get("channels", 1)),
                card["architecture"],
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
