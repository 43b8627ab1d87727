"""Notes in seconds become note values: onsets and ends on a grid of quarters, with rests between.

The notation follows the beats, so that rubato is in the tempo map and not in the note values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..music.scores import Note
from .beats import Beats

#: Divisions of a beat, and the cost of each in nepers: the simplest one that fits is written.
DIVISIONS = {1: 0.0, 2: 1.0, 4: 2.0, 3: 3.0, 8: 6.0}
TRIPLET = 3
SPREAD = 0.06  # quarters: standard deviation of an onset around its place
GAP = Fraction(1, 2)  # quarters: a shorter silence belongs to the note before, as its articulation


@dataclass(frozen=True)
class Event:
    """A note, a chord, or a rest without pitches, between two quarters of the notation; tied to the
    event before it or after it."""

    start: Fraction
    end: Fraction
    pitches: tuple[int, ...]
    tied_back: bool = False
    tied_on: bool = False


def written(notes: Sequence[Note], beats: Beats) -> list[Event]:
    """One voice of events without gaps from 0 to the end of the last bar.

    Notes that begin together are a chord, which ends where the next one begins. Events are cut, and
    tied, at barlines and around beats that are divided into triplets.
    """
    onsets = beats.quarters(np.array([note.onset for note in notes]))
    ends = beats.quarters(np.array([note.onset + note.duration for note in notes]))
    divisions = divided(onsets, len(beats.seconds))
    chords: dict[Fraction, list[tuple[int, Fraction]]] = {}
    for note, onset, end in zip(notes, onsets, ends, strict=True):
        start = placed(onset, divisions)
        last = max(placed(end, divisions), start + Fraction(1, divisions[int(start)]))
        chords.setdefault(start, []).append((round(note.pitch), last))
    bars = beats.bars()
    total = Fraction(bars[-1])
    starts = sorted(chords)
    events, time = [], Fraction(0)
    for start, following in zip(starts, [*starts[1:], total], strict=False):
        end = min(max(last for _, last in chords[start]), following)
        if following - end < GAP and following < total:
            end = following
        if start > time:
            events.append(Event(time, start, ()))
        events.append(Event(start, end, tuple(sorted({pitch for pitch, _ in chords[start]}))))
        time = end
    if time < total:
        events.append(Event(time, total, ()))
    cuts = set(map(Fraction, bars))
    cuts |= {Fraction(b + k) for b, d in divisions.items() if d == TRIPLET for k in (0, 1)}
    return [piece for event in events for piece in cut(event, cuts)]


def divided(onsets: np.ndarray, count: int) -> dict[int, int]:
    """The division of each of `count` beats that the onsets in it, in quarters, ask for."""
    found = dict.fromkeys(range(count + 1), 1)
    for beat in np.unique(onsets.astype(int)):
        # An onset just before a beat belongs to it, whatever the division.
        inside = onsets[onsets.astype(int) == beat] - beat
        costs = {
            division: price
            + np.sum((inside - np.round(inside * division) / division) ** 2) / (2 * SPREAD**2)
            for division, price in DIVISIONS.items()
        }
        found[int(beat)] = min(costs, key=costs.get)
    return found


def placed(quarter: float, divisions: dict[int, int]) -> Fraction:
    """The place on the grid that is nearest to a quarter."""
    beat = int(quarter)
    division = divisions[beat]
    return beat + Fraction(round((quarter - beat) * division), division)


def cut(event: Event, cuts: set[Fraction]) -> list[Event]:
    """An event in pieces at the cuts inside it, tied where it is no rest."""
    edges = [event.start, *sorted(c for c in cuts if event.start < c < event.end), event.end]
    tied = bool(event.pitches)
    return [
        Event(start, end, event.pitches, tied and start > event.start, tied and end < event.end)
        for start, end in zip(edges[:-1], edges[1:], strict=True)
    ]
