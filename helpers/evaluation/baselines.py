"""Baselines: the floor (the unprocessed mixture) and the ceilings (oracle masks).

Each function of a Track returns an estimate per stem, float32 (channels, samples).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ..audio.track import Track


def mixture_baseline(track: Track) -> dict[str, np.ndarray]:
    """The floor: the unprocessed mixture as the estimate of every stem. Chapter: 01."""
    return dict.fromkeys(track.stems, track.mixture)


def oracle_ratio_mask(track: Track) -> dict[str, np.ndarray]:
    """The ceiling: the mask |s| / sum |s|, computed from the true stems. Chapter: 01.

    It is what a network that masks magnitudes and keeps the mixture's phase reaches with perfect
    masks: a reference, not a strict bound. STFT window of 93 ms (4096 samples at 44.1 kHz), Hann,
    hop of a quarter.

    Liutkus and Badeau, "Generalized Wiener filtering with fractional power spectrograms", ICASSP
    2015, with exponent 1.
    """
    return _masked(track, lambda magnitudes: magnitudes / magnitudes.sum(0).clamp_min(1e-12))


def oracle_binary_mask(track: Track) -> dict[str, np.ndarray]:
    """Each bin goes entirely to the loudest stem; STFT as for the ratio mask.

    Wang, "On ideal binary mask as the computational goal of auditory scene analysis", 2005.
    """

    def loudest(magnitudes: Tensor) -> Tensor:
        return one_hot(magnitudes.argmax(0), len(magnitudes)).movedim(-1, 0).float()

    return _masked(track, loudest)


BASELINES = {
    "mixture": mixture_baseline,
    "oracle-irm": oracle_ratio_mask,
    "oracle-ibm": oracle_binary_mask,
}


def hop_length(sample_rate: int) -> int:
    """Of the oracle masks, in samples: 23 ms, a quarter of the window."""
    return max(round(sample_rate * 1024 / 44100), 1)


def _masked(track: Track, masks_of: Callable[[Tensor], Tensor]) -> dict[str, np.ndarray]:
    """The mixture times the masks (S, F, N) that `masks_of` makes of the stems' magnitudes."""
    hop = hop_length(track.sample_rate)
    window = torch.hann_window(4 * hop)
    mixture = torch.from_numpy(track.mixture)
    stems = torch.from_numpy(np.stack(list(track.stems.values()), axis=1))  # (C, S, T)
    estimates = []
    for channel, parts in enumerate(stems):
        magnitudes = _spectrogram(parts, window).abs()
        masked = _spectrogram(mixture[channel], window) * masks_of(magnitudes)  # (S, F, N)
        estimates.append(torch.istft(masked, 4 * hop, hop, window=window, length=track.samples))
    return dict(zip(track.stems, torch.stack(estimates, dim=1).numpy(), strict=True))


def _spectrogram(audio: Tensor, window: Tensor) -> Tensor:
    """(..., T) -> complex (..., F, N)."""
    size = len(window)
    return torch.stft(
        audio, size, size // 4, window=window, pad_mode="constant", return_complex=True
    )
