"""Arrangements: works of the corpus for any ensemble of up to four instruments.

The lines of a work and the instruments are both ordered from high to low. Each instrument plays
the line that needs the fewest octave shifts; outer lines are preferred to inner ones. A keyboard
plays all remaining lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from . import corpus
from .instruments import Instrument, instrument
from .scores import Note, Part, Score
from .splits import kind_of

TEMPO = {"chorale": 72.0, "quartet": 90.0, "piano": 90.0}  # quarter notes per minute
COMFORTABLE_SHARE = 0.7  # of an instrument's range, from its lowest note
OCTAVES = range(-4, 5)
OCTAVE_COST = 0.25  # of each octave of shift; 1 is the cost of a line that is all out of range
INNER_COST, BASS_COST = 0.2, 0.1  # of an inner line and of the bass; the soprano costs nothing
SHORTEST_TIED = 0.1  # seconds; a shorter rest of a note that began before the excerpt is dropped

Event = tuple[float, float, float]  # onset and duration in quarter notes, MIDI pitch


@dataclass(frozen=True)
class Excerpt:
    """A work of `splits.csv` between two times in seconds.

    ensemble: the instruments that play it; if empty, those that a rendering asks for.
    """

    work: str
    start: float = 0.0
    end: float = float("inf")
    ensemble: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """`WORK`, `WORK@0030-0045`, or `WORK@0030` if it lasts to the end of the work."""
        if (self.start, self.end) == (0.0, float("inf")):
            return self.work
        return f"{self.work}@{self.start:04.8g}" + (
            f"-{self.end:04.8g}" if self.end < float("inf") else ""
        )

    def __str__(self) -> str:
        """A unique name; the stem bank names its files after it."""
        prefix = "-".join(("ensemble", *self.ensemble)) + "/" if self.ensemble else ""
        return prefix + self.title


def arrangement(excerpt: Excerpt, instruments: Sequence[str], by_register: bool = True) -> Score:
    """An excerpt with one part for each instrument.

    Quartets and chorales suit one to four instruments with at most one keyboard; piano music
    suits a single keyboard. The lines are assigned from the whole work. If `by_register` is
    false, they go to the instruments in the given order. Of double stops only the outer note is
    played, and notes out of range are shifted by octaves.
    KeyError for an unknown work or instrument; ValueError if the ensemble does not suit the work
    or the excerpt starts after its end.

    Chapter: 02.
    """
    kind = kind_of(excerpt.work)
    rows = [instrument(name) for name in instruments]
    lines = _lines(excerpt.work)
    _check(excerpt.work, kind, rows, len(lines))
    monophonic = [i for i, row in enumerate(rows) if row.family != "keyboard"]
    if by_register:
        monophonic.sort(key=lambda i: -rows[i].low)
    assigned = _assign_lines(lines, [rows[i] for i in monophonic])
    remaining = [event for n, events in enumerate(lines) if n not in assigned for event in events]
    parts = {i: _keyboard_part(remaining) for i in range(len(rows)) if i not in monophonic}
    for i, number in zip(monophonic, assigned, strict=True):
        _, octave = _octave_shift(lines[number], rows[i])
        line = _monophonic(lines[number], upper=number < len(lines) - 1)
        parts[i] = [(onset, length, pitch + 12 * octave) for onset, length, pitch in line]
    beat = 60.0 / TEMPO[kind]
    total = beat * _beats(lines)
    if not 0.0 <= excerpt.start < min(excerpt.end, total):
        raise ValueError(
            f"{excerpt.work}: there is nothing between {excerpt.start:g} and {excerpt.end:g} s; "
            f"the work lasts {total:.1f} s."
        )
    return Score(
        title=excerpt.title,
        parts=tuple(
            Part(row.name, tuple(_cut(_into_range(parts[i], row), beat, excerpt)))
            for i, row in enumerate(rows)
        ),
    )


def excerpts(work: str, seconds: float, ensemble: tuple[str, ...] = ()) -> list[Excerpt]:
    """A work cut into excerpts of equal length; the remainder at the end is dropped.

    A work shorter than `seconds` is one excerpt.

    Chapter: 02.
    """
    beat = 60.0 / TEMPO[kind_of(work)]
    count = max(1, int(beat * _beats(_lines(work)) // seconds))
    return [Excerpt(work, i * seconds, (i + 1) * seconds, ensemble) for i in range(count)]


def line_count(work: str) -> int:
    """How many parts of a work have notes."""
    return len(_lines(work))


def in_range(pitch: float, row: Instrument) -> float:
    """A pitch, shifted into an instrument's range by as few octaves as possible."""
    pitch += 12 * max(0, -((pitch - row.low) // 12))  # up, from below
    return pitch - 12 * max(0, -((row.high - pitch) // 12))  # down, from above


def comfortable_range(row: Instrument) -> tuple[int, int]:
    """MIDI pitches that an instrument plays with ease: its range without the highest notes."""
    return row.low, row.low + round(COMFORTABLE_SHARE * (row.high - row.low))


def _lines(work: str) -> list[list[Event]]:
    """The parts that have notes, from the highest mean pitch to the lowest."""

    def mean_pitch(notes: Sequence[Event]) -> float:
        _, lengths, pitches = np.array(notes).T
        return float(np.average(pitches, weights=lengths))

    lines = [[tuple(note) for note in part["notes"]] for part in corpus.work(work)]
    return sorted(filter(None, lines), key=mean_pitch, reverse=True)


def _beats(lines: Iterable[Sequence[Event]]) -> float:
    """The end of the last note, in quarter notes."""
    return max(onset + length for line in lines for onset, length, _ in line)


def _check(work: str, kind: str, rows: Sequence[Instrument], lines: int) -> None:
    """ValueError if the ensemble cannot play the work."""
    keyboards = sum(row.family == "keyboard" for row in rows)
    names = ", ".join(row.name for row in rows) or "no instrument"
    if kind == "piano" and (keyboards, len(rows)) != (1, 1):
        raise ValueError(f"{work}: this is music for solo piano, not for {names}; use 'piano'.")
    if kind != "piano" and not 1 <= len(rows) <= lines:
        raise ValueError(f"{work}: {names} cannot share {lines} lines; use 1 to {lines} of them.")
    if keyboards > 1:
        raise ValueError(f"{work}: {names} are {keyboards} keyboards; use one or none.")


def _assign_lines(
    lines: Sequence[Sequence[Event]], players: Sequence[Instrument]
) -> tuple[int, ...]:
    """The number of each player's line; both are ordered from high to low."""
    line_cost = [0.0] + [INNER_COST] * (len(lines) - 2) + [BASS_COST] * (len(lines) > 1)

    def cost(chosen: tuple[int, ...]) -> float:
        pairs = zip(chosen, players, strict=True)
        return sum(line_cost[line] + _octave_shift(lines[line], row)[0] for line, row in pairs)

    return min(combinations(range(len(lines)), len(players)), key=cost)


def _octave_shift(notes: Sequence[Event], row: Instrument) -> tuple[float, int]:
    """The lowest cost at which an instrument plays a line, and its shift in octaves."""
    pitches = np.array([pitch for _, _, pitch in notes])
    low, high = comfortable_range(row)

    def cost(octaves: int) -> float:
        shifted = pitches + 12 * octaves
        return float(np.mean((shifted < low) | (shifted > high))) + OCTAVE_COST * abs(octaves)

    return min((cost(octaves), octaves) for octaves in OCTAVES)


def _monophonic(notes: Iterable[Event], upper: bool) -> list[Event]:
    """One note at a time: the highest (or lowest) that sounds, until a new one begins."""
    sign, kept = 1 if upper else -1, []
    for onset, length, pitch in sorted(notes, key=lambda n: (n[0], -sign * n[2], -n[1])):
        if kept and onset < sum(kept[-1][:2]) - 1e-3:
            previous, _, sounding = kept[-1]
            if onset - previous < 1e-3 or sign * pitch < sign * sounding:
                continue
            kept[-1] = (previous, onset - previous, sounding)
        kept.append((onset, length, pitch))
    return kept


def _keyboard_part(notes: Iterable[Event]) -> list[Event]:
    """All notes; a key is released before it is struck again."""
    keys: dict[float, list[Event]] = {}
    for note in notes:
        keys.setdefault(note[2], []).append(note)
    return sorted(note for same_key in keys.values() for note in _monophonic(same_key, upper=True))


def _into_range(notes: Iterable[Event], row: Instrument) -> list[Event]:
    """The notes, shifted into an instrument's range by as few octaves as possible."""
    return [(onset, length, in_range(pitch, row)) for onset, length, pitch in notes]


def _cut(notes: Iterable[Event], beat: float, excerpt: Excerpt) -> list[Note]:
    """The notes within an excerpt, in seconds; a note that sounds at its start begins there."""
    cut = []
    for on, length, pitch in notes:
        onset = max(on * beat, excerpt.start)
        duration = min(length * beat - (onset - on * beat), excerpt.end - onset)
        if duration > 0.0 and (onset == on * beat or duration >= SHORTEST_TIED):
            cut.append(Note(onset - excerpt.start, duration, float(pitch)))
    return sorted(cut, key=lambda note: (note.onset, note.pitch))
