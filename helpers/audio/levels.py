"""Peak, RMS level and spectral flatness of a signal, in memory or in blocks."""

from __future__ import annotations

import math

import numpy as np

CEILING = 0.999  # the highest peak after `safe_gain`; rounding to integers cannot exceed 1 then
FRAME = 0.093  # seconds, of the spectra of `Flatness`
HIGHEST = 10_000.0  # Hz, above which compressed files often have nothing


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


class Flatness:
    """The spectral flatness of all blocks so far, the mean over frames weighted with their power.

    Of a frame it is the geometric over the arithmetic mean of the power spectrum up to HIGHEST: of
    white noise about 0.56, of tones near 0.

    Gray and Markel, "A spectral-flatness measure for studying the autocorrelation method of linear
    prediction of speech analysis", TASSP 1974.
    """

    def __init__(self, sample_rate: int) -> None:
        self.window = np.hanning(max(16, round(FRAME * sample_rate)))
        frequencies = np.fft.rfftfreq(len(self.window), 1 / sample_rate)
        self.bins = slice(2, int(np.searchsorted(frequencies, HIGHEST)))
        self.weighted, self.power = 0.0, 0.0

    def update(self, block: np.ndarray) -> None:
        """block: (channels, samples); what is left of it after whole frames is not heard."""
        size = len(self.window)
        count = block.shape[-1] // size
        frames = block[:, : count * size].reshape(len(block), count, size) * self.window
        for each in np.array_split(frames, max(1, count // 256), axis=1):  # in constant memory
            powers = np.square(np.abs(np.fft.rfft(each))).mean(axis=0)[:, self.bins]
            heard = powers[powers.sum(axis=1) > 0]
            flat = np.exp(np.log(heard + np.finfo(float).tiny).mean(axis=1)) / heard.mean(axis=1)
            self.weighted += float((flat * heard.sum(axis=1)).sum())
            self.power += float(heard.sum())

    @property
    def value(self) -> float:
        """From 0 to 1; 0 of silence."""
        return self.weighted / self.power if self.power else 0.0


def rms(sound: np.ndarray) -> float:
    """Root mean square, as a fraction of full scale; 0 for an empty signal."""
    return float(np.sqrt(np.mean(sound**2))) if sound.size else 0.0


def decibels(amplitude: float) -> float | None:
    """20 log10, rounded to 0.01; None for zero, since JSON has no infinity."""
    return round(20 * math.log10(amplitude), 2) if amplitude > 0 else None


def safe_gain(peak: float) -> float:
    """The gain that keeps a peak from clipping in integers: 1 where it would not clip."""
    return 1.0 if peak <= 1.0 else CEILING / peak
