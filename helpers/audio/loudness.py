"""Integrated loudness of audio in blocks, by pyloudnorm's measurement of each 400 ms.

ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio level".
"""

from __future__ import annotations

import math

import numpy as np

SECONDS = 10  # measured at a time
BEFORE = 1  # seconds measured again in front, in which the filters settle
STEP, WINDOW = 0.1, 0.4  # seconds
SILENCE = -70.0  # LUFS, the absolute threshold
GATE = 10.0  # LU below the mean of what is above `SILENCE`
MOST_CHANNELS = 5  # that BS.1770 weights without a low-frequency channel


class Loudness:
    """The integrated loudness of all blocks so far. Memory: eleven seconds of audio."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.sample_rate = sample_rate
        self.is_known = channels <= MOST_CHANNELS
        self._kept = np.zeros((channels, 0), np.float32)
        self._behind = 0  # windows at the start of `_kept` that were measured before
        self._windows: list[float] = []  # LUFS

    def update(self, block: np.ndarray) -> None:
        """block: (channels, samples)."""
        if not self.is_known:
            return
        self._kept = np.concatenate([self._kept, block], axis=1)
        whole, rate = SECONDS * self.sample_rate, self.sample_rate
        while self._kept.shape[1] >= whole + rate:
            # The last windows begin within the piece and end behind it.
            self._measure(self._kept[:, : whole + round((WINDOW - STEP) * rate)])
            self._kept = self._kept[:, whole - BEFORE * rate :]
            self._behind = round(BEFORE / STEP)

    def _measure(self, piece: np.ndarray) -> None:
        self._windows += windows(piece, self.sample_rate)[self._behind :]

    def integrated(self) -> float | None:
        """In LUFS; None for silence, for less than 0.4 s, and for more than 5 channels.

        It ends the measurement.
        """
        if self.is_known and self._kept.shape[1] >= WINDOW * self.sample_rate:
            self._measure(self._kept)
        self._kept = self._kept[:, :0]
        levels = np.array(self._windows)
        loud = levels[levels >= SILENCE]
        if not loud.size:
            return None
        loud = loud[loud > _mean(loud) - GATE]
        return _mean(loud)


def windows(audio: np.ndarray, sample_rate: int) -> list[float]:
    """The loudness in LUFS of each window of 400 ms, 100 ms apart; -inf for silence."""
    from pyloudnorm import Meter  # it imports scipy

    meter = Meter(sample_rate, block_size=WINDOW)
    with np.errstate(divide="ignore", invalid="ignore"):
        meter.integrated_loudness(audio.T.astype(np.float64))
    return list(map(float, meter.blockwise_loudness))


def _mean(levels: np.ndarray) -> float:
    """The mean power of levels, in dB."""
    return 10 * math.log10(np.mean(10 ** (levels / 10)))
