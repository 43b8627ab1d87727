"""Metrics of an estimated stem in dB: SI-SDR, SI-SIR, SI-SAR, SNR, BSSEval v4, leakage.

Signals are arrays (..., samples), or (channels, samples) where stated. Stereo stems are scored as
one long signal (`stem.reshape(-1)`), so that one scale holds for all channels.

Common rules: a silent reference gives NaN, which tables count separately; a silent estimate of a
sounding stem gives -inf for SI-SDR and 0 dB for SNR and SDR; ratios beyond 200 dB are rounding
errors and become inf or -inf. A signal is silent below -120 dBFS, after subtracting its mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

SILENCE = 1e-12  # mean square
ROUNDING = 1e-20  # ratio of energies


def si_sdr(estimate: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Scale-invariant signal-to-distortion ratio.

    estimate, reference: (..., samples), zero-meaned here. Returns (...,). Chapter: 01.

    Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019, eq. 3.
    """
    target, residual = _project(_centre(estimate), _centre(reference))
    return _where_sounding(reference, _decibels(_energy(target), _energy(residual)))


def si_sir(estimate: np.ndarray, references: np.ndarray, source: int) -> float:
    """Scale-invariant signal-to-interference ratio; interference comes from the other stems.

    estimate (samples,); references (S, samples), all stems of the mixture; source: the index of the
    target. inf without any interference. See `Scores`.
    """
    return Scores.of(references, estimate[None], [(0, source)]).si_sir(0, source)


def si_sar(estimate: np.ndarray, references: np.ndarray, source: int) -> float:
    """Scale-invariant signal-to-artifacts ratio; artifacts come from no stem. See `si_sir`."""
    return Scores.of(references, estimate[None], [(0, source)]).si_sar(0, source)


