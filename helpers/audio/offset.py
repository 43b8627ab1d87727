"""The DC offset of a recording, such as cheap interfaces add, measured and removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

#: Energy of the offset relative to the recording, in dB, up to which it is left alone. Recordings
#: of Bach10 come with -16 to -22 dB: with or without it `chamber` and `bach-quartet` give the same
#: SI-SDR within 0.1 dB, but networks that learned from such recordings expect it.
NEGLIGIBLE = -12.0
WINDOW = 1.0  # seconds


class Offset:
    """The means of successive windows of each channel, with straight lines between their centres.

    A constant offset is removed exactly. One that drifts, or begins behind digital silence, is
    followed within a window; what sounds lies far above these frequencies and stays as it is.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.window = max(1, round(WINDOW * sample_rate))
        self.channels = channels
        self.energy = 0.0
        self._sums = [np.zeros(channels)]
        self._count = 0  # of samples in the last window

    def update(self, block: np.ndarray) -> None:
        """Measure the next block, (channels, n)."""
        self.energy += float(np.square(block, dtype=np.float64).sum())
        while block.shape[1]:
            taken = block[:, : self.window - self._count]
            self._sums[-1] = self._sums[-1] + taken.sum(axis=1, dtype=np.float64)
            self._count += taken.shape[1]
            block = block[:, taken.shape[1] :]
            if self._count == self.window:
                self._sums.append(np.zeros(self.channels))
                self._count = 0

    @property
    def means(self) -> np.ndarray:
        """(windows, channels); the rest behind the last whole window counts as a part of it."""
        sums, counts = np.array(self._sums), np.full(len(self._sums), float(self.window))
        counts[-1] = self._count
        if len(sums) > 1:
            sums[-2] += sums[-1]
            counts[-2] += counts[-1]
            sums, counts = sums[:-1], counts[:-1]
        return sums / np.maximum(counts, 1)[:, None]

    @property
    def is_negligible(self) -> bool:
        """Also of what is shorter than a window: a few periods of a tone need not sum to zero."""
        if len(self._sums) < 2:
            return True
        offset = float(np.square(self.means).sum()) * self.window
        return offset <= self.energy * 10 ** (NEGLIGIBLE / 10)

    def removed(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks from the start, float32 (channels, n), without the offset."""
        means = self.means
        centres = (np.arange(len(means)) + 0.5) * self.window
        start = 0
        for block in blocks:
            times = np.arange(start, start + block.shape[1])
            start += block.shape[1]
            offset = [np.interp(times, centres, channel) for channel in means.T]
            yield (block - np.array(offset)).astype(np.float32)


def without_offset(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """float32 (channels, samples) without its DC offset; itself where that is negligible."""
    offset = Offset(sample_rate, len(audio))
    offset.update(audio)
    return audio if offset.is_negligible else next(offset.removed([audio]))
