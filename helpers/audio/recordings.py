"""A recording to separate, read to its end once before any work begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .audio import AudioFile
from .levels import Level


@dataclass(frozen=True)
class Recording:
    """An audio file and what its first reading found.

    frames: those that can be read, whatever the header says.
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
        """The samples from the start, as float32 (channels, n)."""
        with AudioFile(self.path, self.repair) as audio:
            yield from audio.blocks()


def examine(path: str | Path, repair: bool = False) -> Recording:
    """Read a file to its end, so that a fault in its last second is known before work begins.

    Raises AudioError for a file that cannot be separated.
    """
    level, frames = Level(), 0
    with AudioFile(path, repair) as audio:
        for block in audio.blocks():
            frames += block.shape[-1]
            level.update(block)
    warnings = list(audio.warnings)
    if level.peak == 0:
        warnings.append(f"{audio.path.name}: is silent, and so are its stems.")
    return Recording(
        audio.path, repair, audio.sample_rate, audio.channels, frames, audio.is_float, level,
        tuple(warnings),
    )  # fmt: skip


def beginning(blocks: Iterable[np.ndarray], frames: int) -> np.ndarray:
    """The first `frames` samples of blocks (channels, n), or as many as there are."""
    taken, missing = [], frames
    for block in blocks:
        taken.append(block[:, :missing])
        missing -= taken[-1].shape[1]
        if not missing:
            break
    return np.concatenate(taken, axis=1)
