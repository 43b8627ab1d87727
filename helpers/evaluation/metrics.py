"""Metrics of an estimated stem in dB: SI-SDR, SI-SIR, SI-SAR, SNR, SDR of BSSEval v4, leakage.

Signals are arrays (..., samples), or (channels, samples) where stated. Stereo stems are scored as
one long signal (`stem.reshape(-1)`), so that one scale holds for all channels.

Common rules: a silent reference gives NaN, which tables count separately; a silent estimate of a
sounding stem gives -inf for SI-SDR and 0 dB for SNR and SDR; ratios beyond 200 dB are rounding
errors and become inf or -inf. A signal is silent below -120 dBFS, after subtracting its mean.
"""

from __future__ import annotations

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
    target. inf without any interference.

    Le Roux et al. 2019, section 3: the residual is projected on all references jointly; the
    projection is the interference, the remainder are artifacts.
    """
    target, interference, _ = _decompose(estimate, references, source)
    return float(_where_sounding(references[source], _decibels(target, interference)))


def si_sar(estimate: np.ndarray, references: np.ndarray, source: int) -> float:
    """Scale-invariant signal-to-artifacts ratio; artifacts come from no stem. See `si_sir`."""
    target, _, artifacts = _decompose(estimate, references, source)
    return float(_where_sounding(references[source], _decibels(target, artifacts)))


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


def leak(estimate: np.ndarray, mixture: np.ndarray) -> float:
    """Level of an estimate of an inactive source, relative to the mixture.

    Any shapes. -inf for a silent estimate.
    """
    return float(_decibels(_energy(np.ravel(estimate)), _energy(np.ravel(mixture))))


def _decompose(
    estimate: np.ndarray, references: np.ndarray, source: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies of target, interference and artifacts; the three signals sum to the estimate."""
    references = _centre(references)
    target, residual = _project(_centre(estimate), references[source])
    sounding = references[_energy(references) > SILENCE * references.shape[-1]]
    weights = np.linalg.lstsq(sounding @ sounding.T, sounding @ residual, rcond=None)[0]
    interference = weights @ sounding
    return _energy(target), _energy(interference), _energy(residual - interference)


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
