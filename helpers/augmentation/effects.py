"""Effects on single stems, between the instrument and the microphone.

Each effect is a frozen dataclass: `draw` chooses its parameters with a generator and `apply` uses
them, so that a mixture can be described, replayed and tested. Stems are float32 (channels,
samples) and keep their shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import soxr
from scipy import fft, signal


class Effect(Protocol):
    """What all effects have in common."""

    def apply(self, stem: np.ndarray, sample_rate: int) -> np.ndarray: ...


def filter_magnitude(stem: np.ndarray, sample_rate: int, hertz, decibels) -> np.ndarray:
    """A zero-phase filter with a gain in dB interpolated over log-frequency between points.

    stem: (..., samples), padded with 0.1 s of zeros against circular convolution.
    """
    length = fft.next_fast_len(stem.shape[-1] + sample_rate // 10, real=True)
    curve = np.interp(_octaves(length, sample_rate), np.log2(hertz), decibels)
    gains = np.exp2(curve.astype(np.float32) * np.float32(np.log2(10) / 20))
    filtered = fft.irfft(fft.rfft(stem, length) * gains, length)
    return filtered[..., : stem.shape[-1]].astype(np.float32)


@lru_cache(maxsize=4)
def _octaves(length: int, sample_rate: int) -> np.ndarray:
    """log2 of the frequency in Hz of each bin of a spectrum; 0 below 1 Hz."""
    return np.log2(np.maximum(fft.rfftfreq(length, 1 / sample_rate), 1.0))


@dataclass(frozen=True)
class Gain:
    """A change of level in dB."""

    decibels: float

    @classmethod
    def draw(cls, rng: np.random.Generator, spread: float = 3.0) -> Gain:
        return cls(rng.normal(0.0, spread))

    def apply(self, stem: np.ndarray, sample_rate: int) -> np.ndarray:
        return stem * np.float32(10 ** (self.decibels / 20))


@dataclass(frozen=True)
class Tilt:
    """A spectral slope in dB per octave above a corner frequency, such as that of loud playing.

    Chapter: 04.
    """

    slope: float
    corner: float = 500.0

    @classmethod
    def draw(cls, rng: np.random.Generator, low: float = -9.0, high: float = 3.0) -> Tilt:
        return cls(rng.uniform(low, high))

    def apply(self, stem: np.ndarray, sample_rate: int) -> np.ndarray:
        top = sample_rate / 2
        if top <= self.corner:
            return stem
        drop = self.slope * np.log2(top / self.corner)
        return filter_magnitude(stem, sample_rate, [self.corner, top], [0.0, drop])


@dataclass(frozen=True)
class Equaliser:
    """Gains in dB at log-spaced frequencies, such as those of an instrument's body."""

    hertz: tuple[float, ...]
    decibels: tuple[float, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, spread: float = 4.0) -> Equaliser:
        hertz = 62.5 * 2 ** np.arange(0, 8, 0.75)
        return cls(tuple(hertz.tolist()), tuple(rng.normal(0.0, spread, len(hertz)).tolist()))

    def apply(self, stem: np.ndarray, sample_rate: int) -> np.ndarray:
        return filter_magnitude(stem, sample_rate, self.hertz, self.decibels)


@dataclass(frozen=True)
class Compression:
    """A feed-forward compressor: above `threshold` dBFS, `ratio` dB in become 1 dB out.

    The level is the mean square over 5 ms, smoothed by a one-pole filter of `release` seconds.
    Giannoulis et al., "Digital dynamic range compressor design", JAES 2012.
    """

    threshold: float
    ratio: float
    release: float = 0.1

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Compression:
        return cls(rng.uniform(-36.0, -18.0), rng.uniform(1.2, 3.0), rng.uniform(0.05, 0.3))

    def apply(self, stem: np.ndarray, sample_rate: int) -> np.ndarray:
        block = max(1, int(0.005 * sample_rate))
        count = -(-stem.shape[-1] // block)
        power = np.zeros(count * block, np.float32)
        power[: stem.shape[-1]] = (stem**2).mean(0)
        level = power.reshape(count, block).mean(1)
        keep = np.exp(-0.005 / self.release)
        level = signal.lfilter([1 - keep], [1, -keep], level)
        over = np.maximum(10 * np.log10(level + 1e-12) - self.threshold, 0.0)
        gain = 10 ** (-over * (1 - 1 / self.ratio) / 20)
        centres = (np.arange(count) + 0.5) * block
        return stem * np.interp(np.arange(stem.shape[-1]), centres, gain).astype(np.float32)


@dataclass(frozen=True)
class Detune:
    """A constant detuning in cents by resampling, which changes the duration by 0.06 % per cent."""

    cents: float

    @classmethod
    def draw(cls, rng: np.random.Generator, spread: float = 8.0) -> Detune:
        return cls(rng.normal(0.0, spread))

    def apply(self, stem: np.ndarray, sample_rate: int) -> np.ndarray:
        factor = 2 ** (self.cents / 1200)
        shifted = soxr.resample(stem.T, sample_rate * factor, sample_rate, quality="LQ").T
        tuned = np.zeros_like(stem)
        length = min(stem.shape[-1], shifted.shape[-1])
        tuned[:, :length] = shifted[:, :length]
        return tuned
