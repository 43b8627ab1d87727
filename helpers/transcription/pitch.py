"""The pitch of a single line in time, by the network SwiftF0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..audio.resampling import resample

RATE = 16_000  # Hz: what the network hears
LOWEST, HIGHEST = 31.0, 95.8  # MIDI pitch: what it finds in that, 49 Hz to 2,070 Hz
OCTAVE = 12


@dataclass(frozen=True, eq=False)
class PitchCurve:
    """Frames of a line, (frames,) each: seconds, fractional MIDI pitch, confidence 0 to 1."""

    seconds: np.ndarray
    pitch: np.ndarray
    confidence: np.ndarray


def pitch_curve(sound: np.ndarray, sample_rate: int, low: float, high: float) -> PitchCurve:
    """The pitch of a sound (samples,) within the range of an instrument, every 8 or 16 ms.

    low, high: MIDI pitch. The network's range and frames move with the speed at which it hears the
    sound; see `octaves_down`.
    """
    from swift_f0 import SwiftF0

    octaves = octaves_down(low, high)
    heard = resample(sound, sample_rate, round(RATE * 2.0**octaves))
    if not heard.size:
        return PitchCurve(*np.zeros((3, 0)))
    low, high = max(low - OCTAVE * octaves, LOWEST), min(high - OCTAVE * octaves, HIGHEST)
    edges = [440.0 * 2.0 ** ((pitch - 69) / 12) for pitch in (low, high)]
    found = SwiftF0(threads=1, spin=False).detect(heard, RATE, *edges)
    pitch = 69 + 12 * np.log2(np.maximum(found.pitch_hz, 1.0) / 440.0) + OCTAVE * octaves
    return PitchCurve(found.timestamps / 2.0**octaves, pitch, found.confidence)


def octaves_down(low: float, high: float) -> int:
    """How many octaves lower, and as many times slower by two, the network hears an instrument.

    One where its range allows it, since that gives frames of 8 ms; more for the highest ones, and
    -1 for the lowest.
    """
    if low < LOWEST:
        return -1
    return max(int(np.ceil((high - HIGHEST) / OCTAVE)), int(low - OCTAVE >= LOWEST))
