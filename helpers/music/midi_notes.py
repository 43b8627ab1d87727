"""Notes of a MIDI track, and what the controllers of their channel do to them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .midi_file import BEND, CONTROL, NOTE_OFF, NOTE_ON, Event, MidiTrack

VOLUME, EXPRESSION, SUSTAIN, SOSTENUTO = 7, 11, 64, 66
DATA, FINE_DATA, FINE_PARAMETER, PARAMETER = 6, 38, 100, 101
UNREGISTERED = (98, 99)  # parameters of a maker, which the data then belong to
ALL_SOUND_OFF, RESET, ALL_NOTES_OFF = 120, 121, 123
BEND_RANGE, FINE_TUNING, COARSE_TUNING = (0, 0), (0, 1), (0, 2)  # registered parameters
DEFAULT_VOLUME, DEFAULT_BEND_RANGE = 100, 2.0  # General MIDI; semitones


@dataclass(frozen=True)
class Stroke:
    """A note in ticks."""

    on: int
    off: int
    key: int
    velocity: int


def strokes(track: MidiTrack, quarter: int) -> dict[int, list[Stroke]]:
    """The notes of a track by channel, in order of onset.

    Several notes of one key end in the order in which they began. A note that never ends lasts
    until its key is struck again, else until the end of the track, and at least a quarter note.
    quarter: its length in ticks.
    """
    keys: dict[tuple[int, int], list[Event]] = {}
    for event in track.events:
        if event.kind in (NOTE_ON, NOTE_OFF):
            keys.setdefault((event.channel, event.a), []).append(event)
    found: dict[int, list[Stroke]] = {}
    for (channel, key), events in keys.items():
        starts = [event for event in events if event.kind == NOTE_ON and event.b]
        ends = _ends(events, starts, track.end, quarter)
        found.setdefault(channel, []).extend(
            Stroke(start.tick, end, key, start.b)
            for start, end in zip(starts, ends, strict=True)
            if end > start.tick
        )
    return {channel: sorted(found[channel], key=lambda s: (s.on, s.key)) for channel in found}


def _ends(events: list[Event], starts: list[Event], end: int, quarter: int) -> list[int]:
    """The tick at which each of the `starts` of one key ends."""
    ends, sounding, strays = [], 0, set()
    for event in events:
        if event.kind == NOTE_ON and event.b:
            sounding += 1
        elif sounding:
            sounding -= 1
            ends.append(event.tick)
        else:
            strays.add(event.tick)
    if not sounding:
        return ends
    following = [event.tick for event in events]
    ends = []
    for start in starts:
        if start.tick in strays:  # a note without length whose two events changed places
            ends.append(start.tick)
            continue
        later = bisect_right(following, start.tick)
        last = later == len(following)
        ends.append(max(end, start.tick + quarter) if last else following[later])
    return ends


@dataclass
class Steps:
    """A value that changes at ticks; `value` before the first."""

    value: Any
    ticks: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, tick: int, value: Any) -> None:
        self.ticks.append(tick)
        self.values.append(value)

    def at(self, tick: int) -> Any:
        """The value from `tick` on."""
        place = bisect_right(self.ticks, tick)
        return self.values[place - 1] if place else self.value

    def changes(self) -> Iterator[tuple[int, Any]]:
        """Each tick at which the value becomes another one, with that value."""
        before = self.value
        for place, (tick, value) in enumerate(zip(self.ticks, self.values, strict=True)):
            last = place + 1 == len(self.ticks) or self.ticks[place + 1] > tick
            if last and value != before:
                yield tick, value
                before = value


def loudest(gains: Sequence[Steps]) -> Steps:
    """The largest of several values at every tick."""
    if len(gains) == 1:
        return gains[0]
    steps = Steps(1.0)
    for tick in sorted({tick for gain in gains for tick in gain.ticks}):
        steps.add(tick, max(gain.at(tick) for gain in gains))
    return steps


@dataclass
class Controls:
    """What a channel's controllers and bends do.

    shift: in semitones, from bends in their range and from the tuning. gain: a factor, 40 dB a
    decade of volume times expression as in General MIDI, 1 at its defaults. sustain, sostenuto:
    ticks at which the pedal goes down and up. stops: ticks at which all notes end.
    """

    shift: Steps = field(default_factory=lambda: Steps(0.0))
    gain: Steps = field(default_factory=lambda: Steps(1.0))
    sustain: list[tuple[int, int]] = field(default_factory=list)
    sostenuto: list[tuple[int, int]] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, events: Iterable[Event], end: int) -> Controls:
        """From the events of a channel in order of time. A pedal that stays down ends at `end`."""
        found = cls()
        volume, expression, bend = DEFAULT_VOLUME, 127, 0.0
        parameters = {BEND_RANGE: [DEFAULT_BEND_RANGE, 0], FINE_TUNING: [64, 0]}
        parameters[COARSE_TUNING] = [64, 0]
        selected, down = [127, 127], {}
        for tick, kind, _, a, b in events:
            if kind == BEND:
                bend = ((b << 7 | a) - 8192) / 8192
            elif kind != CONTROL:
                continue
            elif a in (PARAMETER, FINE_PARAMETER):
                selected[a == FINE_PARAMETER] = b
            elif a in UNREGISTERED:
                selected = [127, 127]
            elif a in (DATA, FINE_DATA) and tuple(selected) in parameters:
                parameters[tuple(selected)][a == FINE_DATA] = b
            elif a in (ALL_SOUND_OFF, ALL_NOTES_OFF):
                found.stops.append(tick)
            if kind == CONTROL and a in (VOLUME, EXPRESSION, RESET):
                volume = b if a == VOLUME else volume
                expression = {EXPRESSION: b, RESET: 127}.get(a, expression)
                found.gain.add(tick, (volume / DEFAULT_VOLUME * expression / 127) ** 2)
            if kind == CONTROL and a in (SUSTAIN, SOSTENUTO, RESET):
                pedals = {SUSTAIN: found.sustain, SOSTENUTO: found.sostenuto}
                for pedal in pedals if a == RESET else [a]:
                    if a != RESET and b >= 64:
                        down.setdefault(pedal, tick)
                    elif pedal in down:
                        pedals[pedal].append((down.pop(pedal), tick))
            if kind == CONTROL and a == RESET:
                bend = 0.0
            semitones, cents = parameters[BEND_RANGE]
            fine, finest = parameters[FINE_TUNING]
            tuning = parameters[COARSE_TUNING][0] - 64 + ((fine << 7 | finest) - 8192) / 8192
            found.shift.add(tick, bend * (semitones + cents / 100) + tuning)
        for pedal, tick in down.items():
            {SUSTAIN: found.sustain, SOSTENUTO: found.sostenuto}[pedal].append((tick, end))
        return found

    def held(self, notes: list[Stroke]) -> list[Stroke]:
        """Notes of this channel, in order of onset, as long as the pedals let them sound.

        A key that is struck again ends the note that a pedal holds.
        """
        next_onset: dict[int, int] = {}
        longer = []
        for note in reversed(notes):
            off = self._next(self.stops, note.on, note.off)
            for down, up in self._around(self.sustain, off):
                off = up if down < off < up else off
            for down, up in self._around(self.sostenuto, off):
                off = up if note.on <= down < off < up else off
            if off > note.off:
                off = max(note.off, min(off, next_onset.get(note.key, off)))
            next_onset[note.key] = note.on
            longer.append(replace(note, off=off))
        return longer[::-1]

    @staticmethod
    def _next(ticks: list[int], after: int, default: int) -> int:
        place = bisect_right(ticks, after)
        return min(ticks[place], default) if place < len(ticks) else default

    @staticmethod
    def _around(pedal: list[tuple[int, int]], tick: int) -> list[tuple[int, int]]:
        """The last time that a pedal went down before `tick`, at most one."""
        place = bisect_left(pedal, (tick, 0))
        return pedal[place - 1 : place] if place else []
