"""Spectrograms for figures: calibrated, limited in size, with a logarithmic frequency axis."""

from __future__ import annotations

import numpy as np

WINDOW_SECONDS = 0.093  # 4096 samples at 44.1 kHz: resolves a semitone from 130 Hz on
COLUMNS = 900


def spectrogram(audio: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    """Mean power of all channels, (bins, frames), and the seconds from one frame to the next.

    audio: (channels, samples). Bins run from 0 to sample_rate / 2; frames are centred, the first at
    time 0. A sine of amplitude 1 has power 1 in its bin (Hann window). Frames overlap by three
    quarters, or less where there would be more than 900.
    """
    window = 2 ** round(np.log2(WINDOW_SECONDS * sample_rate))
    hop = max(window // 4, -(-audio.shape[1] // COLUMNS))
    hann = np.hanning(window + 1)[:-1].astype(np.float32)
    padded = np.pad(audio, ((0, 0), (window // 2, window // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window, axis=1)[:, ::hop]
    spectra = np.fft.rfft(frames * hann, axis=2) / (hann.sum() / 2)  # (C, frames, bins)
    return np.mean(np.abs(spectra) ** 2, axis=0).T, hop / sample_rate


def log_bands(power: np.ndarray, highest_hz: float, edges: np.ndarray) -> np.ndarray:
    """(bins, frames), the bins from 0 to `highest_hz` -> (bands, frames), the strongest bin each.

    edges: (bands + 1,) in Hz, rounded to bins. The maximum keeps the level of a tone at every
    frequency. A band narrower than a bin gets the nearest bin.
    """
    *first, last = np.rint(edges / highest_hz * (len(power) - 1)).astype(int)
    return np.maximum.reduceat(power[: max(last, first[-1] + 1)], first, axis=0)
