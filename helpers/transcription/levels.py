"""The level of a stem in time: where notes are struck, and how loud they are."""

from __future__ import annotations

import numpy as np

from ..music.scores import Note

RATE = 16_000  # Hz of the sound
HOP = 80  # samples: the level is measured every 5 ms
WINDOW = 4 * HOP
QUIET = 40.0  # dB below the loudest: there are no notes
REACH = 12  # hops: 60 ms, within which a level falls and rises
RISE = 8.0  # dB that tell a stroke from vibrato and tremolo
LOUDEST = 110  # velocity


def levels(sound: np.ndarray) -> np.ndarray:
    """The level in dB every 5 ms of a sound (samples,) at `RATE`, over 20 ms."""
    energy = np.concatenate([[0.0], np.cumsum(sound.astype(np.float64) ** 2)])
    centres = np.arange(0, len(sound), HOP)
    first = np.maximum(centres - WINDOW // 2, 0)
    last = np.minimum(centres + WINDOW // 2, len(sound))
    return 10 * np.log10((energy[last] - energy[first]) / np.maximum(last - first, 1) + 1e-12)


def strikes(level: np.ndarray) -> np.ndarray:
    """The seconds at which a level, every 5 ms, rises steeply by `RISE` dB within 60 ms."""
    from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d
    from scipy.signal import find_peaks

    level = np.maximum(level, level.max() - QUIET)
    half = REACH // 2
    ahead = maximum_filter1d(level, REACH, origin=-half)
    behind = minimum_filter1d(level, REACH, origin=half - 1)
    peaks, _ = find_peaks(np.pad(ahead - behind, 1), height=RISE, distance=REACH)
    slope = np.gradient(gaussian_filter1d(level, 2.0)) if len(level) > 1 else np.zeros(1)
    firsts = np.maximum(peaks - 1 - REACH, 0)
    steepest = [first + int(slope[first : first + 2 * REACH].argmax()) for first in firsts]
    return np.unique(steepest) * HOP / RATE


def with_velocities(notes: list[tuple[float, float, int]], level: np.ndarray) -> list[Note]:
    """Notes whose velocities follow the level, every 5 ms: in General MIDI, 40 dB a decade.

    The loudest of these notes has `LOUDEST`, so that parts have no balance among each other.
    """
    frames = [(round(onset * RATE / HOP), round(end * RATE / HOP)) for onset, end, _ in notes]
    peaks = [level[first : max(last, first + 1)].max(initial=-120.0) for first, last in frames]
    top = max(peaks, default=0.0)
    return [
        Note(onset, end - onset, float(pitch), int(max(LOUDEST * 10 ** ((peak - top) / 40), 1)))
        for (onset, end, pitch), peak in zip(notes, peaks, strict=True)
    ]
