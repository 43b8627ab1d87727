"""The machinery of chapter 01: its networks and fixed filters, and signals that test them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.linalg import solve_toeplitz
from torch import nn

from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.tone_melodies import ENSEMBLES, Melodies
from helpers.evaluation.evaluate import Separator, model_separator
from helpers.evaluation.results import output_folder
from helpers.models.conv_tasnet import ConvTasNet, ConvTasNetConfig
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig
from helpers.training.checkpoints import load_model, save_model
from helpers.training.history import History
from helpers.training.losses import negative_snr
from helpers.training.trainer import TrainingConfig, fit

RATE = 8000
SYSTEMS = ("wave-unet", "conv-tasnet")
LOSS = partial(negative_snr, ceiling=60.0)
SHORT = TrainingConfig(steps=1, batch_size=4, learning_rate=3e-3)  # of the studies of seeds
SHORT_SECONDS = 0.512  # of their training examples


def network(system: str, singers: tuple[str, ...], **choices: str) -> nn.Module:
    """A network of SYSTEMS with random weights. choices: initialisation, normalisation."""
    if system == "wave-unet":
        width = 4 if runtime.profile() == "smoke" else 8
        return WaveUNet(WaveUNetConfig(singers, width=width, **choices))
    sizes = {"filters": 128, "filter_length": 64, "bottleneck": 32, "hidden": 64}
    return ConvTasNet(ConvTasNetConfig(singers, **sizes, **choices))


def save(model: nn.Module, name: str, config: TrainingConfig, history: History) -> nn.Module:
    """Save a trained network with its card and load it again.

    Raises KeyboardInterrupt where the training was interrupted, so that its cell ends here.
    """
    if not history.finished:
        raise KeyboardInterrupt("The training is saved; run this cell again to resume.")
    made = {
        "commit": runtime.commit(),
        "device": runtime.describe_device(next(model.parameters()).device),
        "seconds": round(history.rows[-1]["seconds"]),
        "training": asdict(config),
        "validation": list(zip(*history.column("val_si_sdr"), strict=True)),
    }
    folder = output_folder("Checkpoints")
    save_model(model, folder, name, made)
    return load_model(folder / name)


def short_training(system: str, choice: Mapping[str, str], seed: int, steps: int) -> Separator:
    """The separator of a network for three voices after a few training steps."""
    runtime.seed_everything(seed)
    model = network(system, ENSEMBLES[3], **choice)
    chosen = (model.config.initialisation, model.config.normalisation, str(seed))
    folder = output_folder("runs") / "-".join(["study", system, *chosen])
    melodies = Melodies(ENSEMBLES[3], SHORT_SECONDS, 100 + seed)
    config = replace(SHORT, steps=steps, warmup_steps=steps // 10, seed=seed)
    fit(model, LOSS, melodies, config=config, folder=Path(folder), progress=False)
    return model_separator(model)


def wiener_filters(melodies: Melodies, examples: int, taps: int = 513) -> np.ndarray:
    """(voices, taps): for each voice the filter of least squared error, centred.

    Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series", 1949.
    """
    stems = np.stack([melodies[i][1].squeeze(1).numpy() for i in range(examples)])  # (N, S, T)
    length = 2 * stems.shape[-1]
    spectra = np.fft.rfft(stems, length)
    mixtures = spectra.sum(axis=1, keepdims=True)
    own = np.fft.irfft((abs(mixtures) ** 2).mean(axis=(0, 1)))[:taps]  # autocorrelation
    shared = np.fft.irfft((spectra * mixtures.conj()).mean(axis=0))  # (S, T)
    own[0] *= 1 + 1e-9
    shared = np.roll(shared, taps // 2, axis=1)[:, :taps]
    return np.stack([solve_toeplitz(own, right) for right in shared])


def filtered(filters: np.ndarray, track: Track) -> dict[str, np.ndarray]:
    """The estimate of each voice: the mixture through its filter."""
    estimates = (np.convolve(track.mixture[0], taps, "same")[None] for taps in filters)
    return dict(zip(track.stems, estimates, strict=True))


def response(taps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz, and the gain of a filter in dB."""
    return np.fft.rfftfreq(4096, 1 / RATE), 20 * np.log10(abs(np.fft.rfft(taps, 4096)) + 1e-6)


def glide(low: float, high: float, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """A cosine with linearly rising pitch, (1, T), and its frequency in Hz, (T,)."""
    time = np.arange(round(seconds * RATE)) / RATE
    frequency = low * (high / low) ** (time / seconds)
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    return 0.1 * np.cos(phase)[None].astype(np.float32), frequency


def level(signal: np.ndarray, window: int = 400) -> np.ndarray:
    """dB of the running RMS over 50 ms, relative to a cosine of amplitude 0.1, (T,)."""
    power = np.convolve(signal**2, np.ones(window) / window, "same")
    return 10 * np.log10(power / 0.005 + 1e-8)


def turnover(frequency: np.ndarray, levels: Mapping[str, np.ndarray]) -> float:
    """The frequency in Hz from which on the soprano's estimate is louder than the bass's."""
    bass_louder = np.flatnonzero(levels["bass"] > levels["soprano"])
    return float(frequency[bass_louder[-1]]) if len(bass_louder) else float(frequency[0])


def leak(separator: Separator, signal: np.ndarray, voice: str = "soprano") -> float:
    """The level of the estimate of a voice in dB, relative to the signal (1, T)."""
    estimates = separator(Track("probe", RATE, {"soprano": signal, "bass": 0 * signal}))
    return float(10 * np.log10(np.mean(estimates[voice] ** 2) / np.mean(signal**2)))


def filter_spectra(waveforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Learned filters (filters, samples) in the order of their peak frequency.

    Returns (waveforms, magnitude spectra (filters, 257), each with the maximum 1).
    """
    spectra = np.abs(np.fft.rfft(waveforms, 512))
    order = np.argsort(spectra.argmax(axis=1), kind="stable")
    return waveforms[order], spectra[order] / spectra[order].max(axis=1, keepdims=True)
