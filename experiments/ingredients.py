"""Ingredients of realism for `experiments.realism` alone: they did not help, so no recipe has them.

`RealismRendering` and `RealismMixing` replace a recipe's configurations and add what makes rendered
data more like recordings: expressive performances, vibrato, a recording chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from helpers.augmentation.effects import Effect, Tilt
from helpers.augmentation.recording_chain import Codec, Microphone, Noise
from helpers.augmentation.rooms import Reverb
from helpers.datasets.mixing import MixingConfig
from helpers.datasets.renderings import RenderingConfig
from helpers.music.performances import MAX_DEVIATION, Performance
from helpers.music.scores import Part
from helpers.synthesis.renderer import Renderer

#: Share of an asynchrony that remains at the next note; Wing et al., "Optimal feedback correction
#: in string quartet synchronization", J. R. Soc. Interface 2014.
CORRELATION = 0.75
PHRASE = (3.0, 8.0)  # seconds
PEAK = (0.4, 0.8)  # position of the loudest moment in a phrase
PIANO, FORTE = 26, 102  # velocities


@dataclass(frozen=True)
class RealismRendering(RenderingConfig):
    """Rendering with expressive performances; upper limits of `ExpressivePerformance`.

    asynchrony: lower and upper limit; 27 to 49 ms in trios (Rasch, "Synchronization in performed
    ensemble music", Acustica 1979). darkening: dB per octave above 500 Hz by which stems are darker
    at piano than at forte, except recorded notes.
    """

    asynchrony: tuple[float, float] = (0.0, 0.0)
    swell: float = 0.0
    softness: float = 0.0
    intonation: float = 0.0
    darkening: float = 0.0

    def performance(self, rng: np.random.Generator, n_parts: int) -> Performance:
        drawn = super().performance(rng, n_parts)
        own = np.random.default_rng([drawn.seed, 1])
        return ExpressivePerformance(
            **vars(drawn),
            asynchrony=float(own.uniform(*self.asynchrony)),
            swell=float(own.uniform(0.0, self.swell)),
            softness=float(own.uniform(0.0, self.softness)),
            intonation=float(own.uniform(0.0, self.intonation)),
        )

    def renderer(
        self, kind: str, soundfont: str, rng: np.random.Generator, player: Path | None
    ) -> Renderer:
        renderer = super().renderer(kind, soundfont, rng, player)
        if kind == "notes" or not self.darkening:
            return renderer
        return DarkerWhenSoft(renderer, self.darkening)


@dataclass(frozen=True)
class ExpressivePerformance(Performance):
    """A performance with asynchrony, phrasing and intonation.

    asynchrony: standard deviation in seconds between the onsets of two players; it is correlated
    from note to note. swell: rise of the velocity from the ends of a phrase to its peak, an arch
    that all parts share and follow by half or more (Todd, "The dynamics of dynamics", JASA 1992).
    softness: subtracted from every velocity. intonation: standard deviation in cents of each note.
    """

    asynchrony: float = 0.0
    swell: float = 0.0
    softness: float = 0.0
    intonation: float = 0.0

    def deviations(
        self, part: Part, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        delays, offsets, cents = super().deviations(part, index, rng)
        own = np.random.default_rng([self.seed, 2 + index])
        delays = delays + self._asynchrony(own, len(part.notes))
        depth = own.uniform(0.5, 1.0) * self.swell
        phrases = self._phrases(part.seconds)
        onsets = [note.onset for note in part.notes]
        offsets = offsets + depth * (np.interp(onsets, *phrases) - 0.5) - self.softness
        return delays, offsets, cents + self.intonation * own.normal(0.0, 1.0, len(part.notes))

    def _asynchrony(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Delays of the notes of one player in seconds, (count,)."""
        steps = rng.normal(0.0, np.sqrt(1.0 - CORRELATION**2), count)
        delays, previous = np.empty(count), rng.normal()
        for i, step in enumerate(steps):
            delays[i] = previous = CORRELATION * previous + step
        delays = np.clip(delays, -MAX_DEVIATION, MAX_DEVIATION)
        return delays * self.asynchrony / np.sqrt(2.0)

    def _phrases(self, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """Score times and the arch there: 0 between two phrases, 1 at their peaks."""
        rng = np.random.default_rng([self.seed, 1, 1])
        times, heights = [0.0], [0.0]
        while times[-1] < seconds:
            length = rng.uniform(*PHRASE) * self.tempo
            times += [times[-1] + rng.uniform(*PEAK) * length, times[-1] + length]
            heights += [1.0, 0.0]
        return np.array(times), np.array(heights)


@dataclass(frozen=True)
class DarkerWhenSoft:
    """A renderer whose soft notes are darker, by `darkening` dB per octave at PIANO."""

    renderer: Renderer
    darkening: float

    def render(self, part: Part, sample_rate: int) -> np.ndarray:
        slopes = [
            self.darkening * min(0.0, (note.velocity - FORTE) / (FORTE - PIANO))
            for note in part.notes
        ]
        brightness = Brightness(tuple(note.onset for note in part.notes), tuple(slopes))
        return brightness.apply(self.renderer.render(part, sample_rate), sample_rate)


@dataclass(frozen=True)
class RealismMixing(MixingConfig):
    """Mixing with vibrato and a recording chain; all are shares."""

    vibrato: float = 0.0
    microphone: float = 0.0
    noise: float = 0.0
    codec: float = 0.0

    def stem_effects(
        self, rng: np.random.Generator, positions: Sequence[Reverb]
    ) -> tuple[Effect, ...]:
        effects = super().stem_effects(rng, positions)
        (own,) = rng.spawn(1)
        return (Vibrato.draw(own), *effects) if own.random() < self.vibrato else effects

    def common_effects(self, rng: np.random.Generator) -> tuple[Effect, ...]:
        shares = ((Microphone, self.microphone), (Noise, self.noise), (Codec, self.codec))
        own = rng.spawn(len(shares))
        return tuple(
            effect.draw(rng)
            for (effect, share), rng in zip(shares, own, strict=True)
            if rng.random() < share
        )


@dataclass(frozen=True)
class Brightness:
    """A tilt that changes with time: `slopes` in dB per octave above a corner, at `seconds`.

    Linear between two times. Soft playing is darker: 2 kHz and above of a clarinet fall by 19 dB
    from forte to piano, the octave below 1 kHz by 4 dB. Computed by interpolation between tilts
    every STEP.
    """

    seconds: tuple[float, ...]
    slopes: tuple[float, ...]
    corner: float = 500.0

    STEP: ClassVar[float] = 3.0

    def apply(self, stem: np.ndarray, sample_rate: int) -> np.ndarray:
        if not self.seconds:
            return stem
        time = np.arange(stem.shape[-1]) / sample_rate
        position = np.interp(time, self.seconds, self.slopes) / self.STEP
        bright = np.zeros_like(stem)
        for step in range(int(np.floor(position.min())), int(np.ceil(position.max())) + 1):
            share = np.maximum(1.0 - np.abs(position - step), 0.0).astype(np.float32)
            bright += share * Tilt(step * self.STEP, self.corner).apply(stem, sample_rate)
        return bright


@dataclass(frozen=True)
class Vibrato:
    """A pitch that swings by `cents` to each side, `hertz` times per second.

    The stem is read at positions that swing, with cubic interpolation.
    """

    hertz: float
    cents: float
    phase: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Vibrato:
        return cls(rng.uniform(4.5, 6.5), rng.uniform(5.0, 30.0), rng.uniform(0.0, 2 * np.pi))

    def apply(self, stem: np.ndarray, sample_rate: int) -> np.ndarray:
        turns = 2 * np.pi * self.hertz / sample_rate
        reach = (2 ** (self.cents / 1200) - 1) / turns  # samples
        times = np.arange(stem.shape[-1])
        places = times + reach * np.sin(turns * times + self.phase)
        before = np.floor(places).astype(int)
        part = (places - before).astype(np.float32)
        weights = (
            -part * (part - 1) * (part - 2) / 6,
            (part + 1) * (part - 1) * (part - 2) / 2,
            -(part + 1) * part * (part - 2) / 2,
            (part + 1) * part * (part - 1) / 6,
        )
        margin = int(np.ceil(reach)) + 2
        padded = np.pad(stem, ((0, 0), (margin, margin)))
        swung = np.zeros_like(stem)
        for step, weight in enumerate(weights, start=margin - 1):
            swung += weight * padded[:, before + step]
        return swung
