"""The second development set: recorded solos and phrases, mixed into ensembles, that never train.

`development_set.csv` beside this file is its recipe. A row is a clip of a file in `DIVISI_DATA`:
`ensemble` and `stem` (`violin-1`) say where it plays, `offset` and `seconds` what is cut from the
file, `at` when it begins in the ensemble, in seconds, and `level` its RMS in dBFS.

The players are those of `philharmonia_phrases`, `medley_solos` and `solo_violin`, so other files of
theirs do train: the set measures whether a model carries to recorded playing, not to new players.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Clip:
    """A row of the table; its file is relative to `DIVISI_DATA`."""

    ensemble: str
    stem: str
    file: str
    offset: float
    seconds: float
    at: float
    level: float


@cache
def clips() -> tuple[Clip, ...]:
    with TABLE.open(newline="", encoding="utf-8") as table:
        return tuple(
            Clip(*(row[n] for n in ("ensemble", "stem", "file")),
                 *(float(row[n]) for n in ("offset", "seconds", "at", "level")))
            for row in csv.DictReader(table)
        )  # fmt: skip


def held_out_files(root: Path) -> frozenset[Path]:
    """The whole files below `root` of which the set has a clip; no training may read them."""
    return frozenset(root / clip.file for clip in clips())