def snr(estimate: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Signal-to-noise ratio; the noise is estimate - reference, so a wrong level counts as noise.

    estimate, reference: (..., samples). Returns (...,). Chapter: 01.
    """
    reference = np.asarray(reference, dtype=np.float64)
    ratio = _decibels(_energy(reference), _energy(estimate - reference))
    return _where_sounding(reference, ratio)


def museval_sdr(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """SDR of BSSEval v4 as in published tables: the median over frames of one second.

    estimate, reference: (channels, samples). An incomplete last frame is left out; a file shorter
    than a second is one frame.

    museval raises on an all-silent reference, and gives NaN to all sources of a frame in which one
    is silent. This SDR does not depend on the other sources, so each stem is scored by itself.
    Frames with a silent reference are left out. Frames in which only the estimate is silent count
    as 0 dB, where museval leaves them out.

    Stoeter et al., "The 2018 Signal Separation Evaluation Campaign", LVA/ICA 2018. museval is
    imported at the first call, which takes a second or two.
    """
    from museval.metrics import Framing, bss_eval

    if not _sounds(reference.reshape(-1)):
        return float("nan")
    if not estimate.any():
        return 0.0
    signals = [np.asarray(audio, dtype=np.float64).T[None] for audio in (reference, estimate)]
    frames = bss_eval(*signals, window=sample_rate, hop=sample_rate, filters_len=1)[0][0]
    windows = Framing(sample_rate, sample_rate, reference.shape[-1])
    values = []
    for value, window in zip(frames, windows, strict=True):
        if _sounds(reference[:, window].reshape(-1)):
            values.append(value if estimate[:, window].any() else 0.0)
    return float(np.median(values)) if values else float("nan")


def museval_ratios(estimates: np.ndarray, references: np.ndarray, filters: int = 512) -> np.ndarray:
    """SDR, SIR and SAR of BSSEval v4 in dB, (3, S), with the whole piece as one frame.

    estimates, references: (S, channels, samples), all stems of the mixture, two or more: with one,
    nothing can be interference and museval gives an SIR of inf. filters: length in samples of the
    filter of each reference that explains an estimate; what a filtered copy of the own stem changes
    counts in the SDR only. NaN where a stem or an estimate is silent.

    In frames, museval applies the filters of the whole piece to each frame alone and counts what
    rings across the borders as an error: many dB for the long filters of steady notes. The SDR,
    which has no filters, is compared in frames: see `museval_sdr`. Chapter: 07.

    Vincent, Gribonval and Févotte, "Performance measurement in blind audio source separation", IEEE
    TASLP 2006, with the fixed filters of Stoeter et al., LVA/ICA 2018.
    """
    from museval.metrics import bss_eval

    if len(references) < 2:
        raise ValueError("SIR and SAR need all stems of the mixture; there is only one.")
    if not all(signal.any() for signal in (*references, *estimates)):
        return np.full((3, len(references)), np.nan)
    signals = [np.asarray(each, np.float64).swapaxes(1, 2) for each in (references, estimates)]
    sdr, _, sir, sar, _ = bss_eval(*signals, window=np.inf, hop=np.inf, filters_len=filters)
    return np.stack([sdr, sir, sar])[..., 0]


#: Starts a new pass over a piece: blocks of references (S, n) and estimates (E, n), any n.
Passes = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]


class Scores:
    """SI-SDR, SI-SIR, SI-SAR and SNR of estimates of any length, in constant memory.

    The first pass finds means and inner products, and from them the projections; the second one
    sums the energies of what these leave over, so that ratios of 150 dB are still exact.
    pairs: (index of the estimate, index of its reference), those to measure. sounding: whether each
    reference is not silent, (S,).

    Le Roux et al. 2019, section 3: the residual of SI-SDR is projected on all references jointly;
    the projection is the interference, the remainder are artifacts.
    """

    def __init__(self, passes: Passes, pairs: Sequence[tuple[int, int]]) -> None:
        count, total, products = 0, 0.0, 0.0
        for references, estimates in passes():
            signals = np.concatenate([references, estimates]).astype(np.float64)
            count += signals.shape[1]
            total = total + signals.sum(axis=1)
            products = products + signals @ signals.T
            stems = len(references)
        mean = total / count
        centred = products - count * np.outer(mean, mean)
        self._levels = np.diag(products)[stems:]  # energies of the estimates
        self.sounding = np.diag(centred)[:stems] > SILENCE * count
        weights = np.zeros((len(pairs), 2, stems))  # of the target, and of the interference
        for (estimate, source), (target, others) in zip(pairs, weights, strict=True):
            product, energy = centred[stems + estimate, source], centred[source, source]
            target[source] = product / energy if energy > 0 else 0.0
            residual = centred[stems + estimate, :stems] - target[source] * centred[source, :stems]
            used = np.flatnonzero(self.sounding)
            gram = centred[np.ix_(used, used)]
            others[used] = np.linalg.lstsq(gram, residual[used], rcond=None)[0]
        # Of the target, the residual, the interference, the artifacts, the noise, the reference.
        self._energies = dict.fromkeys(pairs, 0.0)
        for references, estimates in passes():
            stem = references - mean[:stems, None]
            for (estimate, source), (target, others) in zip(pairs, weights, strict=True):
                projected, interference = target[source] * stem[source], others @ stem
                residual = estimates[estimate] - mean[stems + estimate] - projected
                reference = references[source].astype(np.float64)
                noise = estimates[estimate] - reference
                artifacts = residual - interference
                parts = (projected, residual, interference, artifacts, noise, reference)
                self._energies[estimate, source] += np.array([part @ part for part in parts])

    @classmethod
    def of(
        cls, references: np.ndarray, estimates: np.ndarray, pairs: Sequence[tuple[int, int]]
    ) -> Scores:
        """Of signals in memory, references (S, samples) and estimates (E, samples)."""
        return cls(lambda: [(references, estimates)], pairs)

    def si_sdr(self, estimate: int, source: int) -> float:
        return self._ratio(estimate, source, 1)

    def si_sir(self, estimate: int, source: int) -> float:
        return self._ratio(estimate, source, 2)

    def si_sar(self, estimate: int, source: int) -> float:
        return self._ratio(estimate, source, 3)

    def snr(self, estimate: int, source: int) -> float:
        return self._ratio(estimate, source, 4, 5)

    def level(self, estimate: int, mixture: int) -> float:
        """Of an estimate relative to the mixture, which is another one, in dB; -inf for silence."""
        return float(_decibels(self._levels[estimate], self._levels[mixture]))

    def _ratio(self, estimate: int, source: int, noise: int, signal: int = 0) -> float:
        energies = self._energies[estimate, source]
        value = float(_decibels(energies[signal], energies[noise]))
        return value if self.sounding[source] else math.nan


def _project(estimate: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The projection of the estimate on the reference, and the residual; (..., samples) each."""
    energy = _energy(reference)[..., None]
    product = np.sum(estimate * reference, axis=-1, keepdims=True)
    scale = np.divide(product, energy, out=np.zeros_like(product), where=energy > 0)
    target = scale * reference
    return target, estimate - target


def _centre(signal: np.ndarray) -> np.ndarray:
    signal = np.asarray(signal, dtype=np.float64)
    return signal - signal.mean(axis=-1, keepdims=True)


def _energy(signal: np.ndarray) -> np.ndarray:
    return np.sum(np.square(signal, dtype=np.float64), axis=-1)


def _sounds(signal: np.ndarray) -> np.ndarray:
    """(..., samples) -> whether each signal is not silent, (...,)."""
    return _energy(_centre(signal)) > SILENCE * signal.shape[-1]


def _where_sounding(reference: np.ndarray, value: np.ndarray) -> np.ndarray:
    return np.where(_sounds(reference), value, np.nan)


def _decibels(signal: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """10 log10(signal / noise); inf or -inf where one of them is only a rounding error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 10 * np.log10(np.divide(signal, noise))
    value = np.where(noise <= ROUNDING * signal, np.inf, value)
    return np.where(signal <= ROUNDING * noise, -np.inf, value)
