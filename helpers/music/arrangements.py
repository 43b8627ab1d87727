"""Works of the corpus for any ensemble: who plays which line of a quartet, chorale or piano piece.

The lines of a work go from top to bottom, as its players do: the players of one line each take
those that they reach with the fewest changes of octave, the soprano and the bass before what lies
between; a keyboard takes all lines that remain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from . import corpus
from .instruments import Instrument, instrument
from .scores import Note, Part, Score
from .splits import kind_of

TEMPO = {"chorale": 72.0, "quartet": 90.0, "piano": 90.0}  # quarter notes per minute
COMFORT = 0.7  # how much of its range, from its lowest note, an instrument plays at ease
OCTAVES = range(-4, 5)
MOVED = 0.25  # an octave up or down weighs as much as a quarter of all notes out of reach
INNER, BASS = 0.2, 0.1  # and what it weighs to play an inner line or the bass, not the soprano
HELD = 0.1  # seconds that must remain of a note that was struck before an excerpt begins

Event = tuple[float, float, float]  # onset and duration in quarter notes, MIDI pitch


def arrangement(
    work: str,
    instruments: Sequence[str],
    start: float = 0.0,
    seconds: float | None = None,
    ranked: bool = True,
) -> Score:
    """A work of `splits.csv`, or `seconds` of it from `start` on, one part for each instrument.

    A quartet or chorale suits any ensemble of one to four, one keyboard among them or none; who
    plays what is decided for the whole work. Piano music suits one keyboard alone. Without
    `ranked` the lines go to the players as they are named, whatever their registers. Of double
    stops the outer note is played, and notes beyond an instrument's range an octave nearer.
    KeyError for an unlisted work or instrument, ValueError where the work does not suit them or
    is over by `start`.
    """
    kind = kind_of(work)
    rows = [instrument(name) for name in instruments]
    lines = _lines(work)
    _check(work, kind, rows, len(lines))
    players = [place for place, row in enumerate(rows) if row.family != "keyboard"]
    if ranked:
        players.sort(key=lambda place: -rows[place].low)
    cast = _cast(lines, [rows[place] for place in players])
    left = [event for line, events in enumerate(lines) if line not in cast for event in events]
    voices = {place: _keys(left) for place in range(len(rows)) if place not in players}
    for place, line in zip(players, cast, strict=True):
        _, octave = _reach(lines[line], rows[place])
        voice = _voice(lines[line], top=line < len(lines) - 1)
        voices[place] = [(on, length, pitch + 12 * octave) for on, length, pitch in voice]
    beat = 60.0 / TEMPO[kind]
    end = float("inf") if seconds is None else start + seconds
    total = beat * _beats(lines)
    if not 0.0 <= start < min(end, total):
        raise ValueError(
            f"{work}: nothing lies between {start:g} and {end:g} s; it lasts {total:.1f} s."
        )
    return Score(
        title=work if start == 0.0 and seconds is None else excerpt_name(work, start, end),
        parts=tuple(
            Part(row.name, tuple(_cut(_within(voices[place], row), beat, start, end)))
            for place, row in enumerate(rows)
        ),
    )


def excerpts(work: str, seconds: float) -> list[str]:
    """A work cut into pieces of equal length: `WORK@0000-0030`, `WORK@0030-0060` and so on.

    What remains at the end is left out, but a work that is shorter is one excerpt.
    """
    beat = 60.0 / TEMPO[kind_of(work)]
    count = max(1, int(beat * _beats(_lines(work)) // seconds))
    return [excerpt_name(work, i * seconds, (i + 1) * seconds) for i in range(count)]


def excerpt_name(work: str, start: float, end: float) -> str:
    """`WORK@0030-0045` for what sounds between two moments in seconds; `WORK@0030` to the end."""
    return f"{work}@{start:04.8g}" + (f"-{end:04.8g}" if end < float("inf") else "")


def comfort(row: Instrument) -> tuple[int, int]:
    """The range that an instrument plays at ease, MIDI pitch; its highest notes are left out."""
    return row.low, row.low + round(COMFORT * (row.high - row.low))


def _lines(work: str) -> list[list[Event]]:
    """The parts that play at all, the highest first."""
    lines = [[tuple(note) for note in part["notes"]] for part in corpus.work(work)]
    return sorted(filter(None, lines), key=lambda notes: -_middle(notes))


def _beats(lines: Iterable[Sequence[Event]]) -> float:
    """Where the last note ends, in quarter notes."""
    return max(on + length for line in lines for on, length, _ in line)


def _middle(notes: Sequence[Event]) -> float:
    """The mean pitch of all that sounds."""
    _, lengths, pitches = np.array(notes).T
    return float(np.average(pitches, weights=lengths))


def _check(work: str, kind: str, rows: Sequence[Instrument], lines: int) -> None:
    """ValueError where the ensemble cannot play the work."""
    keyboards = sum(row.family == "keyboard" for row in rows)
    named = ", ".join(row.name for row in rows) or "nobody"
    if kind == "piano" and (keyboards, len(rows)) != (1, 1):
        raise ValueError(f"{work}: this is music for piano alone, not for {named}; give 'piano'.")
    if kind != "piano" and not 1 <= len(rows) <= lines:
        raise ValueError(f"{work}: {named} cannot share {lines} lines; give 1 to {lines} of them.")
    if keyboards > 1:
        raise ValueError(f"{work}: {named} are {keyboards} keyboards; give one, or none.")


def _cast(lines: Sequence[Sequence[Event]], players: Sequence[Instrument]) -> tuple[int, ...]:
    """The line of each player, both from the top down."""
    rank = [0.0] + [INNER] * (len(lines) - 2) + [BASS] * (len(lines) > 1)

    def effort(chosen: tuple[int, ...]) -> float:
        pairs = zip(chosen, players, strict=True)
        return sum(rank[line] + _reach(lines[line], player)[0] for line, player in pairs)

    return min(combinations(range(len(lines)), len(players)), key=effort)


def _reach(notes: Sequence[Event], player: Instrument) -> tuple[float, int]:
    """How hard a line is for a player in the octave that suits best, and that octave."""
    pitches = np.array([pitch for _, _, pitch in notes])
    low, high = comfort(player)

    def effort(octave: int) -> float:
        moved = pitches + 12 * octave
        return float(np.mean((moved < low) | (moved > high))) + MOVED * abs(octave)

    return min((effort(octave), octave) for octave in OCTAVES)


def _voice(notes: Iterable[Event], top: bool) -> list[Event]:
    """One note at a time: the highest that sounds, or the lowest, until a new one begins."""
    sign, kept = 1 if top else -1, []
    for on, length, pitch in sorted(notes, key=lambda n: (n[0], -sign * n[2], -n[1])):
        if kept and on < sum(kept[-1][:2]) - 1e-3:
            before, _, held = kept[-1]
            if on - before < 1e-3 or sign * pitch < sign * held:
                continue
            kept[-1] = (before, on - before, held)
        kept.append((on, length, pitch))
    return kept


def _keys(notes: Iterable[Event]) -> list[Event]:
    """All notes of a keyboard; a key that is struck again while it is down is let go before."""
    keys: dict[float, list[Event]] = {}
    for note in notes:
        keys.setdefault(note[2], []).append(note)
    return sorted(note for same in keys.values() for note in _voice(same, top=True))


def _within(notes: Iterable[Event], row: Instrument) -> list[Event]:
    """Notes out of an instrument's range, moved by as many octaves as it takes."""
    moved = []
    for on, length, pitch in notes:
        pitch += 12 * max(0, -((pitch - row.low) // 12))  # up, from below
        pitch -= 12 * max(0, -((row.high - pitch) // 12))  # down, from above
        moved.append((on, length, pitch))
    return moved


def _cut(notes: Iterable[Event], beat: float, start: float, end: float) -> list[Note]:
    """What sounds between two moments, in seconds; a note that is held at `start` begins there."""
    cut = []
    for on, length, pitch in notes:
        onset = max(on * beat, start)
        duration = min(length * beat - (onset - on * beat), end - onset)
        if duration > 0.0 and (onset == on * beat or duration >= HELD):
            cut.append(Note(onset - start, duration, float(pitch)))
    return sorted(cut, key=lambda note: (note.onset, note.pitch))
