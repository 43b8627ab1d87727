"""How a pianist plays lines that were written for others: figures, octaves, pedal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .instruments import instrument
from .scores import Note, Part

MIDDLE_C = 60  # octaves are doubled above higher notes and below all others
PEDAL = (0.6, 2.0)  # seconds in the score between two pedal changes
STEP = (0.12, 0.35)  # seconds in the score between two strokes of a figure
ROUNDING = 1e-6  # seconds

#: The notes of a chord that each stroke of a figure plays, in turn: places from the lowest note on,
#: counted from the highest where they are negative; beyond the highest, the chord goes on an octave
#: above. Alberti bass, broken chords up, down, and up and down, the bass before the other notes, a
#: tremolo, and repeated chords.
FIGURES = (
    ((0,), (-1,), (1,), (-1,)),
    ((0,), (1,), (2,), (3,)),
    ((-1,), (-2,), (-3,), (-4,)),
    ((0,), (1,), (2,), (3,), (4,), (5,), (4,), (3,), (2,), (1,)),
    ((0,), (1, 2, -1), (1, 2, -1)),
    ((0, 1), (2, -1)),
    ((0, 1, 2, -1),),
)


def with_piano_texture(
    rng: np.random.Generator, part: Part, share: float, figures: float = 0.0
) -> Part:
    """A keyboard part with octave doublings, pedal, both or neither; other parts unchanged.

    share: probability of octaves, and of pedal. figures: probability that chords are played as one
    of FIGURES, half of the time below the upper line, which stays as it was.
    """
    row = instrument(part.instrument)
    if row.family != "keyboard":
        return part
    octaves, pedal = rng.random(2) < share
    notes = list(part.notes)
    if figures and rng.random() < figures:
        notes = [note for note in _as_figures(rng, notes) if row.low <= note.pitch <= row.high]
    if octaves:
        doubled = (
            replace(note, pitch=note.pitch + (12 if note.pitch > MIDDLE_C else -12))
            for note in notes
        )
        written = {(note.onset, note.pitch) for note in notes}
        notes += [
            note
            for note in doubled
            if row.low <= note.pitch <= row.high and (note.onset, note.pitch) not in written
        ]
    if pedal:
        notes = _with_pedal(notes, float(rng.uniform(*PEDAL)))
    return replace(part, notes=tuple(sorted(notes, key=lambda note: (note.onset, note.pitch))))


def _as_figures(rng: np.random.Generator, notes: Sequence[Note]) -> list[Note]:
    """The harmonies of the notes as a figure, in strokes that divide each of them evenly."""
    figure, step = FIGURES[rng.integers(len(FIGURES))], rng.uniform(*STEP)
    melody = _upper_line(notes) if rng.random() < 0.5 else []
    below = [note for note in notes if note not in melody]
    played = list(melody)
    for start, end, chord in _harmonies(below):
        strokes = max(1, round((end - start) / step))
        times = np.linspace(start, end, strokes + 1)
        for i, (onset, after) in enumerate(zip(times, times[1:], strict=False)):
            places = range(len(chord)) if strokes == 1 else figure[i % len(figure)]
            played += [
                replace(note, onset=float(onset), duration=float(after - onset))
                for note in {key.pitch: key for key in (_at(chord, p) for p in places)}.values()
            ]
    return _without_struck_twice(played)


def _upper_line(notes: Sequence[Note]) -> list[Note]:
    """The notes that are the highest of those that sound when they begin."""
    return [
        note
        for note in notes
        if all(
            other.pitch <= note.pitch
            for other in notes
            if other.onset <= note.onset < other.onset + other.duration
        )
    ]


def _harmonies(notes: Sequence[Note]) -> list[tuple[float, float, list[Note]]]:
    """Start, end and sounding notes, from low to high, between any two changes."""
    changes = sorted({time for n in notes for time in (n.onset, n.onset + n.duration)})
    harmonies = []
    for start, end in zip(changes, changes[1:], strict=False):
        middle = (start + end) / 2
        chord = [n for n in notes if n.onset <= middle < n.onset + n.duration]
        if chord and end - start > ROUNDING:
            harmonies.append((start, end, sorted(chord, key=lambda note: note.pitch)))
    return harmonies


def _at(chord: Sequence[Note], place: int) -> Note:
    """The note of a chord at a place of FIGURES."""
    octaves, place = (0, place % len(chord)) if place < 0 else divmod(place, len(chord))
    return replace(chord[place], pitch=chord[place].pitch + 12 * octaves)


def _without_struck_twice(notes: Sequence[Note]) -> list[Note]:
    """The notes, but those whose key sounds already; the first of these is kept."""
    free: dict[float, float] = {}
    kept = []
    for note in sorted(notes, key=lambda note: note.onset):
        if note.onset >= free.get(note.pitch, -np.inf) - ROUNDING:
            kept.append(note)
            free[note.pitch] = note.onset + note.duration
    return kept


def _with_pedal(notes: Sequence[Note], interval: float) -> list[Note]:
    """Each note lasts until the next pedal change or until its key is struck again."""
    next_onset: dict[float, float] = {}
    sustained = []
    for note in sorted(notes, key=lambda note: -note.onset):
        change = interval * (np.floor(note.onset / interval + 1e-6) + 1.0)
        end = min(max(note.onset + note.duration, change), next_onset.get(note.pitch, np.inf))
        sustained.append(replace(note, duration=float(end - note.onset)))
        next_onset[note.pitch] = note.onset
    return sustained
