"""Coherent mixtures of recordings: stems with a common stretch and individual gains.

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

from experiments.nussl.time_stretch import Stretch
from helpers.audio.track import Track
from helpers.augmentation.effects import Gain
from helpers.datasets.mixing import normalise_rms


@dataclass(frozen=True)
class CoherentMix:
    """A track, a start (0 to 1 of the possible starts), a stretch and the gains of its stems.

    The stretch is common to all stems, which stay synchronous and in tune; the gains are relative
    to a common level.
    """

    track: int
    start: float
    stretch: Stretch
    gains: tuple[Gain, ...]


class CoherentMixes(Dataset):
    """`mixes` different mixtures; item i is (mixture (1, T), stems (2, 1, T)): target and rest.

    tracks: mono, of one sample rate, each with a stem of the target; short ones are zero-padded.
    The mixtures depend on the seed, not on the target. Each is made once and kept in memory.
    ValueError if a track has no stem of the target.

    Chapter: 03.
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
        self._mixtures: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return self.mixes

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not 0 <= index < self.mixes:
            raise IndexError(index)
        if index not in self._mixtures:
            mix = self.draw(np.random.default_rng([self.seed, index]))
            stems = self.make(mix)
            target = stems[list(self.tracks[mix.track].stems).index(self.target)]
            self._mixtures[index] = torch.from_numpy(np.stack([target, stems.sum(0) - target]))
        stems = self._mixtures[index]
        return stems.sum(0), stems

    def draw(self, rng: np.random.Generator) -> CoherentMix:
        """Any track and start; time 0.8 to 1.2, pitch -2 to 2 semitones, gains -5 to 5 dB."""
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
