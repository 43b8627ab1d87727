"""One table of instruments: their names and abbreviations, families, GM programs and ranges.

The table is `instruments.csv` beside this file. Programs: General MIDI 1 sound set, counted from 0.
low, high: the usual sounding range in MIDI pitch, as orchestration books give it for ensemble
players. Aliases: English scores, URMP, Bach10, and headings of Italian, French and German parts.
"""

from __future__ import annotations

import csv
import difflib
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instrument:
    """A row of the table."""

    name: str
    aliases: tuple[str, ...]
    family: str
    program: int
    low: int
    high: int


def _read_table() -> tuple[Instrument, ...]:
    with Path(__file__).with_name("instruments.csv").open(newline="", encoding="utf-8") as file:
        return tuple(
            Instrument(
                row["name"],
                tuple(row["aliases"].split()),
                row["family"],
                *(int(row[column]) for column in ("program", "low", "high")),
            )
            for row in csv.DictReader(file)
        )


INSTRUMENTS = _read_table()
_BY_NAME = {alias: row for row in INSTRUMENTS for alias in (row.name, *row.aliases)}


def find_instrument(name: str) -> Instrument | None:
    """As `instrument`, but None for an unknown name."""
    plain, unnumbered = _plain(name)
    return _BY_NAME.get(plain) or _BY_NAME.get(unnumbered)


def instrument(name: str) -> Instrument:
    """The instrument with this name, in any case, by alias or numbered (`Violin II`, `vn-1`).

    KeyError with the nearest name.
    """
    if found := find_instrument(name):
        return found
    near = difflib.get_close_matches(_plain(name)[1], _BY_NAME, n=1, cutoff=0.5)
    hint = f"did you mean '{_BY_NAME[near[0]].name}'?" if near else "see INSTRUMENTS for the names."
    raise KeyError(f"There is no instrument '{name}'; {hint}")


def _plain(name: str) -> tuple[str, str]:
    """Lower case, joined by hyphens, with and without its number: `violin-ii` and `violin`."""
    plain = re.sub(r"[\s_.\-]+", "-", name.strip().lower()).strip("-")
    return plain, re.sub(r"-?\d+$|-(i{1,3}|iv)$", "", plain)
