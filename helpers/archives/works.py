"""Whose recordings are in a data set, what they may be used for, and which are of one work.

A table `recordings.csv` in the folder of recordings says so for each of them; what all have in
common can be given once instead.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from ..folders import FolderError
from ..music.scores import Part, Score
from .listing import Entry

NAME = "recordings.csv"
SCORE_SUFFIXES = (".mid", ".midi", ".musicxml", ".mxl", ".xml")
SPLITS = {"train": 0.8, "validation": 0.1, "test": 0.1}  # shares of the time
INTERVALS = 8  # successive intervals of a line that are compared
VARIED = 4  # different intervals among them; scales and repeated notes are in every work
SAME_MELODY = 0.05  # the least share of one line's passages that the other has too
LEAST_PASSAGES = 3


@dataclass(frozen=True)
class Description:
    """The columns of `recordings.csv`. recording: its path below the folder, with or without
    suffix. work: recordings of one work never stand in two splits. source: where it is from, such
    as an address. licence: of the recording, in words or as an SPDX name."""

    recording: str
    work: str
    source: str
    licence: str


COLUMNS = [field.name for field in fields(Description)]


def described(
    entries: Sequence[Entry], folder: Path, licence: str = "", source: str = ""
) -> dict[str, Description]:
    """What is known of each recording, by its folder of stems.

    licence, source: of those for which the table in `folder` has none. A work without a name is
    that of the recording. FolderError where a licence or a source is missing, for a table with
    other columns, and for one that names a recording that is not there.
    """
    table = _read(folder / NAME)
    known = {}
    for entry in entries:
        path = Path(entry.source)
        names = (path.relative_to(folder).as_posix(), entry.folder)
        row = next((table.pop(name) for name in names if name in table), {})
        found = {"work": entry.folder, "source": source, "licence": licence} | {
            name: text.strip() for name, text in row.items() if text and text.strip()
        }
        known[entry.folder] = Description(**{**found, "recording": names[0]})
    if table:
        raise FolderError(
            f"{folder / NAME}: there is no recording '{next(iter(table))}'; correct its name."
        )
    for name in ("licence", "source"):
        if lacking := [each.recording for each in known.values() if not getattr(each, name)]:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise FolderError(
                f"{lacking[0]}{more}: the {name} is not known; write it into {folder / NAME}"
                f" (columns {', '.join(COLUMNS)}), or pass --{name} for all recordings."
            )
    return known


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.DictReader(file)
        if set(reader.fieldnames or ()) - set(COLUMNS) or "recording" not in reader.fieldnames:
            raise FolderError(f"{path}: its columns should be {', '.join(COLUMNS)}.")
        rows = [dict(row) for row in reader]
    if any(None in row for row in rows):
        raise FolderError(f"{path}: a line has more cells than columns; put quotes around commas.")
    return {row["recording"].strip(): row for row in rows}


def find_scores(entries: Iterable[Entry], folder: Path, scores: Path) -> dict[str, Path]:
    """The score of each recording in `folder` that has one, by its folder of stems.

    A score has the path of the recording below `scores`, or its name anywhere there, with a suffix
    of its own. FolderError where two scores have the name of one recording.
    """
    files = [path for path in sorted(scores.rglob("*")) if path.suffix.lower() in SCORE_SUFFIXES]
    found = {}
    for entry in entries:
        place = scores / Path(entry.source).relative_to(folder).with_suffix("")
        beside = [path for path in files if path.with_suffix("") == place]
        named = beside or [path for path in files if path.stem == place.name]
        if len(named) > 1:
            raise FolderError(
                f"{named[0]}: the recording {entry.folder} has another score, {named[1]}; keep one."
            )
        if named:
            found[entry.folder] = named[0]
    return found


def passages(score: Score) -> set[tuple[int, ...]]:
    """The melodic passages of all parts, as successive intervals: the same in every key.

    Of notes that begin together the highest counts.
    """
    return set().union(*map(_passages, score.parts))


def _passages(part: Part) -> set[tuple[int, ...]]:
    line: dict[float, float] = {}
    for note in part.notes:
        onset = round(note.onset, 3)
        line[onset] = max(line.get(onset, 0.0), note.pitch)
    pitches = [line[onset] for onset in sorted(line)]
    steps = [round(b - a) for a, b in zip(pitches, pitches[1:], strict=False)]
    cuts = (tuple(steps[i : i + INTERVALS]) for i in range(len(steps) - INTERVALS + 1))
    return {cut for cut in cuts if len(set(cut)) >= VARIED}


def groups(
    works: Mapping[str, str], melodies: Mapping[str, set[tuple[int, ...]]]
) -> dict[str, str]:
    """The group of each recording: those of one work, or with melodies in common, are together.

    works: by recording. melodies: of the scores, where there are some. A group is named after its
    first work.
    """
    names = sorted(works)
    parents = {name: name for name in names}

    def root(name: str) -> str:
        while parents[name] != name:
            name = parents[name]
        return name

    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            if works[one] == works[other] or _share_a_melody(
                melodies.get(one, set()), melodies.get(other, set())
            ):
                parents[root(other)] = root(one)
    first: dict[str, str] = {}
    for name in names:
        first[root(name)] = min(first.get(root(name), works[name]), works[name])
    return {name: first[root(name)] for name in names}


def _share_a_melody(one: set[tuple[int, ...]], other: set[tuple[int, ...]]) -> bool:
    common = len(one & other)
    return common >= LEAST_PASSAGES and common >= SAME_MELODY * min(len(one), len(other))


def splits(of: Mapping[str, str], seconds: Mapping[str, float]) -> dict[str, str]:
    """The split of each recording: whole groups, drawn by the hash of their names.

    of: the group of each recording. Validation and test get a tenth of the time or a little more,
    and one group at least where there are three.
    """
    order = sorted(set(of.values()), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    length = {name: sum(seconds[r] for r, group in of.items() if group == name) for name in order}
    total, chosen = sum(length.values()), {}
    left = list(order)
    for split in ("test", "validation"):
        got = 0.0
        while len(left) > (2 if split == "test" else 1) and got < SPLITS[split] * total:
            got += length[left[0]]
            chosen[left.pop(0)] = split
    return {recording: chosen.get(group, "train") for recording, group in of.items()}
