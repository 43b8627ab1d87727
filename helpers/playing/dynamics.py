"""How loud players play, and whether they become louder and softer together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .onsets import PlayedPart
from .pitch import FRAME

WINDOW = 0.05  # seconds, of a level
SILENT = -100.0  # dB
SLOW = 0.3  # seconds: standard deviation of the Gaussian that smooths levels
LONGEST_LAG = 0.5  # seconds by which one player may follow another
LEAST = 2.0  # seconds in which both must play


def level_curve(stem: np.ndarray, sample_rate: int) -> np.ndarray:
    """The level of a stem (channels, samples) in dB full scale, a value every `FRAME`: (frames,).

    The RMS of all channels in windows of 50 ms around each frame; -100 for silence.
    """
    power = np.mean(np.square(stem, dtype=np.float64), axis=0)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    centres = np.arange(0.0, len(power) / sample_rate, FRAME) * sample_rate
    edges = [np.clip(centres + d * sample_rate * WINDOW / 2, 0, len(power)) for d in (-1, 1)]
    low, high = (edge.round().astype(int) for edge in edges)
    mean = (sums[high] - sums[low]) / np.maximum(high - low, 1)
    return np.maximum(10.0 * np.log10(np.maximum(mean, 1e-30)), SILENT)


@dataclass(frozen=True)
class DynamicsCoupling:
    """correlation: of the levels of two players, -1 to 1. lag: seconds by which the second follows
    the first where the correlation is largest."""

    correlation: float
    lag: float


def sounding(part: PlayedPart, frames: int) -> np.ndarray:
    """Whether a player plays, a bool for every `FRAME`: (frames,)."""
    plays = np.zeros(frames, bool)
    for onset, end in zip(part.onsets, part.ends, strict=True):
        plays[max(int(onset / FRAME), 0) : max(int(end / FRAME), 0)] = True
    return plays


def dynamics_coupling(
    levels: Sequence[np.ndarray], plays: Sequence[np.ndarray]
) -> DynamicsCoupling | None:
    """Of two players: levels in dB and whether they play, (frames,) each.

    The correlation of the levels, smoothed over 0.3 s, where both play. None where that is shorter
    than two seconds.
    """
    first, second = (_slow(level, on) for level, on in zip(levels, plays, strict=True))
    longest = round(LONGEST_LAG / FRAME)
    values = {}
    for lag in range(-longest, longest + 1):
        one, other = (first, second[lag:]) if lag >= 0 else (first[-lag:], second)
        count = min(len(one), len(other))
        one, other = one[:count], other[:count]
        known = np.isfinite(one) & np.isfinite(other)
        if known.sum() * FRAME >= LEAST and one[known].std() and other[known].std():
            values[lag] = float(np.corrcoef(one[known], other[known])[0, 1])
    if 0 not in values:
        return None
    return DynamicsCoupling(values[0], FRAME * max(values, key=values.__getitem__))


def _slow(level: np.ndarray, plays: np.ndarray) -> np.ndarray:
    """The level where the player plays, smoothed over these frames alone; NaN elsewhere."""
    from scipy.ndimage import gaussian_filter1d

    weight = gaussian_filter1d(plays.astype(float), SLOW / FRAME, mode="constant")
    total = gaussian_filter1d(np.where(plays, level, 0.0), SLOW / FRAME, mode="constant")
    return np.where(plays, total / np.maximum(weight, 1e-9), np.nan)


def note_levels(part: PlayedPart, level: np.ndarray) -> np.ndarray:
    """The mean level of each note in dB, (n,), NaN for one that lies outside of the curve."""
    edges = [
        (int(max(a, 0) / FRAME), int(b / FRAME) + 1)
        for a, b in zip(part.onsets, part.ends, strict=True)
    ]
    values = [level[low:high] for low, high in edges]
    return np.array([each.mean() if len(each) else np.nan for each in values])
