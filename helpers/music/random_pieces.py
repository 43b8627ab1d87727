"""Random pieces: an endless supply of training scores.

All parts of a random piece share a key and a beat, so that they meet in octaves, fifths and common
onsets, which makes them as hard to separate as real music.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arrangements import comfortable_range
from .instruments import instrument
from .scores import Note, Part, Score

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11))  # major, harmonic minor
LEAPS = (-4, -3, -2, -1, -1, -1, 0, 1, 1, 1, 2, 3, 4)  # scale steps to the next note
LENGTHS = (0.5, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0)  # note lengths in beats
CHORD_STEPS = (2, 4, 5, 7)  # scale steps to a second note: third, fifth, sixth, octave
HANDS = ((36, 58), (60, 88))  # MIDI pitch, left and right
SHORTEST = 0.1  # seconds


@dataclass(frozen=True)
class Style:
    """What the parts of a random piece share.

    scale: pitch classes. tempo: beats per minute. chromatic: probability that a note is raised by
    a semitone. rests: probability of a rest in place of a note.
    """

    scale: frozenset[int]
    tempo: float
    chromatic: float
    rests: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Style:
        """Any major or minor key, 60 to 160 beats per minute."""
        key, scale = int(rng.integers(12)), SCALES[rng.integers(len(SCALES))]
        return cls(
            scale=frozenset((key + step) % 12 for step in scale),
            tempo=float(rng.uniform(60.0, 160.0)),
            chromatic=float(rng.uniform(0.0, 0.15)),
            rests=float(rng.uniform(0.05, 0.25)),
        )


@dataclass(frozen=True)
class RandomPiece:
    """The random piece of a number, called `random-00012`."""

    number: int

    def __str__(self) -> str:
        return f"random-{self.number:05d}"

    def score(self, instruments: Sequence[str], seed: int = 0, seconds: float = 5.0) -> Score:
        """One part for each instrument, at most `seconds` long.

        A function of number, seed and instruments; a longer piece begins like a shorter one.
        Keyboards play one to four notes at a time in two hands, other instruments one.
        KeyError for an unknown instrument.

        Chapter: 02.
        """
        style = Style.draw(np.random.default_rng([seed, self.number]))
        parts = []
        for place, name in enumerate(instruments):
            row = instrument(name)
            rng = np.random.default_rng([seed, self.number, place, row.program])
            velocity = rng.uniform(50.0, 105.0)
            if row.family == "keyboard":
                spans = [(max(low, row.low), min(high, row.high)) for low, high in HANDS]
            else:
                spans = [comfortable_range(row)]
            notes = [
                note
                for span in spans
                for note in _line(style, span, len(spans) > 1, velocity, seconds, rng.spawn(1)[0])
            ]
            notes.sort(key=lambda note: (note.onset, note.pitch))
            parts.append(Part(row.name, tuple(notes)))
        return Score(str(self), tuple(parts))


def _line(
    style: Style,
    span: tuple[int, int],
    chords: bool,
    mean_velocity: float,
    seconds: float,
    rng: np.random.Generator,
) -> list[Note]:
    """A random walk in the scale between two pitches; with `chords`, half of the notes are two."""
    low, high = span
    scale = [pitch for pitch in range(low, high) if pitch % 12 in style.scale]
    step, onset, resting, notes = int(rng.integers(len(scale))), 0.0, False, []
    while seconds - onset >= SHORTEST:
        length = float(rng.choice(LENGTHS)) * 60.0 / style.tempo
        step = abs(step + int(rng.choice(LEAPS)))  # reflected at the lowest note
        step = min(step, 2 * (len(scale) - 1) - step)  # and at the highest
        second = abs(step - int(rng.choice(CHORD_STEPS)))
        raised, chord, rest = rng.random(3) < (style.chromatic, 0.5, style.rests)
        velocity = int(np.clip(round(mean_velocity + rng.normal(0.0, 8.0)), 1, 127))
        resting = bool(rest) and not resting  # never two rests in a row
        if not resting:
            pitches = {scale[step] + int(raised)}
            if chords and chord:
                pitches.add(scale[second])
            length = min(length, seconds - onset)
            notes += [Note(onset, length, float(pitch), velocity) for pitch in sorted(pitches)]
        onset += length
    return notes
