"""Losses: small functions `(estimates, stems) -> scalar`, both (batch, sources, channels, samples).

Every loss is a plain mean over the examples, so that a batch divided among processes has the
gradient of the whole batch. A parameter is set with `functools.partial(negative_snr, ceiling=50)`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import torch
from auraloss.freq import MultiResolutionSTFTLoss
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
TINY = 1e-8  # a stem whose squared samples sum to less is silent


def si_sdr(estimates: Tensor, stems: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB of each waveform.

    estimates, stems: (..., samples), zero-meaned here.
    Returns (...,). A silent stem has no meaning and gives NaN.

    Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019, eq. 3.
    """
    estimates = estimates - estimates.mean(-1, keepdim=True)
    stems = stems - stems.mean(-1, keepdim=True)
    energy = _energy(stems)
    scale = (estimates * stems).sum(-1) / (energy + TINY)
    target = scale.unsqueeze(-1) * stems
    ratio = _decibels(_energy(target) + TINY) - _decibels(_energy(estimates - target) + TINY)
    return torch.where(energy > TINY, ratio, torch.nan)


def negative_si_sdr(estimates: Tensor, stems: Tensor) -> Tensor:
    """Minus the mean SI-SDR in dB; where a stem is silent, the level that is left there.

    Le Roux et al., ICASSP 2019, eq. 3; silent stems as in `negative_snr`. The scale of the
    estimates stays free: add another loss where the sum of the stems must be the mixture.
    """
    ratio = si_sdr(estimates, stems)
    return torch.where(ratio.isnan(), _leakage(estimates, stems, ceiling=30.0), -ratio).mean()


def negative_snr(
    estimates: Tensor, stems: Tensor, ceiling: float = 30.0, inactive_source_weight: float = 1.0
) -> Tensor:
    """Minus the mean signal-to-noise ratio in dB, levelling off softly at `ceiling` dB.

    Where a stem is silent, the estimate's level relative to the mixture (the sum of the stems)
    takes its place, weighted with `silence`, so that an absent instrument is learnt as silence.

    Wisdom et al., "What's all the fuss about free universal sound separation data?",
    ICASSP 2021, section 3 (the soft threshold and the loss of inactive sources).
    """
    energy = _energy(stems)
    threshold = 10.0 ** (-ceiling / 10.0)
    noise = _energy(estimates - stems) + threshold * energy + TINY
    negative = _decibels(noise) - _decibels(energy + TINY)
    leakage = inactive_source_weight * _leakage(estimates, stems, ceiling)
    return torch.where(energy > TINY, negative, leakage).mean()


def joint_snr(estimates: Tensor, stems: Tensor, ceiling: float = 3.0) -> Tensor:
    """Minus the ratio in dB of all stems' energy to all errors' energy, one for each example.

    What leaks into an absent instrument is an error like any other. The ratio levels off at a
    `ceiling` so low that the loss is nearly the mean squared error: where it is not clear who
    plays, sharing costs less than a guess, which a higher ratio for the lucky one would reward.
    """
    energy = _energy(stems).sum((1, 2))
    noise = _energy(estimates - stems).sum((1, 2))
    threshold = 10.0 ** (-ceiling / 10.0)
    return (_decibels(noise + threshold * energy + TINY) - _decibels(energy + TINY)).mean()


def l1(estimates: Tensor, stems: Tensor) -> Tensor:
    """Mean absolute error of the waveforms, the loss of Demucs (Défossez et al., 2019)."""
    return (estimates - stems).abs().mean()


def magnitude_l1(
    estimates: Tensor,
    stems: Tensor,
    window: int = 512,
    hop: int = 128,
    source: int | None = None,
) -> Tensor:
    """Mean absolute error of the spectrograms, nussl's loss for mask inference.

    source: the only one that counts, such as the target of a network that leaves the rest over.
    STFT with a `sqrt_hann` window; a full-scale sine has magnitude one half. Exactly what nussl
    compares is the masked magnitude before it becomes a waveform.
    """
    if source is not None:
        estimates, stems = estimates[:, source], stems[:, source]
    return l1(_magnitudes(estimates, window, hop), _magnitudes(stems, window, hop))


def multi_resolution_stft(estimates: Tensor, stems: Tensor) -> Tensor:
    """Mean distance of the magnitudes, linear and logarithmic, of three spectrogram sizes.

    Yamamoto et al., "Parallel WaveGAN", ICASSP 2020, eq. 6, without the spectral convergence:
    it divides by the norm of the whole batch, which silent stems and several processes change.
    Needs at least 1025 samples.
    """
    distance = MultiResolutionSTFTLoss(w_sc=0.0, w_log_mag=1.0, w_lin_mag=1.0)
    samples = stems.shape[-1]
    # (B, S, C, T) -> (B * S * C, 1, T)
    return distance(estimates.reshape(-1, 1, samples), stems.reshape(-1, 1, samples))


def weighted_sum(*terms: tuple[float, Loss]) -> Loss:
    """One loss from several: `weighted_sum((1.0, negative_snr), (0.5, multi_resolution_stft))`."""

    def loss(estimates: Tensor, stems: Tensor) -> Tensor:
        return sum(weight * term(estimates, stems) for weight, term in terms)

    return loss


def permutation_invariant(loss: Loss) -> Loss:
    """The loss under the best order of the stems, chosen for each example by that loss.

    For sources without an order of their own, such as two voices of one timbre.
    Kolbæk et al., "Multi-talker speech separation with utterance-level permutation invariant
    training of deep recurrent neural networks", IEEE/ACM TASLP 2017.
    """

    def invariant(estimates: Tensor, stems: Tensor) -> Tensor:
        return loss(estimates, best_order(loss, estimates, stems))

    return invariant


@torch.no_grad()
def best_order(loss: Loss, estimates: Tensor, stems: Tensor) -> Tensor:
    """The stems, each example in the order that has the smallest loss; shaped as `stems`."""
    ordered = []
    for estimate, example in zip(estimates.split(1), stems.split(1), strict=True):
        orders = [example[:, list(order)] for order in permutations(range(stems.shape[1]))]
        ordered.append(min(orders, key=lambda order: loss(estimate, order).item()))  # noqa: B023
    return torch.cat(ordered)


def _leakage(estimates: Tensor, stems: Tensor, ceiling: float) -> Tensor:
    """Level of each estimate relative to the mixture in dB, levelling off at -`ceiling`."""
    mixture = _energy(stems.sum(1, keepdim=True))
    threshold = 10.0 ** (-ceiling / 10.0)
    level = _decibels(_energy(estimates) + threshold * mixture + TINY)
    return level - _decibels(mixture + TINY)


def _magnitudes(signal: Tensor, window: int, hop: int) -> Tensor:
    """(..., samples) -> (waveforms, frequencies, frames)."""
    weights = torch.hann_window(window, device=signal.device).sqrt()
    spectrum = torch.stft(
        signal.reshape(-1, signal.shape[-1]),
        window,
        hop,
        window=weights / weights.sum(),
        pad_mode="constant",
        return_complex=True,
    )
    return spectrum.abs()


def _energy(signal: Tensor) -> Tensor:
    return signal.square().sum(-1)


def _decibels(energy: Tensor) -> Tensor:
    return 10.0 * torch.log10(energy)
