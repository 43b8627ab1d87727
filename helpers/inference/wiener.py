"""Wiener filtering of any separator's stems, so that they sum to the recording. Chapter: 05."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SILENCE = 1e-12  # RMS; the constants of openunmix fit a level near one
FRAMES = 300  # that share one model of where the sources are, as in Open-Unmix: 7 s
INSTALL = 'pip install "divisi[train]"'


def wiener_filter(
    estimates: np.ndarray,
    mixture: np.ndarray,
    iterations: int = 1,
    window: int = 4096,
    hop: int = 1024,
) -> np.ndarray:
    """estimates (S, C, T) of a mixture (C, T) -> estimates (S, C, T), float32, that sum to it.

    Each bin of the mixture is divided in the ratio of the power spectrograms of the estimates; with
    two channels also by their levels in both. What no estimate claims is shared equally.
    iterations: of expectation-maximisation, 1 or more; in mono the first is the Wiener filter. The
    filter is `openunmix.filtering.wiener`, which knows one and two channels; of more, each is
    filtered on its own.
    ValueError where shapes do not fit, ImportError where openunmix is not installed.

    Nugraha, Liutkus and Vincent, "Multichannel audio source separation with deep neural networks",
    IEEE/ACM TASLP 24(9), 2016.
    """
    if estimates.shape[1:] != mixture.shape or iterations < 1:
        raise ValueError(
            f"The estimates have the shape {estimates.shape}, the mixture {mixture.shape}, and "
            f"there are {iterations} iterations; they must be (sources, channels, samples), "
            "(channels, samples), and 1 or more."
        )
    if len(mixture) > 2:
        pairs = zip(estimates.swapaxes(0, 1), mixture, strict=True)
        filtered = [wiener_filter(e[:, None], m[None], iterations, window, hop) for e, m in pairs]
        return np.concatenate(filtered, axis=1)
    wiener = _wiener()
    level = max(float(np.sqrt(np.mean(np.square(mixture, dtype=np.float64)))), SILENCE)
    hann = torch.hann_window(window, dtype=torch.float64)

    def stft(waves: np.ndarray) -> Tensor:
        """(..., T) -> complex (..., F, N)."""
        flat = torch.from_numpy(waves.reshape(-1, waves.shape[-1])).double()
        spectrum = torch.stft(
            flat, window, hop, window=hann, pad_mode="constant", return_complex=True
        )
        return spectrum.unflatten(0, waves.shape[:-1])

    spectra = stft(estimates / level).abs().permute(3, 2, 1, 0)  # (N, F, C, S)
    heard = torch.view_as_real(stft(mixture / level).permute(2, 1, 0)).contiguous()  # (N, F, C, 2)
    blocks = [
        wiener(spectra[start : start + FRAMES], heard[start : start + FRAMES], iterations)
        for start in range(0, len(heard), FRAMES)
    ]
    filtered = torch.cat(blocks).permute(4, 2, 1, 0, 3).contiguous()  # (S, C, F, N, 2)
    waves = torch.istft(
        torch.view_as_complex(filtered).flatten(0, 1), window, hop, window=hann,
        length=mixture.shape[-1],
    )  # fmt: skip
    stems = level * waves.view(estimates.shape).numpy()
    return (stems + (mixture - stems.sum(axis=0)) / len(stems)).astype(np.float32)


def _wiener():
    try:
        from openunmix.filtering import wiener
    except ModuleNotFoundError as error:
        raise ImportError(f"{error.name} is not installed; run `{INSTALL}`.") from error
    return wiener
