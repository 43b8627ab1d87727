"""Torch datasets. Example i depends only on the seed and i, so that a training can resume."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..audio.track import Track
from .mixing import Mixer


class MixtureDataset(Dataset):
    """Endless mixtures: item i is (mixture (C, T), stems (S, C, T))."""

    def __init__(self, mixer: Mixer, seed: int = 0, length: int = 2**31):
        self.mixer, self.seed, self.length = mixer, seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        stems = torch.from_numpy(self.mixer.make(self.mixer.draw(rng)))
        return stems.sum(0), stems


class TrackDataset(Dataset):
    """Consecutive segments of tracks: item i is (mixture (C, T), stems (S, C, T)).

    Tracks have one sample rate; a missing source is silent.

    Chapter: 03.
    """

    def __init__(self, tracks: list[Track], sources: tuple[str, ...], seconds: float):
        self.tracks, self.sources = tracks, sources
        self.samples = round(seconds * tracks[0].sample_rate)
        self.windows = [
            (track, start) for track in tracks for start in range(0, track.samples, self.samples)
        ]

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        track, start = self.windows[index]
        stems = torch.zeros(len(self.sources), track.channels, self.samples)
        for number, source in enumerate(self.sources):
            if source in track.stems:
                window = track.stems[source][:, start : start + self.samples]
                stems[number, :, : window.shape[-1]] = torch.from_numpy(window.copy())
        return stems.sum(0), stems
