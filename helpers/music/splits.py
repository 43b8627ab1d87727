"""Which works train, validate and test: no melody stands on two sides, and Bach10 on none.

The table `splits.csv` beside this file lists every work; `experiments/splits.py` writes it and
tells how the works that are held out were chosen.
"""

from __future__ import annotations

import csv
import difflib
from functools import lru_cache
from pathlib import Path

KINDS = ("chorale", "quartet", "piano")
SPLITS = ("training", "validation", "test")
RANDOM = {"training": range(2800), "validation": range(2800, 2900), "test": range(2900, 3000)}


def names(kind: str, split: str) -> list[str]:
    """The works of one kind (`chorale`, `quartet`, `piano`) that train, validate or test.

    ValueError for a kind or split that there is not.
    """
    for given, known in ((kind, KINDS), (split, SPLITS)):
        if given not in known:
            raise ValueError(f"There is no '{given}' among the works; choose {', '.join(known)}.")
    return [work for work, row in _table().items() if row == (kind, split)]


def random_names(split: str) -> list[str]:
    """The random pieces (see `pieces.random_piece`) that train, validate or test: 3,000 in all."""
    return [f"random-{number:05d}" for number in RANDOM[split]]


def kind_of(work: str) -> str:
    """`chorale`, `quartet` or `piano`; KeyError with the nearest names for an unlisted work."""
    if work not in _table():
        near = difflib.get_close_matches(work, _table(), n=3, cutoff=0.4)
        hint = f"the nearest are: {', '.join(near)}." if near else "see helpers/music/splits.csv."
        raise KeyError(f"No split has a work '{work}'; {hint}")
    return _table()[work][0]


def training_names() -> list[str]:
    """All chorales that neither validate nor test."""
    return names("chorale", "training")


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[str, str]]:
    """Kind and split of each work."""
    with open(Path(__file__).with_name("splits.csv"), newline="", encoding="utf-8") as file:
        return {row["work"]: (row["kind"], row["split"]) for row in csv.DictReader(file)}


#: The chorales that are held out.
VALIDATION = tuple(names("chorale", "validation"))
TEST = tuple(names("chorale", "test"))
