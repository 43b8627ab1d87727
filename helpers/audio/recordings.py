"""A recording that is to be separated: read to its end once, before any work begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .audio import open_audio
from .levels import Level

BLOCK = 1 << 16  # samples read at a time


@dataclass(frozen=True)
class Recording:
    """One audio file and what a first reading of it told.

    frames: what can be read, whatever the header says.
    """

    path: Path
    repair: bool
    sample_rate: int
    channels: int
    frames: int
    is_float: bool
    level: Level
    warnings: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate

    def blocks(self) -> Iterator[np.ndarray]:
        """The samples, float32 (channels, n) at a time."""
        with open_audio(self.path, repair=self.repair) as audio:
            yield from audio.blocks(BLOCK)


def examine(path: Path, repair: bool = False) -> Recording:
    """Read a file to its end, so that a fault in its last second is known before work begins.

    Raises AudioError where it cannot be separated.
    """
    level, frames = Level(), 0
    with open_audio(path, repair=repair) as audio:
        for block in audio.blocks(BLOCK):
            frames += block.shape[-1]
            level.update(block)
        warnings = list(audio.warnings)
        if level.peak == 0:
            warnings.append(f"{path.name}: is silent, and so are its stems.")
        return Recording(
            path, repair, audio.sample_rate, audio.channels, frames, audio.is_float, level,
            tuple(warnings),
        )  # fmt: skip


def excerpt(blocks: Iterator[np.ndarray], first: int, frames: int) -> np.ndarray:
    """Samples `first` to `first + frames` of blocks (channels, n), or as many as there are."""
    taken, start = [], 0
    for block in blocks:
        taken.append(block[:, max(0, first - start) : max(0, first + frames - start)])
        start += block.shape[1]
        if start >= first + frames:
            break
    return np.concatenate(taken, axis=1)
