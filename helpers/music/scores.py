"""Scores: notes in seconds, from music21's corpus and from MIDI files."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pretty_midi

from . import corpus
from .instruments import INSTRUMENTS, instrument

#: The quartet of Bach10, from soprano to bass.
CHORALE_QUARTET = ("violin", "clarinet", "saxophone", "bassoon")

BEND_RANGE = 2.0  # semitones, the MIDI default
TICKS = 960  # per quarter note at 120 per minute: half a millisecond


@dataclass(frozen=True)
class Note:
    """One note: onset and duration in seconds, pitch in (fractional) MIDI, velocity 1 to 127."""

    onset: float
    duration: float
    pitch: float
    velocity: int = 80


@dataclass(frozen=True)
class Part:
    """The notes of one player in order of onset; `instrument` is a name of `INSTRUMENTS`."""

    instrument: str
    notes: tuple[Note, ...]

    @property
    def seconds(self) -> float:
        """The end of the last note."""
        return max((note.onset + note.duration for note in self.notes), default=0.0)


@dataclass(frozen=True)
class Score:
    """The parts of a piece in the order of their source, usually from high to low."""

    title: str
    parts: tuple[Part, ...]

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


def corpus_score(
    name: str, instruments: Sequence[str] | None = None, tempo: float | None = None
) -> Score:
    """A chorale (`bwv269`) or another work of music21's corpus (`haydn/opus74no1/movement1`).

    instruments: one for each part; by default CHORALE_QUARTET for a chorale and the part names of
    another work (`voice` for a name that is no instrument). tempo: quarter notes per minute,
    72 by default.
    Ties are merged and rests kept; repeats, grace notes and fermatas are ignored.
    KeyError for an unknown work, ValueError for a wrong number of instruments.

    Chapters: 03, 04.
    """
    parts = corpus.work(name)
    if instruments is None:
        is_chorale = name.startswith("bwv") and len(parts) == len(CHORALE_QUARTET)
        by_name = [_instrument_of(part["name"]) for part in parts]
        instruments = CHORALE_QUARTET if is_chorale else by_name
    if len(instruments) != len(parts):
        raise ValueError(
            f"{name}: it has {len(parts)} parts and {len(instruments)} instruments are given; "
            "give one for each part."
        )
    beat = 60.0 / (tempo or 72.0)
    return Score(
        title=name,
        parts=tuple(
            Part(
                instrument(player).name,
                tuple(Note(on * beat, length * beat, pitch) for on, length, pitch in part["notes"]),
            )
            for player, part in zip(instruments, parts, strict=True)
        ),
    )


def _instrument_of(part_name: str, program: int | None = None) -> str:
    """The instrument of a part name such as `1st Violin`, otherwise of a MIDI program."""
    bare = re.sub(r"^\d+(st|nd|rd|th)\s+", "", part_name)
    try:
        return instrument(bare).name
    except KeyError:
        programs = {row.program: row.name for row in reversed(INSTRUMENTS)}
        return programs.get(program, "voice")


def read_midi(path: Path | str) -> Score:
    """The pitched tracks of a MIDI file, one part each; drums and empty tracks are skipped.

    The instrument follows from the track's name, otherwise from its program. The pitch bend at a
    note's onset (with a range of two semitones) becomes a fraction of its pitch.
    ValueError if the file is not MIDI.
    """
    path = Path(path)
    try:
        midi = pretty_midi.PrettyMIDI(str(path))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise ValueError(f"{path.name}: not a readable MIDI file ({error}).") from error
    parts = []
    for track in midi.instruments:
        if track.is_drum or not track.notes:
            continue
        bends = sorted((bend.time, bend.pitch) for bend in track.pitch_bends)
        times = [time for time, _ in bends]
        notes = []
        for note in track.notes:
            count = bisect_right(times, note.start + 1e-6)
            bend = bends[count - 1][1] / 8192 * BEND_RANGE if count else 0.0
            pitch = note.pitch + round(bend, 4)
            notes.append(Note(note.start, note.end - note.start, pitch, note.velocity))
        notes.sort(key=lambda note: (note.onset, note.pitch))
        parts.append(Part(_instrument_of(track.name, track.program), tuple(notes)))
    return Score(title=path.stem, parts=tuple(parts))


def write_midi(score: Score, path: Path | str) -> None:
    """One track for each part, named after its instrument; fractional pitches become pitch bends.

    Times are rounded to half a millisecond. A bend applies to a whole track: of two simultaneous
    notes of a part, the later one sets it.
    """
    midi = pretty_midi.PrettyMIDI(resolution=TICKS, initial_tempo=120.0)
    for part in score.parts:
        row = instrument(part.instrument)
        track = pretty_midi.Instrument(program=row.program, name=row.name)
        bend = 0
        for note in part.notes:
            key = int(np.clip(round(note.pitch), 0, 127))
            value = int(np.clip(round((note.pitch - key) / BEND_RANGE * 8192), -8192, 8191))
            if value != bend:
                track.pitch_bends.append(pretty_midi.PitchBend(value, note.onset))
                bend = value
            end = note.onset + note.duration
            track.notes.append(pretty_midi.Note(note.velocity, key, note.onset, end))
        midi.instruments.append(track)
    midi.write(str(path))
