"""What a player adds to recorded notes: vibrato, noise at onsets, and longer releases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

WITHOUT_VIBRATO = ("clarinet", "bass-clarinet", "horn")
RATES = (4.5, 6.8)  # Hz, of vibrato
DELAYS = (0.05, 0.25)  # seconds until a vibrato begins
GROWTH = (0.2, 0.6)  # seconds until it has its depth
COLOURS = (800.0, 5000.0)  # Hz, the middle of the band of bow and breath noise
DECAYS = (0.02, 0.08)  # seconds, of that noise
ATTACK = 0.005  # seconds
DEVIATION = 0.15  # of the depth of a vibrato from note to note, a share


@dataclass(frozen=True)
class Expression:
    """One player's manner.

    vibrato: cents to each side, reached `growth` seconds after `delay`. rate: Hz.
    noise: RMS of the onset's noise at its peak, relative to the level of the note. colour: the
    middle of its band, Hz. decay: seconds. release: seconds that a detached note rings longer.
    """

    vibrato: float = 0.0
    rate: float = 5.5
    delay: float = 0.1
    growth: float = 0.4
    noise: float = 0.0
    colour: float = 2000.0
    decay: float = 0.04
    release: float = 0.0

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        instrument: str,
        vibrato: float = 0.0,
        noise: float = 0.0,
        release: float = 0.0,
    ) -> Expression:
        """vibrato, noise, release: upper limits. Clarinets and horns play without vibrato."""
        return cls(
            vibrato=float(rng.uniform(0.0, vibrato)) * (instrument not in WITHOUT_VIBRATO),
            rate=float(rng.uniform(*RATES)),
            delay=float(rng.uniform(*DELAYS)),
            growth=float(rng.uniform(*GROWTH)),
            noise=float(rng.uniform(0.0, noise)),
            colour=float(np.exp(rng.uniform(*np.log(COLOURS)))),
            decay=float(rng.uniform(*DECAYS)),
            release=float(rng.uniform(0.0, release)),
        )

    def with_vibrato(
        self, sound: np.ndarray, onset: float, scale: float, rng: np.random.Generator
    ) -> np.ndarray:
        """A note (samples,) with its time axis bent; unchanged without vibrato.

        onset: of the note in `sound`, seconds. scale: samples per second. The mean pitch is kept.
        """
        if not self.vibrato:
            return sound
        depth = self.vibrato * max(0.0, 1.0 + DEVIATION * rng.normal())
        time = np.arange(len(sound)) / scale - onset
        turn = 2.0 * np.pi * self.rate
        # The pitch swings by `depth` where the time axis swings by depth / turn.
        swing = (2.0 ** (depth / 1200.0) - 1.0) / turn * self._growing(time)
        bent = np.arange(len(sound)) - scale * swing * np.cos(turn * time + rng.uniform(0.0, 6.28))
        return ndimage.map_coordinates(sound, [bent], order=3, mode="nearest")

    def _growing(self, time: np.ndarray) -> np.ndarray:
        """From 0 at `delay` to 1, in a cosine ramp."""
        rise = np.clip((time - self.delay) / self.growth, 0.0, 1.0)
        return 0.5 - 0.5 * np.cos(np.pi * rise)

    def onset_noise(self, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
        """A burst of band-passed noise that begins with the note: (samples,) float32."""
        time = np.arange(round(6.0 * self.decay * sample_rate)) / sample_rate
        band = np.clip([0.6 * self.colour, 1.6 * self.colour], 1.0, 0.45 * sample_rate)
        sections = signal.butter(1, band, "bandpass", fs=sample_rate, output="sos")
        noise = signal.sosfilt(sections, rng.standard_normal(len(time)))
        noise *= self.noise / np.sqrt(np.mean(noise**2))
        return (noise * (1.0 - np.exp(-time / ATTACK)) * np.exp(-time / self.decay)).astype(
            np.float32
        )
