"""Real recordings for a stem bank: solo passages, tracks and folders of published corpora."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..audio.track import Track
from .fingerprints import load_training_stem
from .multitracks import multitrack_stems
from .stem_bank import RenderedStem
from .stem_folders import StemFolder, source_name


@dataclass(frozen=True)
class RealPiece:
    """A real recording in the stem bank, identified by its content.

    An overwritten file makes a new piece, so that the bank stores it again.
    """

    name: str
    sha256: str
    source: Track | StemFolder | Sequence[Path] = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.name}-{self.sha256[:16]}"


def solo_stems(piece: RealPiece, sample_rate: int) -> Iterator[RenderedStem]:
    """The solo passages of one instrument, `piece.name`, in the files `piece.source`.

    AudioError for a recording that is kept for evaluation, under any name.
    """
    for path in piece.source:
        yield RenderedStem(piece.name, "solo", None, load_training_stem(path, sample_rate))


def track_stems(piece: RealPiece, instruments: Sequence[str]) -> Iterator[RenderedStem]:
    """The stems of a mono track; `voice` is the index of the instrument."""
    for voice, instrument in enumerate(instruments):
        if instrument in piece.source.stems:
            yield RenderedStem(instrument, "real", voice, piece.source.stems[instrument])


def folder_stems(
    piece: RealPiece, instruments: Sequence[str], sample_rate: int
) -> Iterator[RenderedStem]:
    """The stems of a folder of a published corpus; see `multitrack_stems`."""
    yield from multitrack_stems(piece.name, {piece.name: piece.source}, instruments, sample_rate)


def all_stems(piece: RealPiece, sample_rate: int) -> Iterator[RenderedStem]:
    """Every stem of a folder in mono, named as `source_name` does, `voice` its place.

    AudioError for a recording that is kept for evaluation, under any name.
    """
    for voice, (name, path) in enumerate(piece.source.stems.items()):
        stem = load_training_stem(path, sample_rate)
        yield RenderedStem(source_name(name), "real", voice, stem)
