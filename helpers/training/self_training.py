"""Self-training on recordings without stems: remixes of what a model estimates from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .losses import Loss, negative_snr, weighted_sum

REMIXED = 0.75  # share of the examples whose stems come from different places
GAIN = 3.0  # dB, standard deviation of the balance of a remix
CONFIDENT = 0.5  # share of the windows of a source that are remixed: those of the best quality
CONSISTENCY = 0.1  # share of the loss


@dataclass(frozen=True)
class Estimated:
    """A window (S, C, T) of the stems that a teacher estimates, silent for inactive sources.

    quality: the expected SI-SDR of each stem in dB, (S,), NaN where it does not sound.
    """

    stems: np.ndarray
    quality: np.ndarray


class RemixDataset(Dataset):
    """Endless mixtures of estimated stems: item i is (mixture (C, T), stems (S, C, T)).

    In most of them each source comes from another window, one of those in which it is estimated
    best, at another level: a mixture that the teacher has not heard, whose stems are known. The
    others are windows of the recording as it is.

    Tzinis et al., "RemixIT: continual self-training of speech enhancement models via bootstrapped
    remixing", IEEE JSTSP 16(6), 2022, with named sources instead of speech and noise.
    """

    def __init__(self, windows: Sequence[Estimated], samples: int, seed: int = 0):
        self.windows, self.samples, self.seed = list(windows), samples, seed
        quality = np.stack([window.quality for window in windows])  # (windows, S)
        self.best = [_best(of_source) for of_source in quality.T]

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        if rng.random() < REMIXED:
            stems = np.stack([self._draw(rng, source) for source in range(len(self.best))])
        else:
            window = self.windows[rng.integers(len(self.windows))].stems
            stems = window[..., _span(rng, window.shape[-1], self.samples)]
        stems = np.pad(stems, [(0, 0), (0, 0), (0, self.samples - stems.shape[-1])])
        stems = torch.from_numpy(stems.astype(np.float32))
        return stems.sum(0), stems

    def _draw(self, rng: np.random.Generator, source: int) -> np.ndarray:
        """A stem (C, T) of a source, silent where it sounds nowhere."""
        if not self.best[source]:
            return np.zeros((self.windows[0].stems.shape[1], self.samples), np.float32)
        chosen = self.best[source][rng.integers(len(self.best[source]))]
        stem = self.windows[chosen].stems[source]
        stem = stem[:, _span(rng, stem.shape[-1], self.samples)]
        stem = np.pad(stem, [(0, 0), (0, self.samples - stem.shape[-1])])
        return stem * np.float32(10 ** (rng.normal(0.0, GAIN) / 20))


def mixture_consistency(estimates: Tensor, stems: Tensor) -> Tensor:
    """Minus the SNR in dB of the sum of the estimates against the mixture, at most 30 dB.

    Wisdom et al., "Differentiable consistency constraints for improved deep speech enhancement",
    ICASSP 2019, as a loss instead of a projection.
    """
    return negative_snr(estimates.sum(1, keepdim=True), stems.sum(1, keepdim=True))


def self_training_loss() -> Loss:
    """The SNR of each stem against its pseudo-target, and a little mixture consistency."""
    return weighted_sum((1.0 - CONSISTENCY, negative_snr), (CONSISTENCY, mixture_consistency))


def _best(quality: np.ndarray) -> list[int]:
    """The windows (a share `CONFIDENT` of those with a number, at least one) of highest quality."""
    known = np.flatnonzero(~np.isnan(quality))
    count = int(np.ceil(CONFIDENT * len(known)))
    return sorted(known[np.argsort(-quality[known], kind="stable")[:count]].tolist())


def _span(rng: np.random.Generator, length: int, samples: int) -> slice:
    first = int(rng.integers(max(length - samples, 0) + 1))
    return slice(first, first + samples)
