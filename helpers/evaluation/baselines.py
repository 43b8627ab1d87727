"""What a number means: the floor (do nothing) and the ceiling (know the answer).

Each baseline takes a Track and returns an estimate per stem, float32 (channels, samples).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..audio.track import Track


def mixture_baseline(track: Track) -> dict[str, np.ndarray]:
    """The floor: the unprocessed mixture as the estimate of every stem."""
    return dict.fromkeys(track.stems, track.mixture)


def oracle_ratio_mask(track: Track) -> dict[str, np.ndarray]:
    """The ceiling: each bin shared out by the true magnitudes, |s| / sum |s|.

    What a network that masks magnitudes and keeps the mixture's phase would reach with perfect
    masks: a yardstick, not a strict bound. STFT of 93 ms (4096 samples at 44.1 kHz) with a hop of a
    quarter, Hann window.

    Liutkus and Badeau, "Generalized Wiener filtering with fractional power spectrograms", ICASSP
    2015, with exponent 1.
    """
    return _masked(track, lambda magnitudes: magnitudes / magnitudes.sum(0).clamp_min(1e-12))


def oracle_binary_mask(track: Track) -> dict[str, np.ndarray]:
    """Each bin given whole to the stem that is loudest there; STFT as for the ratio mask.

    Wang, "On ideal binary mask as the computational goal of auditory scene analysis", 2005.
    """
    return _masked(track, lambda magnitudes: _one_hot(magnitudes.argmax(0), len(magnitudes)))


BASELINES = {
    "mixture": mixture_baseline,
    "oracle-irm": oracle_ratio_mask,
    "oracle-ibm": oracle_binary_mask,
}


def _one_hot(winner: Tensor, count: int) -> Tensor:
    """winner (F, N) -> (count, F, N), one where the index is the winner's."""
    return torch.stack([winner == index for index in range(count)]).float()


def _masked(track: Track, masks_of: Callable[[Tensor], Tensor]) -> dict[str, np.ndarray]:
    """The mixture under the masks that `masks_of` makes of the stems' magnitudes (S, F, N)."""
    hop = max(round(track.sample_rate * 1024 / 44100), 1)
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
