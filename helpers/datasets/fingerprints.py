"""Recognise held-out recordings by their sound, in whatever folder or file they are.

A fingerprint has one bit per frame and pair of neighbouring bands: whether the difference of their
energies has grown since the frame before. Gain, resampling and lossy coding change few bits.
Haitsma and Kalker, "A highly robust audio fingerprinting system", ISMIR 2002.

`experiments/fingerprints.py` writes the table `fingerprints.csv` beside this file.
"""

from __future__ import annotations

import base64
import csv
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..audio.audio import load
from ..audio.resampling import resample
from ..audio.track import AudioError

TABLE = Path(__file__).with_name("fingerprints.csv")
RATE = 8000  # Hz
WINDOW, HOP = 2048, 256  # samples: 256 and 32 ms
BANDS = np.geomspace(200, 3500, 18)  # edges in Hz; 17 bands give 16 bits a frame
BLOCK = 64  # frames in one row of the table, 2 s
CHUNK = 4096  # frames processed at a time, to limit memory
#: Share of bits that may differ. Measured: at most 0.15 for copies at another level, sample rate,
#: offset or as MP3; at least 0.35 for 26 minutes of other solo recordings.
TOLERANCE = 0.25


def fingerprint(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """The bits of mono audio (samples,): bool (frames, 16)."""
    audio = resample(audio, sample_rate, RATE)
    if len(audio) < WINDOW:
        return np.zeros((0, len(BANDS) - 2), bool)
    frames = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::HOP]
    taper = np.hanning(WINDOW).astype(np.float32)
    edges = np.round(BANDS * WINDOW / RATE).astype(int)
    energies = []
    for start in range(0, len(frames), CHUNK):
        power = np.abs(np.fft.rfft(frames[start : start + CHUNK] * taper)) ** 2
        energies.append(np.add.reduceat(power, edges, axis=1)[:, :-1])
    return np.diff(np.diff(np.concatenate(energies), axis=1), axis=0) > 0


def held_out_recording(audio: np.ndarray, sample_rate: int) -> str | None:
    """The held-out recording of which mono audio (samples,) holds two seconds or more, or None.

    Such as `bach10/01-excerpt05/violin`.
    """
    bits = _signs(fingerprint(audio, sample_rate))
    if len(bits) < BLOCK:
        return None
    names, known = _table(TABLE)
    blocks = np.lib.stride_tricks.sliding_window_view(bits, BLOCK, axis=0).swapaxes(1, 2)
    for start in range(0, len(blocks), CHUNK):
        part = blocks[start : start + CHUNK].reshape(-1, known.shape[1])
        equal = 0.5 + 0.5 * (part @ known.T).max(axis=0) / known.shape[1]  # share of equal bits
        if equal.max() >= 1 - TOLERANCE:
            return names[int(equal.argmax())]
    return None


def load_training_stem(path: Path, sample_rate: int) -> np.ndarray:
    """A file in mono, (1, samples); AudioError for a held-out recording, whatever its name."""
    audio, _ = load(path, sample_rate=sample_rate, channels=1)
    if recording := held_out_recording(audio[0], sample_rate):
        raise AudioError(
            f"{path}: is the recording {recording}, which is kept for evaluation; remove it from "
            "the training folder."
        )
    return audio


@lru_cache
def _table(path: Path) -> tuple[list[str], np.ndarray]:
    """(recording of each block, the bits of each block as +1 and -1)."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    packed = [np.frombuffer(base64.b64decode(row["bits"]), np.uint8) for row in rows]
    return [row["recording"] for row in rows], _signs(np.unpackbits(np.array(packed), axis=1))


def _signs(bits: np.ndarray) -> np.ndarray:
    return np.where(bits, np.float32(1), np.float32(-1))
