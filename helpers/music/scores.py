"""Scores: notes in seconds, and works of music21's corpus as scores."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from . import corpus
from .instruments import has_staves, instrument, is_choir, read_name

#: The quartet of Bach10, from soprano to bass.
CHORALE_QUARTET = ("violin", "clarinet", "saxophone", "bassoon")


@dataclass(frozen=True)
class Note:
    """One note: onset and duration in seconds, pitch in (fractional) MIDI, velocity 1 to 127.

    program: General MIDI's for a way to play, such as 45 for pizzicato; None: the instrument's.
    """

    onset: float
    duration: float
    pitch: float
    velocity: int = 80
    program: int | None = None


@dataclass(frozen=True)
class Part:
    """The notes of one player in order of onset; `instrument` is a name of `INSTRUMENTS`.

    number: 2 for a second violin. gain: the player's dynamics beside the velocities, as steps
    (second, factor on the amplitude); before the first step the factor is 1. name: as written in
    the file of the score.
    """

    instrument: str
    notes: tuple[Note, ...]
    number: int | None = None
    gain: tuple[tuple[float, float], ...] = ()
    name: str = field(default="", compare=False)

    @property
    def seconds(self) -> float:
        """The end of the last note."""
        return max((note.onset + note.duration for note in self.notes), default=0.0)


class Bar(NamedTuple):
    """number: as text, since bars may be called `X1`; a pickup is usually 0. start: in seconds."""

    number: str
    start: float


@dataclass(frozen=True)
class Score:
    """The parts of a piece in the order of their source, usually from high to low.

    bars: in the order in which they are played, so those of a repeat twice; () for none known.
    """

    title: str
    parts: tuple[Part, ...]
    bars: tuple[Bar, ...] = field(default=(), compare=False)

    @property
    def seconds(self) -> float:
        """The end of the last note of all parts; releases are not counted."""
        return max((part.seconds for part in self.parts), default=0.0)


def transpose(score: Score, semitones: float) -> Score:
    """The score shifted by `semitones`, which may be fractional."""
    parts = (
        replace(p, notes=tuple(replace(n, pitch=n.pitch + semitones) for n in p.notes))
        for p in score.parts
    )
    return replace(score, parts=tuple(parts))


def with_instruments(score: Score, instruments: Sequence[str]) -> Score:
    """The score for other players: one name for each part, in their order.

    ValueError for a wrong number of them, KeyError for an unknown or ambiguous one.
    """
    if len(instruments) != len(score.parts):
        raise ValueError(
            f"{score.title}: it has {len(score.parts)} parts and {len(instruments)} instruments "
            "are given; give one for each part."
        )
    parts = (
        replace(part, instrument=instrument(name).name, number=read_name(name).number)
        for part, name in zip(score.parts, instruments, strict=True)
    )
    return replace(score, parts=tuple(parts))


def rename_parts(score: Score, instruments: Mapping[str, str]) -> Score:
    """The score with other instruments for some parts, by their written names, whatever their case.

    Two parts of one name both change. ValueError for a name that no part has, KeyError for an
    unknown or ambiguous instrument.
    """
    wanted = {name.strip().casefold(): value for name, value in instruments.items()}
    written = [part.name.strip() for part in score.parts]
    known = {each.casefold() for each in written}
    if unknown := [name for name in instruments if name.strip().casefold() not in known]:
        raise ValueError(
            f"{score.title}: there is no part '{unknown[0]}'; its parts are "
            f"{', '.join(map(repr, dict.fromkeys(written)))}."
        )
    parts = []
    for part in score.parts:
        if name := wanted.get(part.name.strip().casefold()):
            row, number = instrument(name), read_name(name).number
            part = replace(part, instrument=row.name, number=number or part.number)
        parts.append(part)
    return replace(score, parts=tuple(parts))


def corpus_score(
    name: str, instruments: Sequence[str] | None = None, tempo: float | None = None
) -> Score:
    """A chorale (`bwv269`) or another work of music21's corpus (`haydn/opus74no1/movement1`).

    instruments: one for each part; by default CHORALE_QUARTET for a chorale and the part names of
    another work, with a warning for a name that is no instrument or several. tempo: quarter notes
    per minute, 72 by default. Transposing instruments sound where they sound.
    Ties are merged and rests kept; repeats, grace notes and fermatas are ignored.
    KeyError for an unknown work, ValueError for a wrong number of instruments.

    Chapters: 03, 04.
    """
    parts = corpus.work(name)
    beat = 60.0 / (tempo or 72.0)
    notes = [
        tuple(Note(on * beat, length * beat, pitch) for on, length, pitch in part["notes"])
        for part in parts
    ]
    if instruments is None and name.startswith("bwv") and len(parts) == len(CHORALE_QUARTET):
        instruments = CHORALE_QUARTET
    if instruments is not None:
        return with_instruments(Score(name, tuple(Part("", line) for line in notes)), instruments)
    return Score(name, _named_parts(name, [part["name"] for part in parts], notes))


def _named_parts(
    name: str, part_names: Sequence[str], lines: Sequence[tuple[Note, ...]]
) -> tuple[Part, ...]:
    """The parts of a work by their names; the staves of a keyboard or harp are one part."""
    read = [read_name(part) for part in part_names]
    sung = is_choir(read)
    parts: dict[tuple[str, int], Part] = {}
    for place, (written, found, line) in enumerate(zip(part_names, read, lines, strict=True)):
        row = instrument("voice") if sung and len(found.instruments) > 1 else None
        row = row or next(iter(found.instruments), instrument("piano"))
        if len(found.instruments) != 1 and not (sung and row.name == "voice"):
            warnings.warn(
                f"{name}: '{written}' names no single instrument; it is played by the {row.name}. "
                "Name one for each part with --instruments.",
                stacklevel=3,
            )
        stave = has_staves(row)
        key = (written, 0 if stave else place)
        if key in parts:
            both = sorted((*parts[key].notes, *line), key=lambda note: (note.onset, note.pitch))
            parts[key] = replace(parts[key], notes=tuple(both))
        else:
            parts[key] = Part(row.name, line, found.number)
    return tuple(parts.values())
