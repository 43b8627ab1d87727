"""What a folder of real recordings holds, as the project would read it, and what is wrong there."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from ..audio.audio import AudioFile
from ..audio.track import AudioError
from ..files import file_sha256
from ..synthesis.note_index import read_index
from .stem_folders import StemFolder, find_tracks, instrument_name, solos

#: Recorded notes: folders with an index.csv that names a file for each note.
INDEX = "index.csv"
LONGEST = 15 * 60.0  # seconds: the mixture of a longer piece is not compared with its stems


@dataclass
class Holding:
    """A collection in the folder: what it is, where, how much of it, and its faults.

    kind: `notes`, `solos`, `pieces`. name: a corpus of the registry, a folder, or `folder`.
    """

    kind: str
    name: str
    count: int = 0
    contents: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {count}" for name, count in sorted(self.contents.items()))
        return f"{self.count} {self.kind}: {parts}"


def inventory(root: str | Path) -> list[Holding]:
    """Everything in or below `root` that the project can use; every file is looked at.

    Notes: that each file of the index exists and has its sha256, where the index has one. Solos and
    stems: that they are audio. Pieces: that the stems sum to the mixture.
    AudioError where `root` is no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise AudioError(f"{root}: there is no such folder; DIVISI_DATA must name one.")
    return [*_notes(root), *_solos(root), *_pieces(root)]


def _notes(root: Path) -> Iterator[Holding]:
    for index in sorted(root.glob(f"*/{INDEX}")):
        holding = Holding("notes", index.parent.name)
        try:
            rows = read_index(index, "file")
        except ValueError as error:
            holding.faults.append(str(error))
            rows = []
        for row in tqdm(rows, desc=index.parent.name, unit="note", disable=None):
            path = index.parent / row["file"]
            if not path.is_file():
                holding.faults.append(f"{path}: the index names it, but it is missing.")
            elif row.get("sha256") and file_sha256(path) != row["sha256"]:
                holding.faults.append(f"{path}: is not the file of the index; get it again.")
            else:
                holding.count += 1
                name = row.get("instrument") or holding.name
                holding.contents[instrument_name(name) or name] += 1
        yield holding


def _solos(root: Path) -> Iterator[Holding]:
    holdings: dict[str, Holding] = {}
    files = [(name, path) for name, paths in solos(root).items() for path in paths]
    for instrument, path in tqdm(files, desc="solos", unit="file", disable=None):
        place = path.relative_to(root).parts[0]
        holding = holdings.setdefault(place, Holding("solos", place))
        if fault := _fault(path):
            holding.faults.append(fault)
        else:
            holding.count += 1
            holding.contents[instrument] += 1
    yield from holdings.values()


def _pieces(root: Path) -> Iterator[Holding]:
    """Pieces by corpus; folders of notes and solos are not searched for stems."""
    notes = {index.parent for index in root.glob(f"*/{INDEX}")}
    notes |= {path.parent for paths in solos(root).values() for path in paths}
    try:
        found = find_tracks(root)
    except AudioError:  # there are none
        return
    pieces = [piece for piece in found if not notes & {piece.folder, *piece.folder.parents}]
    holdings: dict[str, Holding] = {}
    for piece in tqdm(pieces, desc="pieces", unit="piece", disable=None):
        name = piece.corpus.name
        holding = holdings.setdefault(name, Holding("pieces", name))
        if faults := list(_piece_faults(piece)):
            holding.faults += faults
            continue
        holding.count += 1
        holding.contents.update({instrument_name(stem) or stem for stem in piece.stems})
    yield from holdings.values()


def _piece_faults(piece: StemFolder) -> Iterator[str]:
    """What is wrong with the files of a piece, or with their sum."""
    paths = [*piece.stems.values(), *([piece.mixture] if piece.mixture else [])]
    unread = [fault for path in paths if (fault := _fault(path))]
    yield from unread
    if unread or piece.mixture is None or _seconds(piece.mixture) > LONGEST:
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            piece.load()
        except AudioError as error:
            yield f"{piece.folder}: {error}"
    yield from (f"{piece.folder}: {warning.message}" for warning in caught)


def _fault(path: Path) -> str | None:
    """One sentence on a file that cannot be read."""
    try:
        with AudioFile(path):
            return None
    except AudioError as error:
        return f"{path.parent}: {error}"


def _seconds(path: Path) -> float:
    with AudioFile(path) as file:
        return file.frames / file.sample_rate
