"""The second development set: recorded solos and phrases, mixed into ensembles, that never train.

`development_set.csv` beside this file is its recipe. A row is a clip of a file in `DIVISI_DATA`:
`ensemble` and `stem` (`violin-1`) say where it plays, `offset` and `seconds` what is cut from the
file, `at` when it begins in the ensemble, in seconds, and `level` its RMS in dBFS.

The players are those of `philharmonia_phrases`, `medley_solos` and `solo_violin`. No solo of
PLAYERS trains; of the others other files do, and of all in `philharmonia_phrases` single notes. So
the set measures recorded playing, and new players with one violinist only. The weights of `chamber`
that come with Divisi, and so all that start from them, are older than this rule: they have learned
from the solos of John Garner and of `medley_solos` in the set.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_suffix(".csv")
#: Files below `DIVISI_DATA` of a violinist, and of a clarinettist, none of whose solos trains.
PLAYERS = ("solo_violin/minji-kim_*", "philharmonia_phrases/clarinet/*_phrase_*")


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
    """The files below `root` that no training may read: of PLAYERS, and those with a clip."""
    of_players = (file for pattern in PLAYERS for file in root.glob(pattern))
    return frozenset((*of_players, *(root / clip.file for clip in clips())))
