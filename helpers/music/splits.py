"""The training, validation and test works: no melody is in two splits, Bach10 is in none.

`splits.csv` beside this file lists every work. `experiments/splits.py` writes it and says how the
held-out works were chosen.
"""

from __future__ import annotations

import csv
import difflib
from functools import lru_cache
from pathlib import Path

KINDS = ("chorale", "quartet", "piano")
SPLITS = ("training", "validation", "test")
#: Numbers of the random pieces of each split; see `random_pieces.RandomPiece`.
RANDOM = {"training": range(2800), "validation": range(2800, 2900), "test": range(2900, 3000)}


def names(kind: str, split: str) -> list[str]:
    """The works of a kind and split; ValueError for an unknown kind or split.

    Chapter: 02.
    """
    for value, known in ((kind, KINDS), (split, SPLITS)):
        if value not in known:
            raise ValueError(f"Unknown kind or split '{value}'; choose {', '.join(known)}.")
    return [work for work, row in _table().items() if row == (kind, split)]


def kind_of(work: str) -> str:
    """`chorale`, `quartet` or `piano`; KeyError with the nearest names for an unlisted work."""
    if work not in _table():
        near = difflib.get_close_matches(work, _table(), n=3, cutoff=0.4)
        hint = f"the nearest are: {', '.join(near)}." if near else "see helpers/music/splits.csv."
        raise KeyError(f"No split has a work '{work}'; {hint}")
    return _table()[work][0]


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[str, str]]:
    """Kind and split of each work."""
    with open(Path(__file__).with_name("splits.csv"), newline="", encoding="utf-8") as file:
        return {row["work"]: (row["kind"], row["split"]) for row in csv.DictReader(file)}


#: The held-out chorales.
TEST = tuple(names("chorale", "test"))
