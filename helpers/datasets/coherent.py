"""A few mixtures of the stems of one recording each: stretched together, levelled one by one.

What MusicSourceSep made with scaper (Salamon et al., "Scaper: a library for soundscape synthesis
and augmentation", WASPAA 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..audio.track import Track
from ..augmentation.effects import Gain
from ..augmentation.time_pitch import Stretch
from .mixing import normalise_rms


@dataclass(frozen=True)
class CoherentMix:
    """Which track, from which share of the time that can be skipped, and what is done to it.

    All stems have the stretch in common, so that they stay in time and in tune; each has a gain of
    its own above or below the common loudness.
    """

    track: int
    start: float
    stretch: Stretch
    gains: tuple[Gain, ...]


class CoherentMixes(Dataset):
    """`mixes` different mixtures; item i is (mixture (1, T), stems (2, 1, T)): target and rest.

    tracks: mono, of one sample rate, each with a stem for the target; where they are shorter than
    `seconds`, silence follows. The mixtures do not depend on the target: those of one seed are the
    same for every instrument. Each is made once and kept.

    Raises ValueError where a track has no stem for the target.
    """

    def __init__(
        self, tracks: Sequence[Track], target: str, seconds: float, mixes: int, seed: int = 0
    ):
        for track in tracks:
            if target not in track.stems:
                raise ValueError(
                    f"{track.name}: has no stem of {target}; it has {', '.join(track.stems)}."
                )
        self.tracks, self.target, self.mixes, self.seed = tracks, target, mixes, seed
        self.sample_rate = tracks[0].sample_rate
        self.samples = round(seconds * self.sample_rate)
        self._made: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return self.mixes

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not 0 <= index < self.mixes:
            raise IndexError(index)
        if index not in self._made:
            mix = self.draw(np.random.default_rng([self.seed, index]))
            stems = self.make(mix)
            target = stems[list(self.tracks[mix.track].stems).index(self.target)]
            self._made[index] = torch.from_numpy(np.stack([target, stems.sum(0) - target]))
        stems = self._made[index]
        return stems.sum(0), stems

    def draw(self, rng: np.random.Generator) -> CoherentMix:
        """Any track and start; time 0.8 to 1.2, pitch -2 to 2 semitones, levels -5 to 5 dB."""
        track = int(rng.integers(len(self.tracks)))
        start, stretch = rng.random(), Stretch.draw(rng)
        gains = tuple(Gain(rng.uniform(-5.0, 5.0)) for _ in self.tracks[track].stems)
        return CoherentMix(track, start, stretch, gains)

    def make(self, mix: CoherentMix) -> np.ndarray:
        """The stems of a drawn mixture in the order of its track, float32 (S, 1, samples)."""
        track, rate = self.tracks[mix.track], self.sample_rate
        length = round(self.samples / mix.stretch.time)
        start = round(mix.start * max(0, track.samples - length))
        stems = np.zeros((len(track.stems), 1, self.samples), np.float32)
        for stem, gain, whole in zip(stems, mix.gains, track.stems.values(), strict=True):
            part = mix.stretch.apply(whole[:, start : start + length], rate)[:, : self.samples]
            stem[:, : part.shape[1]] = gain.apply(normalise_rms(part), rate)
        return stems
