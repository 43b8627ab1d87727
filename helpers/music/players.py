"""Which voices of a MIDI file one player plays, and on which instrument.

A voice is what one track plays on one channel with one program. Notation programs and sequencers
spread a player over several: pizzicato and tremolo on channels or programs of their own, the two
staves of a piano, a track for each articulation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from .instruments import (
    INSTRUMENTS,
    WORDS,
    Instrument,
    Name,
    has_staves,
    instrument,
    is_choir,
    plain_words,
    read_name,
)
from .midi_notes import Stroke

#: Programs of a way to play, and the family that plays so: tremolo, pizzicato, muted trumpet.
TECHNIQUES = {44: "strings", 45: "strings", 59: "brass"}
STRINGS, BRASS = "violin viola cello double-bass", "trumpet horn trombone tuba"
#: For programs that no row of the table has, the nearest instruments: (first, last, names).
NEAREST = (
    (1, 5, "piano"), (7, 7, "harpsichord"), (8, 15, "piano"), (16, 23, "organ"),
    (24, 31, "guitar"), (32, 39, "double-bass"), (44, 55, STRINGS), (56, 59, "trumpet"),
    (60, 63, BRASS), (75, 79, "flute"), (80, 103, "organ"), (104, 108, "guitar"),
    (109, 109, "oboe"), (110, 110, "violin"), (111, 111, "oboe"), (112, 127, "timpani"),
)  # fmt: skip
VOICES = (53, 54)  # programs: other choirs
BY_PROGRAM = {row.program: row for row in reversed(INSTRUMENTS)}
OVERLAP = 0.2  # share of notes that one player may begin while another technique sounds


@dataclass(eq=False)
class Voice:
    """A voice of a MIDI file; `instrument` is None until it is known.

    label: the name of its track without articulations and hands, and marked if it had some.
    alone: no other channel has notes in the track. channel: of this file, ports included.
    """

    track: int
    channel: int
    program: int | None
    notes: list[Stroke]
    label: str
    number: int | None
    named: tuple[Instrument, ...]
    marked: bool
    alone: bool = True
    instrument: Instrument | None = None

    @property
    def technique(self) -> bool:
        return self.program in TECHNIQUES


def read_label(names: Sequence[str]) -> tuple[str, int | None, tuple[Instrument, ...], bool]:
    """Label, number, instruments and whether marked, of the first name that means an instrument."""
    read = []
    for name in names:
        words = plain_words(name)
        kept = [word for word in words if word not in WORDS["articulation"] | WORDS["hand"]]
        if "staff" in kept:
            kept = kept[: kept.index("staff")]
        found = read_name(" ".join(kept))
        label = " ".join(filter(str.isalnum, kept))
        label = found.instruments[0].name if len(found.instruments) == 1 else label
        number = found.number if found.instruments else None
        read.append((label, number, found.instruments, len(kept) < len(words)))
    return next((each for each in read if each[2]), read[0] if read else ("", None, (), False))


def nearest_instrument(program: int, keys: Sequence[int]) -> tuple[Instrument, bool]:
    """The instrument of a program, and whether the table has this program.

    keys: MIDI pitches, which decide between instruments of a family.
    """
    if program in BY_PROGRAM:
        return BY_PROGRAM[program], True
    if program in VOICES:
        return instrument("voice"), False
    names = next(names for first, last, names in NEAREST if first <= program <= last)
    return by_register([instrument(name) for name in names.split()], keys), False


def by_register(rows: Sequence[Instrument], keys: Sequence[int]) -> Instrument:
    """The instrument with the fewest notes out of range, then the nearest usual register."""
    middle = sorted(keys)[len(keys) // 2] if keys else 60

    def cost(row: Instrument) -> tuple[float, float]:
        return _outside(row, keys), abs(row.low + 0.35 * (row.high - row.low) - middle)

    return min(rows, key=cost)


def _outside(row: Instrument, keys: Sequence[int]) -> int:
    """How many notes an instrument cannot play."""
    return sum(not row.low <= key <= row.high for key in keys)


def know_instruments(voices: Sequence[Voice], name: str) -> list[str]:
    """Set the instrument of every voice by its name, else by its program; returns warnings.

    A technique without a name stays None: it belongs to a player whom `players` finds.
    """
    told = {}
    sung = is_choir(list({voice.track: Name(voice.named) for voice in voices}.values()))
    for voice in voices:
        keys = [note.key for note in voice.notes]
        row, known = nearest_instrument(voice.program or 0, keys)
        if len(voice.named) == 1 and (voice.alone or _suits(voice, voice.named[0], row)):
            voice.instrument = voice.named[0]
        elif row in voice.named and voice.program is not None:
            voice.instrument = row
        elif len(voice.named) > 1 and sung:
            voice.instrument = instrument("voice")
        elif len(voice.named) > 1:
            suited = [each for each in voice.named if _suits(voice, each, row)] or voice.named
            voice.instrument = min(suited, key=lambda each: _outside(each, keys))
            told[voice.label] = (
                f"{name}: '{voice.label}' may be {', '.join(r.name for r in voice.named)}; it "
                f"is played by the {voice.instrument.name}. Rename it if that is wrong."
            )
        elif not voice.technique:
            voice.instrument = row
            if not known:
                told[voice.program, row] = off_the_table(name, voice)
    return list(told.values())


def off_the_table(name: str, voice: Voice) -> str:
    """The warning that another instrument plays the program of a voice."""
    called = f" of '{voice.label}'" if voice.label else ""
    return (
        f"{name}: program {voice.program}{called} (counted from 0) is not in the table of "
        f"instruments; it is played by the nearest, {voice.instrument.name}."
    )


def _suits(voice: Voice, named: Instrument, by_program: Instrument) -> bool:
    """Whether a program may be of the named instrument: none, a technique, or its family."""
    return voice.program is None or by_program.family == named.family


def players(voices: Sequence[Voice], name: str) -> tuple[list[list[Voice]], list[str]]:
    """The voices of each player, in the order of the file, and warnings.

    Every voice gets an instrument.
    """
    told = []
    groups: list[list[Voice]] = []
    several_tracks = len({voice.track for voice in voices}) > 1
    for voice in [v for v in voices if not v.technique] + [v for v in voices if v.technique]:
        fits = [
            group for group in groups if any(_same_player(v, voice, several_tracks) for v in group)
        ]
        if fits:
            place = voices.index(voice)
            before = [group for group in fits if voices.index(group[0]) < place]
            group = before[-1] if voice.technique and before else fits[0]
            group.append(voice)
            voice.instrument = group[0].instrument
        else:
            groups.append([voice])
            if voice.instrument is None:
                keys = [note.key for note in voice.notes]
                voice.instrument = nearest_instrument(voice.program, keys)[0]
                told.append(off_the_table(name, voice))
    groups.sort(key=lambda group: min(map(voices.index, group)))
    return groups, told


def _same_player(known: Voice, voice: Voice, several_tracks: bool) -> bool:
    """Whether the player of `known` plays `voice` too.

    several_tracks: a file with all voices in one track has a player for each channel.
    """
    if voice.instrument not in (None, known.instrument):
        return False
    if voice.instrument is None and known.instrument.family != TECHNIQUES[voice.program]:
        return False
    if known.track == voice.track:
        if known.channel == voice.channel or len(voice.named) == 1 or several_tracks:
            return True
        return voice.technique and _take_turns(known, voice)
    if known.number != voice.number:
        return False
    same_label = known.label == voice.label
    marked = known.marked or voice.marked
    if has_staves(known.instrument):
        same_channel = known.channel == voice.channel
        return same_label or (same_channel and (marked or "" in (known.label, voice.label)))
    if same_label and (voice.number or marked):
        return True
    return same_label and voice.technique != known.technique and _take_turns(known, voice)


def _take_turns(one: Voice, other: Voice) -> bool:
    """Whether few notes of `other` begin while `one` plays."""
    onsets = [note.on for note in one.notes]

    def sounds(tick: int) -> bool:
        place = bisect_right(onsets, tick)
        return place > 0 and one.notes[place - 1].off > tick

    overlapping = sum(sounds(note.on) for note in other.notes)
    return overlapping <= OVERLAP * len(other.notes)
