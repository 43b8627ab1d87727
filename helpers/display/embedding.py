"""Audio inside of pages: base64 of FLAC, or of MP3 or Opus where it has to be small."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

import numpy as np
import soundfile

from ..audio.formats import MP3_RATES
from ..audio.resampling import resample
from ..signals import deferred

FULL_SCALE = 32768
LOUDEST = (FULL_SCALE - 1) / FULL_SCALE
#: By kind: file format, encoding, and MIME type.
FORMATS = {
    "FLAC": ("FLAC", "PCM_16", "audio/flac"),
    "MP3": ("MP3", "MPEG_LAYER_III", "audio/mpeg"),
    "Opus": ("OGG", "OPUS", "audio/ogg"),
}
OPUS_BITRATES = (6, 256)  # kbit/s of a channel, the ends of libsndfile's scale
SAMPLE_SECONDS = 8.0  # of a sample in a committed notebook


def encode(audio: np.ndarray, sample_rate: int, gain: float = 1.0, kind: str = "FLAC") -> str:
    """Base64 of audio (channels, samples) in 16 bits; more than two channels become their mean.

    FLAC keeps samples to half a step of 1 / 32768. MP3 is lossy and mono, and has the sample rates
    `MP3_RATES`.
    """
    return encode_blocks([audio], sample_rate, len(audio), gain, kind)


def encode_blocks(
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
    gain: float = 1.0,
    kind: str = "FLAC",
    kilobits: float = 64.0,
) -> str:
    """`encode` for blocks (channels, n), of which only the result is kept in memory.

    kilobits: per second, of Opus, which is mono too and has 8, 12, 16, 24 or 48 kHz. At 16 to 24 it
    loses far less of an instrument than MP3 does.
    """
    if channels > (2 if kind == "FLAC" else 1):
        blocks, channels = (block.mean(axis=0, keepdims=True) for block in blocks), 1
    form, subtype, _ = FORMATS[kind]
    low, high = OPUS_BITRATES
    setting = {"compression_level": (high - kilobits) / (high - low)} if kind == "Opus" else {}
    file = io.BytesIO()
    # An exception does not pass through libsndfile's calls back.
    with (
        deferred(),
        soundfile.SoundFile(
            file, "w", sample_rate, channels, subtype, format=form, **setting
        ) as sound,
    ):
        for block in blocks:
            steps = np.round(block.astype(np.float64) * gain * FULL_SCALE)
            sound.write(np.clip(steps, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16).T)
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
