"""What a microphone hears beside the players: noise of a room, applause, drums, made by code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import oaconvolve

from .recording_chain import coloured_noise

APPLAUSE = 0.3  # share of the ambiences; the others are noise
#: dB relative to the mixture.
NOISE_LEVEL, APPLAUSE_LEVEL, DRUMS_LEVEL = (-45.0, -18.0), (-25.0, 0.0), (-20.0, 3.0)
HANDS = 12  # different claps in an applause
CLAP = (800.0, 2800.0)  # Hz, the resonance of cupped and of flat hands
DECAY = (0.002, 0.008)  # seconds, time constant of a clap
RISE = 0.5  # seconds until all clap
STEPS = (3.0, 8.0)  # a second, to the strokes of drums
#: Hz of the resonance, seconds of its decay, level of noise beside it: bass drum, snare, cymbal.
DRUMS = ((60.0, 0.08, 0.1), (190.0, 0.05, 1.0), (7000.0, 0.12, 2.0))


@dataclass(frozen=True)
class Ambience:
    """Noise, applause or drums, `level` dB relative to the mixture.

    slope: of the noise in dB per octave. claps: a second in the applause, else 0. steps: a second,
    on which drums may be struck, else 0. start: share of the segment after which the applause
    begins. seed: of the sound.

    An applause is the sum of many claps at random times, each a decaying resonance of noise, after
    Peltola et al., "Synthesis of hand clapping sounds", TASLP 2007.
    """

    level: float
    slope: float
    claps: float
    start: float
    seed: int
    steps: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator, drums: float = 0.0) -> Ambience:
        """drums: the share of drums."""
        if drums and rng.random() < drums:
            level, steps = float(rng.uniform(*DRUMS_LEVEL)), float(rng.uniform(*STEPS))
            return cls(level, 0.0, 0.0, 0.0, int(rng.integers(2**31)), steps)
        applause = rng.random() < APPLAUSE
        return cls(
            level=float(rng.uniform(*(APPLAUSE_LEVEL if applause else NOISE_LEVEL))),
            slope=float(rng.uniform(-8.0, 0.0)),
            claps=float(np.exp(rng.uniform(np.log(10.0), np.log(300.0)))) if applause else 0.0,
            start=float(max(0.0, rng.uniform(-1.0, 0.9))),
            seed=int(rng.integers(2**31)),
        )

    def sound(self, samples: int, sample_rate: int) -> np.ndarray:
        """(1, samples) float32, with an RMS of one (of zeros, where nobody clapped)."""
        rng = np.random.default_rng(self.seed)
        if self.steps:
            sound = self._drums(rng, samples, sample_rate)
        elif self.claps:
            sound = self._applause(rng, samples, sample_rate)
        else:
            sound = coloured_noise(rng, (samples,), self.slope, sample_rate)
        level = np.sqrt(np.mean(sound**2))
        return (sound / level if level else sound)[None].astype(np.float32)

    def _applause(self, rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
        """(samples,), silent before it starts."""
        first = round(self.start * samples)
        rise = np.clip((np.arange(samples) - first) / (RISE * sample_rate), 0.0, 1.0)
        sound = np.zeros(samples)
        for _ in range(HANDS):
            often = rise * self.claps / HANDS / sample_rate  # claps a sample
            times = rng.random(samples) < often
            strength = np.where(times, rng.uniform(0.3, 1.0, samples), 0.0)
            sound += oaconvolve(strength, _clap(rng, sample_rate))[:samples]
        return sound

    def _drums(self, rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
        """(samples,): each drum is struck on some of the steps."""
        places = np.arange(0, samples, sample_rate / self.steps).astype(int)
        sound = np.zeros(samples)
        for hertz, decay, noise in DRUMS:
            struck = rng.random(len(places)) < rng.uniform(0.2, 0.8)
            strength = np.zeros(samples)
            strength[places] = struck * rng.uniform(0.3, 1.0, len(places))
            hertz, decay = (value * rng.uniform(0.7, 1.4) for value in (hertz, decay))
            sound += oaconvolve(strength, _hit(rng, hertz, decay, noise, sample_rate))[:samples]
        return sound


def _clap(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """One pair of hands: noise around a resonance that decays."""
    hertz, decay = rng.uniform(*CLAP), rng.uniform(*DECAY)
    return _hit(rng, hertz, decay, 0.7, sample_rate)


def _hit(
    rng: np.random.Generator, hertz: float, decay: float, noise: float, sample_rate: int
) -> np.ndarray:
    """A resonance with noise that decays, with a time constant in seconds."""
    time = np.arange(round(6 * decay * sample_rate)) / sample_rate
    resonance = np.sin(2 * np.pi * min(hertz, 0.45 * sample_rate) * time)
    return np.exp(-time / decay) * (resonance + rng.normal(0.0, noise, len(time)))
