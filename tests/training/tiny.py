"""A separator and a dataset small enough to train inside a test."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


class TinySeparator(nn.Module):
    """(B, 1, T) -> (B, 2, 1, T) by two convolutions, with dropout so that randomness matters."""

    sources = ("low", "high")

    def __init__(self, dropout: float = 0.1):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 8, 33, padding=16), nn.Tanh(), nn.Dropout(dropout), nn.Conv1d(8, 2, 1)
        )

    def forward(self, mixture: Tensor) -> Tensor:
        return self.layers(mixture).unsqueeze(2)


class TwoTones:
    """A low and a high tone of random phase; example i is always the same."""

    def __init__(self, length: int = 10_000, samples: int = 256, seed: int = 0):
        self.length, self.samples, self.seed = length, samples, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if index >= self.length:
            raise IndexError(index)
        rng = np.random.default_rng([self.seed, index])
        times = np.arange(self.samples)[None, None]  # (1, 1, T)
        phases = rng.uniform(0.0, 2.0 * np.pi, (2, 1, 1))
        periods = np.array([64.0, 8.0])[:, None, None]
        stems = torch.from_numpy(np.sin(2.0 * np.pi * times / periods + phases)).float()
        return stems.sum(0), stems


def separator(seed: int = 0, dropout: float = 0.1) -> TinySeparator:
    """The same first weights for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TinySeparator(dropout)
