"""Audio inside of pages: base64 of FLAC, or of MP3 where it has to be small."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

import numpy as np
import soundfile

from ..audio.resampling import resample
from ..signals import deferred

FULL_SCALE = 32768
LOUDEST = (FULL_SCALE - 1) / FULL_SCALE
FORMATS = {"FLAC": ("PCM_16", "audio/flac"), "MP3": ("MPEG_LAYER_III", "audio/mpeg")}
#: Sample rates of MP3 in Hz. Every browser plays MP3; Safari plays Ogg only since 2025.
MP3_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
SAMPLE_SECONDS = 8.0  # of a sample in a committed notebook


def encode(audio: np.ndarray, sample_rate: int, gain: float = 1.0, kind: str = "FLAC") -> str:
    """Base64 of audio (channels, samples) in 16 bits; more than two channels become their mean.

    FLAC keeps samples to half a step of 1 / 32768. MP3 is lossy and mono, and has the sample rates
    `MP3_RATES`.
    """
    if len(audio) > (1 if kind == "MP3" else 2):
        audio = audio.mean(axis=0, keepdims=True)
    steps = np.round(audio.astype(np.float64) * gain * FULL_SCALE)
    samples = np.clip(steps, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16).T
    file = io.BytesIO()
    with deferred():  # an exception does not pass through libsndfile's calls back
        soundfile.write(file, samples, sample_rate, format=kind, subtype=FORMATS[kind][0])
    return base64.b64encode(file.getvalue()).decode("ascii")


def sample(audio: np.ndarray, sample_rate: int) -> tuple[np.ndarray, int]:
    """The first eight seconds of audio (channels, samples), in mono, and their sample rate.

    The rate is one of `MP3_RATES`.
    """
    rate = sample_rate if sample_rate in MP3_RATES else 44_100
    first = audio[:, : round(SAMPLE_SECONDS * sample_rate)].mean(axis=0, keepdims=True)
    return resample(first, sample_rate, rate), rate


def shared_gain(signals: Iterable[np.ndarray]) -> float:
    """The gain that keeps the loudest of several signals below full scale, 1 at most."""
    loudest = max(float(np.abs(signal).max(initial=0.0)) for signal in signals)
    return min(1.0, LOUDEST / loudest) if loudest else 1.0


def signed(decibels: float) -> str:
    """A gain as text, such as `−3.5 dB`, with a real minus sign."""
    return f"{decibels:+.1f} dB".replace("-", "−")
