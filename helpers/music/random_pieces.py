"""Where the scores of the training data come from: the corpus, and random pieces without end.

A random piece takes its notes from one key and one beat, so that its parts meet in octaves, fifths
and common onsets, as the parts of music do, and are hard to tell apart where music is hard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arrangements import arrangement, comfort, excerpts
from .instruments import instrument
from .scores import Note, Part, Score

__all__ = ["Style", "arrangement", "excerpts", "piece_score", "random_piece"]

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11))  # major, harmonic minor
LEAPS = (-4, -3, -2, -1, -1, -1, 0, 1, 1, 1, 2, 3, 4)  # steps of the scale to the next note
LENGTHS = (0.5, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0)  # of a note in beats: an eighth to a half
STRETCH = (2, 4, 5, 7)  # steps to the second note of one hand: third, fifth, sixth, octave
HANDS = ((36, 58), (60, 88))  # MIDI pitch, left and right
SHORTEST = 0.1  # seconds


@dataclass(frozen=True)
class Style:
    """What the parts of a random piece share.

    scale: pitch classes. tempo: beats per minute. chromatic: how often a note is raised by a
    semitone out of its scale. rests: how often a line is silent for the length of a note.
    """

    scale: frozenset[int]
    tempo: float
    chromatic: float
    rests: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Style:
        """Any key, 60 to 160 beats a minute."""
        key, scale = int(rng.integers(12)), SCALES[rng.integers(len(SCALES))]
        return cls(
            scale=frozenset((key + step) % 12 for step in scale),
            tempo=float(rng.uniform(60.0, 160.0)),
            chromatic=float(rng.uniform(0.0, 0.15)),
            rests=float(rng.uniform(0.05, 0.25)),
        )


def random_piece(
    number: int, instruments: Sequence[str], seed: int = 0, seconds: float = 5.0
) -> Score:
    """The piece `random-00012` of a seed: one part for each instrument, `seconds` long at most.

    Keyboards play one to four notes at a time in two hands, all others one. A function of seed,
    number and instruments; a longer piece begins like the shorter one. KeyError for an unknown
    instrument.
    """
    style = Style.draw(np.random.default_rng([seed, number]))
    parts = []
    for place, name in enumerate(instruments):
        row = instrument(name)
        rng = np.random.default_rng([seed, number, place, row.program])
        rms = rng.uniform(50.0, 105.0)
        if row.family == "keyboard":
            hands = [(max(low, row.low), min(high, row.high)) for low, high in HANDS]
        else:
            hands = [comfort(row)]
        notes = [
            note
            for hand in hands
            for note in _line(style, hand, len(hands) > 1, rms, seconds, rng.spawn(1)[0])
        ]
        notes.sort(key=lambda note: (note.onset, note.pitch))
        parts.append(Part(row.name, tuple(notes)))
    return Score(f"random-{number:05d}", tuple(parts))


def piece_score(
    name: str,
    instruments: Sequence[str],
    seed: int = 0,
    seconds: float = 5.0,
    ranked: bool = True,
) -> Score:
    """The score called `random-00012`, `haydn/opus74no1/movement1` or, an excerpt,
    `haydn/opus74no1/movement1@0030-0045` (in seconds; without an end, to the end of the work).

    seed and seconds are those of a random piece, ranked that of an arrangement. KeyError and
    ValueError as in `arrangement`.
    """
    if number := re.fullmatch(r"random-(\d+)", name):
        return random_piece(int(number[1]), instruments, seed, seconds)
    excerpt = re.fullmatch(r"(.+)@(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?", name)
    if not excerpt:
        return arrangement(name, instruments, ranked=ranked)
    work, start, end = excerpt.groups()
    length = float(end) - float(start) if end else None
    return arrangement(work, instruments, float(start), length, ranked)


def _line(
    style: Style,
    span: tuple[int, int],
    chords: bool,
    rms: float,
    seconds: float,
    rng: np.random.Generator,
) -> list[Note]:
    """A random walk in the scale between two pitches; with `chords`, every other note is two."""
    low, high = span
    scale = [pitch for pitch in range(low, high) if pitch % 12 in style.scale]
    place, onset, silent, notes = int(rng.integers(len(scale))), 0.0, False, []
    while seconds - onset >= SHORTEST:
        length = float(rng.choice(LENGTHS)) * 60.0 / style.tempo
        place = abs(place + int(rng.choice(LEAPS)))  # turn round at the lowest note
        place = min(place, 2 * (len(scale) - 1) - place)  # and at the highest
        second = abs(place - int(rng.choice(STRETCH)))
        raised, two, rest = rng.random(3) < (style.chromatic, 0.5, style.rests)
        velocity = int(np.clip(round(rms + rng.normal(0.0, 8.0)), 1, 127))
        silent = bool(rest) and not silent  # never two rests in a row
        if not silent:
            pitches = {scale[place] + int(raised)}
            if chords and two:
                pitches.add(scale[second])
            length = min(length, seconds - onset)
            notes += [Note(onset, length, float(pitch), velocity) for pitch in sorted(pitches)]
        onset += length
    return notes
