"""The notes of an instrument that plays one at a time: a wind instrument, a voice, a single string.

The pitch curve decides which notes there are, by a hidden Markov model; where a note is struck
again at the same pitch, its level falls and rises.
"""

from __future__ import annotations

import numpy as np

from ..audio.resampling import resample
from ..music.scores import Note
from .decoding import Costs, decode_line
from .pitch import RATE, PitchCurve, pitch_curve

COSTS = Costs(begin=8.0, end=1.0, again=100.0)  # again: only `strikes` say so
SPREAD = 0.5  # semitones: standard deviation of the pitch in a note, with vibrato and glides
ASTRAY = 0.05  # share of frames whose pitch is elsewhere
SURE = 0.35  # confidence above which a frame is rather in a note than silent
QUIET = 40.0  # dB below the loudest: there are no notes
HOP = 80  # samples: the level is measured every 5 ms
SMOOTH = 4 * HOP
REACH = 12  # hops: 60 ms, within which a level falls and rises
RISE = 7.0  # dB that tell a stroke from vibrato and tremolo
AFTER, BEFORE = 0.12, 0.08  # seconds of a note that lie at least before and after a new stroke
SHORTEST = 0.05  # seconds
FRAME = 0.016  # seconds, for which the costs hold


def read_line(
    sound: np.ndarray, sample_rate: int, low: int, high: int, tuning: float = 0.0
) -> list[Note]:
    """The notes of a line (samples,) in whole MIDI pitches from `low` to `high`.

    tuning: of the recording, in cents above A4 at 440 Hz.
    """
    curve = pitch_curve(sound, sample_rate, low - 1, high + 1)
    level = levels(resample(sound, sample_rate, RATE))
    if len(curve.seconds) < 2 or not level.size or level.max() <= -120:
        return []
    pitches = np.arange(low, high + 1)
    spans = decode_line(*_evidence(curve, level, pitches + tuning / 100), COSTS)
    step = curve.seconds[1]
    notes = [(first * step, last * step, int(pitches[k])) for first, last, k in spans]
    notes = [each for each in restruck(notes, strikes(level)) if each[1] - each[0] >= SHORTEST]
    return with_velocities(notes, level)


def levels(sound: np.ndarray) -> np.ndarray:
    """The level in dB every 5 ms of a sound (samples,) at `RATE`, over 20 ms."""
    energy = np.concatenate([[0.0], np.cumsum(sound.astype(np.float64) ** 2)])
    centres = np.arange(0, len(sound), HOP)
    first = np.maximum(centres - SMOOTH // 2, 0)
    last = np.minimum(centres + SMOOTH // 2, len(sound))
    return 10 * np.log10((energy[last] - energy[first]) / np.maximum(last - first, 1) + 1e-12)


def _evidence(curve: PitchCurve, level: np.ndarray, pitches: np.ndarray):
    """What `decode_line` takes, of a pitch curve."""
    sure = np.clip(curve.confidence, 0.01, 0.99)
    away = (curve.pitch[:, None] - pitches) / SPREAD  # (frames, pitches)
    near = np.log((1 - ASTRAY) * np.exp(-0.5 * away**2) + 0.1 * ASTRAY)
    sounds = np.log(sure / (1 - sure)) - np.log(SURE / (1 - SURE))
    at = np.interp(curve.seconds, np.arange(len(level)) * HOP / RATE, level)
    sounds -= np.maximum(level.max() - QUIET - at, 0.0)
    weight = curve.seconds[1] / FRAME
    notes = weight * (sure[:, None] * near + sounds[:, None])
    silence = np.zeros(len(notes))
    return notes, silence, silence


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


def restruck(
    notes: list[tuple[float, float, int]], strikes: np.ndarray
) -> list[tuple[float, float, int]]:
    """Notes (onset, end, pitch) cut where they are struck again, but not close to their ends."""
    found = []
    for onset, end, pitch in notes:
        cuts = strikes[(strikes > onset + AFTER) & (strikes < end - BEFORE)].tolist()
        found += [(a, b, pitch) for a, b in zip([onset, *cuts], [*cuts, end], strict=True)]
    return found


def with_velocities(notes: list[tuple[float, float, int]], level: np.ndarray) -> list[Note]:
    """Notes whose velocities follow the level, every 5 ms: in General MIDI, 40 dB a decade."""
    loudest = [
        level[round(onset * RATE / HOP) : max(round(end * RATE / HOP), round(onset * RATE / HOP) + 1)]
        .max(initial=-120.0)
        for onset, end, _ in notes
    ]  # fmt: skip
    top = max(loudest, default=0.0)
    return [
        Note(onset, end - onset, float(pitch), int(max(110 * 10 ** ((peak - top) / 40), 1)))
        for (onset, end, pitch), peak in zip(notes, loudest, strict=True)
    ]
