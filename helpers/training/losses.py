"""Losses `(estimates, stems) -> scalar`, both (batch, sources, channels, samples). Chapter: 01.

Every loss of estimates is a plain mean over the examples, so that a batch divided among processes
has the gradient of the whole batch. `functools.partial(negative_snr, ceiling=50)` sets a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
TINY = 1e-8  # a stem whose squared samples sum to less is silent
SHARPNESS = 5.0  # of the choice among stems in `identity_loss`


def si_sdr(estimates: Tensor, stems: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB of each waveform.

    estimates, stems: (..., samples), zero-meaned here.
    Returns (...,), NaN for a silent stem.

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
    """Minus the mean SI-SDR in dB; where a stem is silent, the level of the estimate.

    Le Roux et al., ICASSP 2019, eq. 3; silent stems as in `negative_snr`. The scale of the
    estimates is not learned: add another loss where they must sum to the mixture.
    """
    ratio = si_sdr(estimates, stems)
    return torch.where(ratio.isnan(), _leakage(estimates, stems, ceiling=30.0), -ratio).mean()


def negative_snr(
    estimates: Tensor, stems: Tensor, ceiling: float = 30.0, inactive_source_weight: float = 1.0
) -> Tensor:
    """Minus the mean signal-to-noise ratio in dB, with a soft ceiling in dB.

    Where a stem is silent, the level of the estimate relative to the mixture (the sum of the stems)
    replaces it, weighted with `inactive_source_weight`.

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
    """Minus the ratio in dB of the energy of all stems to that of all errors, for each example.

    Leakage into an inactive source is an error like any other. The soft `ceiling` is so low that
    the loss is nearly the mean squared error: where the active sources are uncertain, dividing the
    energy among the candidates costs less than choosing one.
    """
    energy = _energy(stems).sum((1, 2))
    noise = _energy(estimates - stems).sum((1, 2))
    threshold = 10.0 ** (-ceiling / 10.0)
    return (_decibels(noise + threshold * energy + TINY) - _decibels(energy + TINY)).mean()


def l1(estimates: Tensor, stems: Tensor) -> Tensor:
    """Mean absolute error of the waveforms, the loss of Demucs (Défossez et al., 2019)."""
    return (estimates - stems).abs().mean()


def magnitude_l1(
    estimates: Tensor, stems: Tensor, window: int = 512, hop: int = 128, source: int | None = None
) -> Tensor:
    """Mean absolute error of the magnitude spectrograms, as in nussl's mask inference. Chapter: 03.

    source: the index of the only source that counts, such as the target beside the rest.
    STFT with a `sqrt_hann` window; a full-scale sine has magnitude one half. nussl itself compares
    the masked magnitude before the inverse STFT.
    """
    if source is not None:
        estimates, stems = estimates[:, source], stems[:, source]
    return l1(_magnitudes(estimates, window, hop), _magnitudes(stems, window, hop))


def magnitude_mse(
    estimates: Tensor, stems: Tensor, window: int = 4096, hop: int = 1024, source: int | None = None
) -> Tensor:
    """Mean squared error of the magnitude spectrograms, the loss of Open-Unmix. Chapter: 05.

    source: as in `magnitude_l1`. The error is relative to the power of the mixture, so that loud
    examples do not count more, and lies far above the smallest gradient that Adam follows.
    Open-Unmix itself compares the masked magnitude before the inverse STFT, without this division.
    """
    power = stems.sum(1).square().mean((-2, -1)) + TINY  # (batch,)
    if source is not None:
        estimates, stems = estimates[:, source], stems[:, source]
    hann = torch.hann_window(window, device=stems.device)
    hann = hann / hann.square().sum().sqrt()  # the mean square of a spectrum is the waveform's
    error = (_spectra(estimates, hann, hop) - _spectra(stems, hann, hop)).square()
    return (error.unflatten(0, (len(power), -1)).mean((1, 2, 3)) / power).mean()


