"""The index of a folder of recorded notes: which note each file holds, and who plays it.

`index.csv` has a row for each file. Columns that are used:

- `file`: its path in the folder.
- `pitch`: `A#4` (C4 is MIDI pitch 60), or the MIDI pitch as a number.
- `dynamic` or `layer`: `mezzo-forte` or `MF`; the number of a layer, such as `11` or `level3`; or
  `crescendo` and the like for a note that swells.
- `instrument`: as anybody writes it; by default the one in the folder's name: `grand_piano`.
- `length`: `phrase` for a solo passage, which is not a note; all other lengths are measured.
- `set`: the source of a note, where a folder has several; a folder without sets is one source.
- `gain_db`: how much the file was raised above the level of its source.

A player is a set, or a folder without sets, as the path `FOLDER/SET` or `FOLDER`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..music.instruments import find_instrument

INDEX = "index.csv"
DYNAMICS = ("pianissimo", "piano", "mezzo-piano", "mezzo-forte", "forte", "fortissimo")
SHORT_DYNAMICS = ("PP", "P", "MP", "MF", "F", "FF")
SWELLS = ("crescendo", "decrescendo", "cresc-decresc")
MIDDLE = (len(DYNAMICS) - 1) / 2  # the dynamic of a note that swells
PHRASE = "phrase"
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

#: A folder of recorded notes or a set in it, several of them, or none.
NotesRoot = Path | Sequence[Path] | None

LAYER = r"(?:level)?(\d{1,3})"
#: The cells that are used, as patterns.
COLUMNS = {
    "instrument": ".+",
    "pitch": r"[A-G]#?-?\d|\d{1,3}",
    "dynamic": "|".join((*DYNAMICS, *SHORT_DYNAMICS, *SWELLS, LAYER)),
    "file": ".+",
    "gain_db": r"(-?\d+(\.\d+)?)?",
}


@dataclass(frozen=True)
class IndexedNote:
    """A row of an index.

    pitch: MIDI. dynamic: 0 to 5, pianissimo to fortissimo. swells: whether it changes. gain: dB
    above the level of the source. phrase: a solo passage that begins with this pitch.
    """

    instrument: str
    pitch: int
    dynamic: float
    file: str
    swells: bool = False
    gain: float = 0.0
    set: str = ""
    phrase: bool = False


def indexed_notes(player: Path | str) -> list[IndexedNote]:
    """All rows of a folder, or of one of its sets, whose instrument is in the table.

    ValueError if there is no index.csv, and with the line where a cell is wrong.
    """
    folder, chosen = folder_and_set(player)
    notes = _read_notes(folder, (folder / INDEX).stat().st_mtime_ns)
    return [note for note in notes if chosen in ("", note.set)]


@lru_cache(maxsize=64)
def _read_notes(folder: Path, modified: int) -> tuple[IndexedNote, ...]:
    """All notes of a folder. modified: of the index, so that a changed one is read again."""
    words = re.split(r"[\s_\-]+", folder.name)
    own = next(filter(None, map(find_instrument, reversed(words))), None)
    columns = ("pitch", "dynamic", "file", "gain_db")
    rows = read_index(folder / INDEX, *(columns if own else ("instrument", *columns)))
    loudness = _loudness(rows)
    notes = []
    for row in rows:
        found = find_instrument(row["instrument"]) if row.get("instrument") else own
        source = row.get("set", "")
        if found is None:
            continue
        notes.append(
            IndexedNote(
                instrument=found.name,
                pitch=midi_pitch(row["pitch"]),
                dynamic=loudness[source, row["dynamic"]],
                file=row["file"],
                swells=row["dynamic"] in SWELLS,
                gain=float(row.get("gain_db") or 0.0),
                set=source,
                phrase=row.get("length") == PHRASE,
            )
        )
    return tuple(notes)


def folder_and_set(player: Path | str) -> tuple[Path, str]:
    """The folder of a player and the name of its set, empty for a whole folder.

    ValueError if there is no index.csv.
    """
    player = Path(player)
    if (player / INDEX).is_file():
        return player, ""
    if (player.parent / INDEX).is_file():
        return player.parent, player.name
    raise ValueError(f"{player}: there is no index.csv; give a folder of recorded notes.")


def note_folders(root: NotesRoot) -> list[Path]:
    """None, one or several folders or sets as a list."""
    if root is None:
        return []
    return [Path(root)] if isinstance(root, str | Path) else [Path(folder) for folder in root]


def note_players(root: NotesRoot, instrument: str | None = None) -> list[Path]:
    """The players in some folders, or those of an instrument, in the order of the folders."""
    players: dict[Path, None] = {}
    for collection in note_folders(root):
        folder, _ = folder_and_set(collection)
        for note in indexed_notes(collection):
            if not note.phrase and instrument in (None, note.instrument):
                own = note.set in ("", folder.name)  # a set may have an index of its own, too
                players[folder if own else folder / note.set] = None
    return list(players)


def recorded_phrases(root: NotesRoot) -> dict[str, list[Path]]:
    """The files of solo passages in some folders, by instrument."""
    found: dict[str, list[Path]] = {}
    for collection in note_folders(root):
        folder, _ = folder_and_set(collection)
        for note in indexed_notes(collection):
            if note.phrase:
                found.setdefault(note.instrument, []).append(folder / note.file)
    return found


def midi_pitch(name: str) -> int:
    """Of a name such as `A#4`, or of a number."""
    if name.isdigit():
        return int(name)
    return STEPS[name[0]] + name.count("#") + 12 * (int(name.lstrip("ABCDEFG#")) + 1)


def read_index(path: Path, *columns: str) -> list[dict[str, str]]:
    """The rows of an index.csv; ValueError, with the line, where a cell of `columns` is wrong."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines, rows = csv.DictReader(file, strict=True), []
        try:
            for row in lines:
                row["dynamic"] = row.get("dynamic") or row.get("layer")
                for name in columns:
                    if not re.fullmatch(COLUMNS[name], row.get(name) or ""):
                        raise ValueError(f"its {name} is {row.get(name)!r}")
                rows.append(row)
        except (ValueError, csv.Error) as error:
            raise ValueError(
                f"{path}: line {max(lines.line_num, 1)} is wrong ({error}); it must have the"
                f" columns {', '.join(columns)}, with commas between them, in UTF-8."
            ) from error
    return rows


def _loudness(rows: list[dict[str, str]]) -> dict[tuple[str, str], float]:
    """0 to 5 for each set and dynamic; layers go from the lowest number of a set to the highest."""
    loudness: dict[tuple[str, str], float] = {}
    layers: dict[str, dict[str, int]] = {}
    for row in rows:
        source, cell = row.get("set", ""), row["dynamic"]
        if layer := re.fullmatch(LAYER, cell):
            layers.setdefault(source, {})[cell] = int(layer[1])
        elif cell in SWELLS:
            loudness[source, cell] = MIDDLE
        else:
            names = DYNAMICS if cell in DYNAMICS else SHORT_DYNAMICS
            loudness[source, cell] = float(names.index(cell))
    for source, numbers in layers.items():
        softest, loudest = min(numbers.values()), max(numbers.values())
        for cell, number in numbers.items():
            share = (number - softest) / (loudest - softest) if loudest > softest else 0.5
            loudness[source, cell] = share * (len(DYNAMICS) - 1)
    return loudness
