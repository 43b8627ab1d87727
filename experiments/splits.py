"""Write helpers/music/splits.csv: the split of music21's corpus into training, validation and test.

    python -m experiments.splits

The held-out works were chosen once and are listed below; all others are training data. Held-out
chorales have a title and a melody (the first eight intervals of the soprano, repeated notes counted
once) that occur nowhere else in the corpus, and last 30 to 90 seconds at 72 quarter notes a minute.
Quartets and piano music are split by opus, so that no theme occurs on two sides. The chorales of
Bach10 are in no split.
"""

from __future__ import annotations

import csv
from pathlib import Path

from helpers.music.corpus import chorale_names, works

TABLE = Path(__file__).resolve().parent.parent / "helpers" / "music" / "splits.csv"

#: Opera by kind: the names in the corpus begin like this; a file is a movement or a whole work.
OPERA = {
    "quartet": (
        "beethoven/opus132", "beethoven/opus133", "beethoven/opus18no1", "beethoven/opus18no3",
        "beethoven/opus18no4", "beethoven/opus18no5", "beethoven/opus59no1", "beethoven/opus59no2",
        "beethoven/opus59no3", "beethoven/opus74", "haydn/opus1no1", "haydn/opus74no1",
        "mozart/k155", "mozart/k156", "mozart/k458", "mozart/k80", "schumann_robert/opus41no1",
    ),
    "piano": (
        "chopin/mazurka06-2", "cpebach/h186", "joplin/maple_leaf_rag", "mozart/k545",
        "schumann_clara/polonaise_op1n1", "schumann_clara/polonaise_op1n2",
        "schumann_clara/polonaise_op1n3", "schumann_clara/polonaise_op1n4",
    ),
}  # fmt: skip

VALIDATION = (
    "bwv140.7", "bwv259", "bwv300", "bwv315", "bwv321", "bwv322",
    "bwv368", "bwv383", "bwv408", "bwv410", "bwv413", "bwv67.7",
    "beethoven/opus18no3", "mozart/k156",
    "cpebach/h186",
)  # fmt: skip
TEST = (
    "bwv122.6", "bwv133.6", "bwv187.7", "bwv263", "bwv317", "bwv325",
    "bwv337", "bwv366", "bwv391", "bwv409", "bwv423", "bwv435",
    "haydn/opus74no1", "mozart/k458",
    "chopin/mazurka06-2", "mozart/k545",
)  # fmt: skip


def rows() -> list[tuple[str, str, str]]:
    """(work, kind, split) of every work, sorted by kind and name; KeyError for an unknown opus."""
    held_out = {opus: "validation" for opus in VALIDATION} | {opus: "test" for opus in TEST}
    opera = [(kind, opus) for kind, listed in OPERA.items() for opus in listed]
    opera += [("chorale", name) for name in chorale_names()]
    known, found = works(), []
    for kind, opus in opera:
        names = [name for name in known if name == opus or name.startswith(f"{opus}/")]
        if not names:
            raise KeyError(f"music21's corpus has no '{opus}'; install the pinned version.")
        found += [(name, kind, held_out.get(opus, "training")) for name in names]
    return sorted(found, key=lambda row: (row[1], row[0]))


def write(table: Path = TABLE) -> None:
    """Write the table with a header."""
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("work", "kind", "split"))
        writer.writerows(rows())


if __name__ == "__main__":
    write()