def matched(estimates: Tensor, stems: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """The stems in `matching_order`."""
    return reordered(stems, matching_order(estimates, stems, pairs))


def reordered(values: Tensor, order: Tensor) -> Tensor:
    """values (B, S, ...) with the sources of each example in an order, indices (B, S)."""
    return values[torch.arange(len(values), device=values.device)[:, None], order]


def matching_order(estimates: Tensor, stems: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """The order of the stems, indices (B, S), in which each pair is nearest to its estimates.

    pairs: indices of sources that only their order tells apart, such as two violins. In each
    example the order with the smaller squared error is chosen for each pair; where one of the two
    is silent, they are not exchanged.

    Yu et al., "Permutation invariant training of deep models for speaker-independent multi-talker
    speech separation", ICASSP 2017, within each pair.
    """
    order = torch.arange(stems.shape[1], device=stems.device).repeat(len(stems), 1)
    with torch.no_grad():
        for first, second in pairs:
            both = (stems[:, [first, second]].square().sum((2, 3)) > TINY).all(1)
            difference = stems[:, first] - stems[:, second]
            # The squared errors of the two orders differ by twice this product.
            product = ((estimates[:, first] - estimates[:, second]) * difference).sum((1, 2))
            crossed = both & (product < 0)
            order[crossed, first], order[crossed, second] = second, first
    return order


def fundamentals_loss(logits: Tensor, sounding: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy of the logits (B, S, log bins, N) that a source plays a pitch.

    sounding: the answer, of the same shape. known (B, S): the sources whose notes are known. It is
    the sum divided by the number of bins that sound, because nearly all bins are silent; so a batch
    divided among processes has only about the gradient of the whole batch.
    """
    logits, sounding = logits[known].float(), sounding[known].float()
    entropy = F.binary_cross_entropy_with_logits(logits, sounding, reduction="sum")
    return entropy / sounding.sum().clamp_min(1.0)


def identity_loss(estimates: Tensor, stems: Tensor, window: int) -> Tensor:
    """How often passages of the estimates are more like another stem than like their own.

    estimates, stems: (S, C, T) of one example. In windows of so many samples, the cosine similarity
    of each estimate with all stems is taken for logits (times SHARPNESS), of which its own is the
    answer of a cross-entropy. Windows in which a stem is 30 dB below the mixture do not count.

    The loss is that of contrastive learning: van den Oord et al., "Representation learning with
    contrastive predictive coding", 2018, eq. 4.
    """
    count = stems.shape[-1] // window
    found, true = (
        each[..., : count * window].unflatten(-1, (count, window)).transpose(0, 2).flatten(2)
        for each in (estimates.transpose(0, 1), stems.transpose(0, 1))
    )  # (windows, S, C * window)
    energy = _energy(true)
    audible = energy > 1e-3 * _energy(true.sum(1, keepdim=True)) + TINY
    norms = (_energy(found)[:, :, None] * energy[:, None] + TINY).sqrt()
    logits = SHARPNESS * torch.einsum("wsn,wtn->wst", found, true) / norms
    entropy = F.cross_entropy(
        logits.flatten(0, 1), torch.arange(len(stems), device=stems.device).repeat(count),
        reduction="none",
    )  # fmt: skip
    audible = audible.flatten()
    return (entropy * audible).sum() / audible.sum().clamp_min(1)


def weighted_sum(*terms: tuple[float, Loss]) -> Loss:
    """One loss from several: `weighted_sum((0.5, negative_snr), (0.5, joint_snr))`."""

    def loss(estimates: Tensor, stems: Tensor) -> Tensor:
        return sum(weight * term(estimates, stems) for weight, term in terms)

    return loss


def _leakage(estimates: Tensor, stems: Tensor, ceiling: float) -> Tensor:
    """Level of each estimate relative to the mixture in dB, with a soft floor at -`ceiling`."""
    mixture = _energy(stems.sum(1, keepdim=True))
    threshold = 10.0 ** (-ceiling / 10.0)
    level = _decibels(_energy(estimates) + threshold * mixture + TINY)
    return level - _decibels(mixture + TINY)


def _magnitudes(signal: Tensor, window: int, hop: int) -> Tensor:
    """(..., samples) -> (waveforms, frequencies, frames)."""
    weights = torch.hann_window(window, device=signal.device).sqrt()
    return _spectra(signal, weights / weights.sum(), hop)


def _spectra(signal: Tensor, weights: Tensor, hop: int) -> Tensor:
    """(..., samples) -> (waveforms, frequencies, frames), with these weights as the window."""
    spectrum = torch.stft(
        signal.reshape(-1, signal.shape[-1]), len(weights), hop, window=weights,
        pad_mode="constant", return_complex=True,
    )  # fmt: skip
    return spectrum.abs()


def _energy(signal: Tensor) -> Tensor:
    return signal.square().sum(-1)


def _decibels(energy: Tensor) -> Tensor:
    return 10.0 * torch.log10(energy)
