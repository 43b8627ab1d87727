"""The recording chain: microphone, noise floor and lossy coding, which all stems share.

These effects process all stems of a mixture at once, float32 (sources, channels, samples), and
return stems whose sum is the processed mixture; a silent stem stays silent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from .effects import filter_magnitude

GRANULE = 576  # samples: hop of the codec, as in MP3
BANDS = 24  # of the codec, a third of an octave or wider


@dataclass(frozen=True)
class Microphone:
    """A frequency response: gains in dB, interpolated over log-frequency.

    Chapter: 04.
    """

    hertz: tuple[float, ...]
    decibels: tuple[float, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, spread: float = 2.5) -> Microphone:
        """Roll-off below 50 to 200 Hz and above 4 to 14 kHz; random gains between."""
        low, high = rng.uniform(50.0, 200.0), rng.uniform(4e3, 14e3)
        between = np.geomspace(low, high, 7)
        gains = rng.normal(0.0, spread, len(between))
        roll_off = -rng.uniform([6.0, 3.0], [18.0, 18.0])  # an octave beyond
        return cls(
            (low / 2, *between.tolist(), high * 2),
            (gains[0] + roll_off[0], *gains.tolist(), gains[-1] + roll_off[1]),
        )

    def apply(self, stems: np.ndarray, sample_rate: int) -> np.ndarray:
        return filter_magnitude(stems, sample_rate, self.hertz, self.decibels)


#: The band of a telephone, 300 to 3400 Hz (ITU-T recommendation G.712). Chapter: 06.
TELEPHONE = Microphone((200.0, 300.0, 3400.0, 4600.0), (-60.0, 0.0, 0.0, -60.0))
#: About the band of an electrical recording of the 1920s, 100 to 5000 Hz. Chapter: 06.
OLD_RECORD = Microphone((50.0, 100.0, 5000.0, 10_000.0), (-40.0, 0.0, 0.0, -40.0))


@dataclass(frozen=True)
class Noise:
    """A noise floor, `decibels` relative to the mixture, with `slope` dB per octave.

    Its power is divided among the stems that are not silent, so that the mixture remains their
    sum. `seed`: of the noise.

    Chapter: 04.
    """

    decibels: float
    slope: float
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Noise:
        return cls(rng.uniform(-65.0, -30.0), rng.uniform(-6.0, 0.0), int(rng.integers(2**31)))

    def apply(self, stems: np.ndarray, sample_rate: int) -> np.ndarray:
        sounding = np.flatnonzero(stems.any(axis=(1, 2)))
        if not len(sounding):
            return stems
        rng = np.random.default_rng(self.seed)
        shape = (len(sounding), *stems.shape[1:])
        noise = coloured_noise(rng, shape, self.slope, sample_rate)
        whole = np.mean(stems.sum(axis=0) ** 2)
        power = whole * 10 ** (self.decibels / 10) / len(sounding)
        noisy = stems.copy()
        noisy[sounding] += noise * np.sqrt(power / np.mean(noise**2)).astype(np.float32)
        return noisy


@dataclass(frozen=True)
class Codec:
    """Lossy coding: nothing above `cutoff` Hz, and noise `ratio` dB below each band of the mixture.

    As in MP3, a modified discrete cosine transform (Princen et al., "Subband/transform coding
    using filter bank designs based on time domain aliasing cancellation", ICASSP 1987) is
    quantised with larger steps in louder bands. The quantisation of the mixture is a gain in each
    bin, which is applied to every stem, so that the coded stems sum to the coded mixture.

    Chapter: 04.
    """

    cutoff: float
    ratio: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Codec:
        return cls(rng.uniform(5e3, 16e3), rng.uniform(9.0, 24.0))

    def apply(self, stems: np.ndarray, sample_rate: int) -> np.ndarray:
        bins = transform(stems)  # (S, C, frames, GRANULE)
        mixture = bins.sum(axis=0)
        hertz = (np.arange(GRANULE) + 0.5) * sample_rate / (2 * GRANULE)
        edges = np.unique(np.rint(np.geomspace(4, GRANULE, BANDS)).astype(int))
        starts = np.array([0, *edges[edges < GRANULE]])
        widths = np.diff([*starts, GRANULE])
        power = np.add.reduceat(mixture**2, starts, axis=-1) / widths
        step = np.repeat(np.sqrt(12 * power * 10 ** (-self.ratio / 10)), widths, axis=-1)
        audible = (hertz < self.cutoff) & (step > 0) & (mixture != 0)
        scaled = np.divide(mixture, step, out=np.zeros_like(mixture), where=audible)
        gains = np.divide(np.rint(scaled), scaled, out=np.zeros_like(scaled), where=scaled != 0)
        return inverse(bins * gains, stems.shape[-1])


def coloured_noise(
    rng: np.random.Generator, shape: tuple[int, ...], slope: float, sample_rate: int
) -> np.ndarray:
    """Noise (..., samples), float32: flat up to 50 Hz, then `slope` dB per octave."""
    length = fft.next_fast_len(shape[-1], real=True)
    spectrum = rng.standard_normal((*shape[:-1], length + 2), np.float32)[
        ..., : 2 * (length // 2 + 1)
    ].view(np.complex64)
    octaves = np.log2(np.maximum(fft.rfftfreq(length, 1 / sample_rate), 50.0) / 50.0)
    spectrum = spectrum * (10 ** (slope * octaves / 20)).astype(np.float32)
    return fft.irfft(spectrum, length)[..., : shape[-1]].astype(np.float32)


def transform(sound: np.ndarray) -> np.ndarray:
    """(..., samples) -> (..., frames, GRANULE): MDCT with sine windows of two granules."""
    frames = -(-sound.shape[-1] // GRANULE) + 1
    edges = [(0, 0)] * (sound.ndim - 1) + [(GRANULE, frames * GRANULE - sound.shape[-1])]
    halves = np.pad(sound, edges).reshape(*sound.shape[:-1], frames + 1, 2, GRANULE // 2)
    window = _window()
    a, b = np.moveaxis(halves[..., :-1, :, :] * window[0], -2, 0)
    c, d = np.moveaxis(halves[..., 1:, :, :] * window[1], -2, 0)
    folded = np.concatenate([-c[..., ::-1] - d, a - b[..., ::-1]], axis=-1)
    return fft.dct(folded, type=4, norm="ortho")


def inverse(bins: np.ndarray, samples: int) -> np.ndarray:
    """The inverse of `transform`, (..., samples) float32."""
    folded = fft.dct(bins, type=4, norm="ortho")
    first, second = folded[..., : GRANULE // 2], folded[..., GRANULE // 2 :]
    window = _window().reshape(2, GRANULE)
    early = np.concatenate([second, -second[..., ::-1]], axis=-1) * window[0]
    late = np.concatenate([-first[..., ::-1], -first], axis=-1) * window[1]
    sound = late[..., :-1, :] + early[..., 1:, :]
    return sound.reshape(*bins.shape[:-2], -1)[..., :samples].astype(np.float32)


def _window() -> np.ndarray:
    """A sine window over two granules, in quarters: (2, 2, GRANULE / 2)."""
    places = (np.arange(2 * GRANULE) + 0.5) / (2 * GRANULE)
    return np.sin(np.pi * places).astype(np.float32).reshape(2, 2, GRANULE // 2)
