"""Score files of either kind, told apart by their content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .midi import read_midi
from .musicxml import unfoldings
from .scores import Score

MARKS = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"  # byte-order marks and blanks before XML


def read_score(path: Path | str) -> Score:
    """MIDI or MusicXML, whatever the file is called. ValueError for anything else."""
    return next(read_unfoldings(path))


def read_unfoldings(path: Path | str) -> Iterator[Score]:
    """The score as written, then with fewer repeats where it has some; see `unfoldings`.

    A MIDI file is one score: its repeats are written out. ValueError for anything else.
    """
    path = Path(path)
    start = _start(path)
    if b"MThd" in start:
        yield read_midi(path)
    elif start[:2] == b"PK" or start.lstrip(MARKS)[:1] == b"<":
        yield from unfoldings(path)
    else:
        raise ValueError(f"{path.name}: is neither MIDI nor MusicXML (.mid, .musicxml, .mxl).")


def is_midi(path: Path | str) -> bool:
    """Whether a score has notes without notation, whatever the file is called."""
    return b"MThd" in _start(Path(path))


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(256)
