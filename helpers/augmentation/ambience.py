"""What a microphone hears beside the players: the noise of a room, and applause, made by code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import oaconvolve

from .recording_chain import coloured_noise

APPLAUSE = 0.3  # share of the ambiences; the others are noise
NOISE_LEVEL, APPLAUSE_LEVEL = (-45.0, -18.0), (-25.0, 0.0)  # dB relative to the mixture
HANDS = 12  # different claps in an applause
CLAP = (800.0, 2800.0)  # Hz, the resonance of cupped and of flat hands
DECAY = (0.002, 0.008)  # seconds, time constant of a clap
RISE = 0.5  # seconds until all clap


@dataclass(frozen=True)
class Ambience:
    """Noise or applause, `level` dB relative to the mixture.

    slope: of the noise in dB per octave. claps: a second in the applause, 0 for noise. start: share
    of the segment after which the applause begins. seed: of the sound.

    An applause is the sum of many claps at random times, each a decaying resonance of noise, after
    Peltola et al., "Synthesis of hand clapping sounds", TASLP 2007.
    """

    level: float
    slope: float
    claps: float
    start: float
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Ambience:
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
        if self.claps:
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


def _clap(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """One pair of hands: noise around a resonance that decays."""
    hertz, decay = rng.uniform(*CLAP), rng.uniform(*DECAY)
    time = np.arange(round(6 * decay * sample_rate)) / sample_rate
    resonance = np.sin(2 * np.pi * min(hertz, 0.45 * sample_rate) * time)
    return np.exp(-time / decay) * (resonance + rng.normal(0.0, 0.7, len(time)))
