"""Pieces on disk, read in blocks in constant memory; every file is read to its end first."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Protocol

import numpy as np

from ..audio.levels import Level
from ..audio.recordings import Recording, examine
from ..audio.track import AudioError, Track
from ..audio.wav import AtomicWav
from ..datasets.stem_folders import StemFolder, common_format, warn_of_residual
from .baselines import hop_length

HOPS = 128  # of the oracle masks, in one block
CONTEXT = 4  # hops on either side of a block, on which the masks in it depend


class Blocks(Protocol):
    """A file whose samples come in blocks, float32 (channels, n), from the start at each call."""

    def blocks(self) -> Iterator[np.ndarray]: ...


@dataclass(frozen=True)
class Piece:
    """A piece on disk of which every file was read to its end.

    stems: the players of each source of a model, and of other instruments. mixture: the recorded
    one, if there is one.
    """

    name: str
    stems: dict[str, list[Blocks]] = field(repr=False)
    mixture: Recording | None = field(repr=False)
    sample_rate: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(stems (S, C, n), mixture (C, n)) from the start; the players of a source are summed."""
        files = [*chain(*self.stems.values()), *([self.mixture] if self.mixture else [])]
        counts = np.cumsum([0, *map(len, self.stems.values())])
        for parts in zip(*(self.aligned(file.blocks()) for file in files), strict=True):
            stems = np.stack([sum(parts[a:b]) for a, b in zip(counts, counts[1:], strict=False)])
            yield stems, parts[-1] if self.mixture else stems.sum(axis=0)

    def aligned(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Blocks of any size -> blocks (C, n) that fit together, with silence up to the end."""
        size, left = HOPS * hop_length(self.sample_rate), self.frames
        silence = np.zeros((self.channels, size), np.float32)
        blocks, ahead = chain(blocks, repeat(silence)), silence[:, :0]
        while left > 0:
            count = min(size, left)
            while ahead.shape[1] < count:
                block = next(blocks)
                block = np.broadcast_to(block, (self.channels, block.shape[1]))  # mono is repeated
                ahead = np.concatenate([ahead, block], axis=1)
            yield ahead[:, :count]
            ahead, left = ahead[:, count:], left - count

    def tracks(self) -> Iterator[tuple[Track, slice]]:
        """Each block as a Track with some context around it, and where in that the block is."""
        context = CONTEXT * hop_length(self.sample_rate)
        blocks = (np.concatenate([stems, mixture[None]]) for stems, mixture in self.blocks())
        block = next(blocks)
        before = block[..., :0]
        for after in chain(blocks, [before]):
            signals = np.concatenate([before, block, after[..., :context]], axis=-1)
            stems = dict(zip(self.stems, signals[:-1], strict=True))
            start = before.shape[-1]
            track = Track(self.name, self.sample_rate, stems, signals[-1])
            yield track, slice(start, start + block.shape[-1])
            before, block = block[..., -context:], after


def examine_piece(folder: StemFolder, sources: Mapping[str, str]) -> Piece:
    """Read all files of a piece. sources: for each stem the source that it is a player of.

    AudioError for a bad file, and for files that do not fit together. Warns where the mixture
    differs from the sum of the stems by more than is usual in the corpus.
    """
    paths = [*folder.stems.values(), *([folder.mixture] if folder.mixture else [])]
    recordings = {path: examine_file(path, folder.name) for path in paths}
    formats = {path: (each.sample_rate, each.channels) for path, each in recordings.items()}
    rate, channels = common_format(folder.name, formats)
    stems: dict[str, list[Recording]] = {}
    for name, path in folder.stems.items():
        stems.setdefault(sources[name], []).append(recordings[path])
    mixture = folder.mixture and recordings[folder.mixture]
    frames = max(each.frames for each in recordings.values())
    piece = Piece(folder.name, stems, mixture, rate, channels, frames)
    if mixture:
        difference, whole = Level(), Level()
        for parts, recorded in piece.blocks():
            difference.update(recorded - parts.sum(axis=0))
            whole.update(recorded)
        if difference.energy:
            ratio = difference.energy / whole.energy if whole.energy else np.inf
            warn_of_residual(folder, 10 * np.log10(ratio))
    return piece


def examine_file(path: Path, piece: str) -> Recording:
    """Read a file to its end; errors and warnings begin with the piece."""
    try:
        recording = examine(path)
    except AudioError as error:
        raise AudioError(f"{piece}/{error}") from error
    sounds = recording.level.peak > 0  # an instrument may rest for a whole piece
    for sentence in recording.warnings if sounds else ():
        warnings.warn(f"{piece}/{sentence}", stacklevel=2)
    return recording


def write_mixture(piece: Piece, path: Path) -> Recording:
    """The recorded mixture, or the sum of the stems, as a file in 32-bit float."""
    with AtomicWav(path, piece.sample_rate, piece.channels, "FLOAT", piece.frames) as file:
        for _, mixture in piece.blocks():
            file.write(mixture)
    return examine(path)
