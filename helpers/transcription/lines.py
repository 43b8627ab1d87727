"""The notes of an instrument that plays one at a time: a wind instrument, a voice, a single string.

The pitch curve decides which notes there are, by a hidden Markov model; where a note is struck
again at the same pitch, its level falls and rises.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..audio.resampling import resample
from ..music.scores import Note
from .decoding import Costs, decode_line
from .levels import HOP, QUIET, RATE, levels, strikes, with_velocities
from .pitch import PitchCurve, pitch_curve

COSTS = Costs(begin=12.0, end=1.0, again=100.0)  # again: only `strikes` say so
SPREAD = 0.5  # semitones: standard deviation of the pitch in a note, with vibrato and glides
ASTRAY = 0.05  # share of frames whose pitch is elsewhere
SURE = 0.35  # confidence above which a frame is rather in a note than silent
AFTER, BEFORE = 0.12, 0.08  # seconds of a note that lie at least before and after a new stroke
SHORTEST = 0.05  # seconds
FRAME = 0.016  # seconds, for which the costs hold


def read_line(
    sound: np.ndarray,
    sample_rate: int,
    low: int,
    high: int,
    tuning: float = 0.0,
    track: Callable[[np.ndarray, int, float, float], PitchCurve] = pitch_curve,
) -> list[Note]:
    """The notes of a line (samples,) in whole MIDI pitches from `low` to `high`.

    tuning: of the recording, in cents above A4 at 440 Hz. track: finds the pitch.
    """
    curve = track(sound, sample_rate, low - 1, high + 1)
    level = levels(resample(sound, sample_rate, RATE))
    if len(curve.seconds) < 2 or not level.size or level.max() <= -120:
        return []
    pitches = np.arange(low, high + 1)
    spans = decode_line(*_evidence(curve, level, pitches + tuning / 100), COSTS)
    step = curve.seconds[1]
    notes = [(first * step, last * step, int(pitches[k])) for first, last, k in spans]
    notes = [each for each in restruck(notes, strikes(level)) if each[1] - each[0] >= SHORTEST]
    return with_velocities(notes, level)


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


def restruck(
    notes: list[tuple[float, float, int]], strikes: np.ndarray
) -> list[tuple[float, float, int]]:
    """Notes (onset, end, pitch) cut where they are struck again, but not close to their ends."""
    found = []
    for onset, end, pitch in notes:
        cuts = strikes[(strikes > onset + AFTER) & (strikes < end - BEFORE)].tolist()
        found += [(a, b, pitch) for a, b in zip([onset, *cuts], [*cuts, end], strict=True)]
    return found
