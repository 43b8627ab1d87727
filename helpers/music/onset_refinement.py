"""The onsets of notes to a few milliseconds: where the energy at their own partials rises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .pitch_features import RATE, spectra

HOP, WINDOW, SIZE = 110, 2048, 4096  # samples: a frame every 5 ms
FRAME = HOP / RATE  # seconds
RISE = 0.025  # seconds before and after an onset, between which the level rises
PARTIALS, HIGHEST = 8, 6000.0  # Hz
NEAR = 0.5  # semitones: partials of other notes that disturb
BLOCK = 20.0  # seconds
FLOOR = 0.05  # of the loudest magnitude of a partial: smaller ones, such as leakage, do not count
CLEAR = 0.5  # the rise, in nepers, of an onset that is beyond doubt


@dataclass(frozen=True)
class Group:
    """Notes that begin together. second: where they are believed to begin. others: pitches that
    begin there too but belong to others; partials that they share count less."""

    second: float
    pitches: tuple[float, ...]
    others: tuple[float, ...] = ()


@dataclass(frozen=True)
class Freedom:
    """How far onsets may move. reach: seconds. stay: the cost of moving by `reach`. stiffness: the
    cost of a change of tempo."""

    reach: float
    stay: float
    stiffness: float


def refined(
    sound: np.ndarray,
    groups: Sequence[Group],
    tuning: float,
    freedom: Freedom,
    progress: Callable[[float], object] = lambda _: None,
) -> np.ndarray:
    """The seconds at which groups begin, (groups,), by the Viterbi algorithm.

    sound: (samples,) at `RATE`. tuning: in cents. groups: in order of their seconds.
    """
    offsets = np.arange(-round(freedom.reach / FRAME), round(freedom.reach / FRAME) + 1)
    seconds = np.array([group.second for group in groups])
    evidence = np.zeros((len(groups), len(offsets)))
    first = 0
    while first < len(groups):
        last = int(np.searchsorted(seconds, seconds[first] + BLOCK))
        last = max(last, first + 1)
        evidence[first:last] = _evidence(sound, groups[first:last], tuning, offsets)
        progress(seconds[last - 1] - seconds[first])
        first = last
    evidence -= freedom.stay * (offsets * FRAME / freedom.reach) ** 2
    return seconds + FRAME * offsets[_viterbi(evidence, seconds, offsets, freedom.stiffness)]


def _evidence(
    sound: np.ndarray, groups: Sequence[Group], tuning: float, offsets: np.ndarray
) -> np.ndarray:
    """How clearly each group begins at each offset in frames, 0 to 1."""
    delay = max(round(RISE / FRAME), 1)
    edge = offsets[-1] + delay
    start = int(groups[0].second / FRAME) - edge
    count = int(groups[-1].second / FRAME) + edge + 2 - start
    window = np.hanning(WINDOW).astype(np.float32)
    block = spectra(sound, start * HOP, count, HOP, window, SIZE)
    noise = 3 * np.median(block) + 1e-6
    bands: dict[float, np.ndarray] = {}
    rows = []
    for group in groups:
        places = round(group.second / FRAME) - start + offsets
        evidence = np.zeros(len(offsets))
        for pitch in group.pitches:
            if pitch not in bands:
                bands[pitch] = _partials(block, pitch + tuning / 100)
            before, after = (bands[pitch][places + move] for move in (-delay, delay))
            floor = noise + FLOOR * np.maximum(before, after).max(axis=0)
            rises = np.maximum(np.log((after + floor) / (before + floor)), 0)
            weights = _weights(pitch, group.others, rises.shape[1])
            evidence += rises @ weights / max(weights.sum(), 1.0) / len(group.pitches)
        top = evidence.max()
        rows.append(evidence / (top + 1e-9) * min(1.0, top / CLEAR))
    return np.array(rows)


def _partials(magnitudes: np.ndarray, pitch: float) -> np.ndarray:
    """The largest magnitude near each partial of a pitch, (frames, partials)."""
    hertz = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, PARTIALS + 1)
    bins = hertz[hertz < HIGHEST] / RATE * SIZE
    edges = [(int(b * 2 ** (-1 / 24)), int(np.ceil(b * 2 ** (1 / 24))) + 1) for b in bins]
    return np.stack([magnitudes[:, low:high].max(axis=1) for low, high in edges], axis=1)


def _weights(pitch: float, others: Sequence[float], partials: int) -> np.ndarray:
    """1 for each partial that is the note's own, 0.1 for one that others share."""
    own = pitch + 12 * np.log2(np.arange(1, partials + 1))
    if not others:
        return np.ones(partials)
    theirs = np.add.outer(np.asarray(others), 12 * np.log2(np.arange(1, 2 * PARTIALS + 1))).ravel()
    shared = np.abs(own[:, None] - theirs).min(1) < NEAR
    return np.where(shared, 0.1, 1.0)


def _viterbi(
    evidence: np.ndarray, seconds: np.ndarray, offsets: np.ndarray, stiffness: float
) -> np.ndarray:
    """The number of the best offset of each group."""
    moves = ((offsets[:, None] - offsets) * FRAME) ** 2  # from column to row
    best, back = evidence[0], []
    for number in range(1, len(evidence)):
        gap = max(seconds[number] - seconds[number - 1], 0.03)
        totals = best - stiffness * moves / (0.05 + 0.3 * gap) ** 2  # (to, from)
        back.append(totals.argmax(1))
        best = totals.max(1) + evidence[number]
    chosen = [int(best.argmax())]
    for previous in reversed(back):
        chosen.append(int(previous[chosen[-1]]))
    return np.array(chosen[::-1])
