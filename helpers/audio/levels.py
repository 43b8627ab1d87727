"""Peak and RMS level of a signal, in memory or in blocks."""

from __future__ import annotations

import math

import numpy as np

CEILING = 0.999  # the highest peak after `safe_gain`; rounding to integers cannot exceed 1 then


class Level:
    """Peak and energy of all blocks so far, over all channels."""

    def __init__(self) -> None:
        self.peak = 0.0
        self.energy = 0.0
        self.count = 0

    def update(self, block: np.ndarray) -> None:
        """block: (channels, samples)."""
        if block.size:
            self.peak = max(self.peak, float(np.abs(block).max()))
            self.energy += float(np.square(block, dtype=np.float64).sum())
            self.count += block.size

    def describe(self, gain: float = 1.0) -> dict[str, float | None]:
        """Peak and RMS in dB re full scale after `gain`; None for silence.

        A sine of amplitude 1 has a peak of 0 dB and an RMS of -3.01 dB.
        """
        rms = math.sqrt(self.energy / self.count) if self.count else 0.0
        return {"peak_dbfs": decibels(gain * self.peak), "rms_dbfs": decibels(gain * rms)}


def rms(sound: np.ndarray) -> float:
    """Root mean square, as a fraction of full scale; 0 for an empty signal."""
    return float(np.sqrt(np.mean(sound**2))) if sound.size else 0.0


def decibels(amplitude: float) -> float | None:
    """20 log10, rounded to 0.01; None for zero, since JSON has no infinity."""
    return round(20 * math.log10(amplitude), 2) if amplitude > 0 else None


def safe_gain(peak: float) -> float:
    """The gain that keeps a peak from clipping in integers: 1 where it would not clip."""
    return 1.0 if peak <= 1.0 else CEILING / peak
