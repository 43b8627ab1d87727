"""The notes of each player of an ensemble, from stems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..audio.resampling import resample
from ..music.instruments import Instrument, instrument, read_name
from ..music.pitch_features import RATE, estimate_tuning
from ..music.scores import Note, Part
from .lines import read_line, restruck
from .polyphony import read_chords

LINES = ("woodwind", "brass", "voice")  # families that play one note at a time
STRINGS = "strings"
STOPS = 0.25  # share of the time in which a string player who plays double stops sounds twice
STEP = 0.01  # seconds


def transcribed(name: str, sound: np.ndarray, sample_rate: int, tuning: float) -> Part:
    """The part of a player, from its stem (samples,). Notes have whole MIDI pitches.

    name: of the stem, such as `violin-2`. tuning: of the recording, see `tuning_of`.
    KeyError for a name that is no instrument.
    """
    row = instrument(name)
    notes = tuple(read_stem(sound, sample_rate, row, tuning))
    return Part(row.name, notes, read_name(name).number)


def tuning_of(sound: np.ndarray, sample_rate: int) -> float:
    """Cents (-50 to 50) by which a recording (samples,) lies above A4 at 440 Hz."""
    return estimate_tuning(resample(sound, sample_rate, RATE))


def read_stem(sound: np.ndarray, sample_rate: int, player: Instrument, tuning: float) -> list[Note]:
    """The notes of a stem (samples,), by the reader that fits its instrument.

    Winds, voices and strings have a line, strings only where little of the stem sounds like double
    stops. Notes of a line are also cut where the other reader hears their pitch struck again.
    """
    low, high = player.low, player.high
    chords = read_chords(sound, sample_rate, low, high)
    is_line = player.family in LINES or (
        player.family == STRINGS and sounding_twice(chords) < STOPS
    )
    if not is_line:
        return chords
    notes = []
    for note in read_line(sound, sample_rate, low, high, tuning):
        again = np.array([each.onset for each in chords if each.pitch == note.pitch])
        spans = restruck([(note.onset, note.onset + note.duration, 0)], again)
        notes += [replace(note, onset=start, duration=end - start) for start, end, _ in spans]
    return notes


def sounding_twice(notes: Sequence[Note]) -> float:
    """The share of the time with notes in which there are several."""
    end = max((note.onset + note.duration for note in notes), default=0.0)
    count = np.zeros(int(end / STEP) + 1, int)
    for note in notes:
        count[int(note.onset / STEP) : int((note.onset + note.duration) / STEP)] += 1
    return float(np.sum(count > 1) / max(np.sum(count > 0), 1))
