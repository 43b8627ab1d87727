"""The events of a Standard MIDI File, and its clock.

pretty_midi and mido refuse a whole file for one damaged event that no renderer needs, such as a key
signature with ten flats, and pretty_midi loses tempi of later tracks. This reader takes what
sounds: notes, programs, controllers, bends, tempi and names, and the time signatures, from which
bars follow. It skips the rest unread.

Standard MIDI Files 1.0, RP-001, MIDI Association.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

LARGEST = 3 << 20  # bytes; a symphony has 1 MB at most
DEFAULT_TEMPO = 500_000  # microseconds per quarter note: 120 per minute
FRAME_RATES = {24: 24.0, 25: 25.0, 29: 30_000 / 1001, 30: 30.0}  # per second, SMPTE
NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, BEND = 0x8, 0x9, 0xB, 0xC, 0xE
SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
TEXTS, PORT, TEMPO, END_OF_TRACK = (0x03, 0x04), 0x21, 0x51, 0x2F  # track and instrument names
METER = 0x58
SHORTEST_BEAT = 7  # the power of two in a time signature: of a 128th note


class Event(NamedTuple):
    """A channel message. channel: counts on through the ports, 16 each. a, b: its data bytes."""

    tick: int
    kind: int
    channel: int
    a: int
    b: int


@dataclass
class MidiTrack:
    """names: the track's and its instrument's. tempi: (tick, microseconds per quarter note).

    meters: (tick, beats of a bar, beats of a whole note), from time signatures.
    """

    names: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    tempi: list[tuple[int, int]] = field(default_factory=list)
    meters: list[tuple[int, int, int]] = field(default_factory=list)
    end: int = 0  # tick


@dataclass(frozen=True)
class MidiFile:
    """quarter: the ticks of a quarter note; with SMPTE frames, of half a second."""

    tracks: list[MidiTrack]
    clock: Clock
    quarter: int


class Clock:
    """Ticks as seconds, by the tempi of all tracks or by SMPTE frames."""

    def __init__(self, tempi: list[tuple[int, int]], division: int) -> None:
        self.seconds_per_tick, self.ticks, self.starts = [], [0], [0.0]
        if division & 0x8000:
            frames = FRAME_RATES[256 - (division >> 8)] * (division & 0xFF)
            self.seconds_per_tick = [1.0 / frames]
            return
        self.seconds_per_tick = [DEFAULT_TEMPO / 1e6 / division]
        for tick, tempo in sorted(tempi, key=lambda change: change[0]):
            self.starts.append(self.seconds(tick))
            self.ticks.append(tick)
            self.seconds_per_tick.append(tempo / 1e6 / division)

    def seconds(self, tick: int) -> float:
        last = bisect_right(self.ticks, tick) - 1
        return self.starts[last] + (tick - self.ticks[last]) * self.seconds_per_tick[last]


def parse_midi(data: bytes, name: str) -> MidiFile:
    """The tracks of a file of any format; those of format 2, which are pieces, follow each other.

    Warns where the file breaks off or a track is damaged; what comes before is read.
    ValueError if the file is not MIDI, is larger than 3 MB, or has no time: a division of 0, a
    tempo of 0, or an unknown rate of SMPTE frames. name: for the messages.
    """
    if len(data) > LARGEST:
        raise ValueError(f"{name}: larger than {LARGEST >> 20} MB, which no score in MIDI is.")
    start = data.find(b"MThd", 0, 256)  # behind the header of a RIFF or MacBinary file
    if start < 0 or len(data) < start + 14:
        raise ValueError(f"{name}: not a readable MIDI file (it does not begin with MThd).")
    size, kind, count, division = (
        int.from_bytes(data[start + a : start + b], "big")
        for a, b in ((4, 8), (8, 10), (10, 12), (12, 14))
    )
    _check_division(division, name)
    tracks, whole, position = [], True, start + 8 + max(6, size)
    while position + 8 <= len(data):
        length = int.from_bytes(data[position + 4 : position + 8], "big")
        if not _is_chunk(data, position + 8 + length):  # a recorder that died did not count
            following = data.find(b"MTrk", position + 8)
            length = (following if following > 0 else len(data)) - position - 8
            whole = False
        body = data[position + 8 : position + 8 + length]
        if data[position : position + 4] == b"MTrk":
            track = MidiTrack(end=tracks[-1].end if kind == 2 and tracks else 0)
            whole &= _read_track(track, body) and len(body) == length
            tracks.append(track)
        position += 8 + length
    if not whole or len(tracks) < count:
        warnings.warn(
            f"{name}: breaks off or is damaged; what can be read of it is used. Export it again.",
            stacklevel=2,
        )
    tempi = [change for track in tracks for change in track.tempi]
    if not division & 0x8000 and any(tempo == 0 for _, tempo in tempi):
        raise ValueError(
            f"{name}: a tempo is 0 microseconds per quarter note; set it to 1 to 16777215."
        )
    clock = Clock(tempi, division)
    quarter = round(0.5 / clock.seconds_per_tick[0]) if division & 0x8000 else division
    return MidiFile(tracks, clock, quarter)


def _is_chunk(data: bytes, position: int) -> bool:
    """Whether a chunk begins here, or the file ends or is filled with zeros."""
    name = data[position : position + 4]
    return name.isalpha() or not name.strip(b"\0")


def _check_division(division: int, name: str) -> None:
    """ValueError for ticks that have no length."""
    frames = 256 - (division >> 8) if division & 0x8000 else None
    if frames is not None and frames not in FRAME_RATES:
        raise ValueError(f"{name}: its header counts {frames} frames a second, not 24 to 30.")
    if division == 0 or (frames and not division & 0xFF):
        unit = "frame" if frames else "quarter note"
        raise ValueError(f"{name}: its header divides a {unit} into 0 ticks; export it again.")


def _read_track(track: MidiTrack, body: bytes) -> bool:
    """Fill a track with the events of its chunk; False if it is damaged or does not end."""
    tick, position, running, port = track.end, 0, 0, 0
    try:
        while position < len(body):
            delta, position = _variable(body, position)
            tick += delta
            track.end = tick
            status = running
            if body[position] >= 0x80:
                status, position = body[position], position + 1
            if status in (0xF0, 0xF7, 0xFF):
                kind = body[position] if status == 0xFF else None
                length, position = _variable(body, position + (status == 0xFF))
                content, position = body[position : position + length], position + length
                if kind == END_OF_TRACK:
                    return True
                if kind == PORT and content:
                    port = content[0]
                elif kind == TEMPO and len(content) == 3:
                    track.tempi.append((tick, int.from_bytes(content, "big")))
                elif kind == METER and len(content) >= 2:
                    beats, power = content[:2]
                    if beats and power <= SHORTEST_BEAT:
                        track.meters.append((tick, beats, 1 << power))
                elif kind in TEXTS:
                    track.names.append(_text(content))
            elif status > 0xF0:  # of the system, which files should not have
                position += SYSTEM_BYTES.get(status, 0)
            elif status < 0x80:
                return False
            else:
                kind, running = status >> 4, status
                size = 1 if kind in (PROGRAM, 0xD) else 2
                a, b = body[position], body[position + 1] if size == 2 else 0
                position += size
                event = Event(tick, kind, 16 * port + status % 16, min(a, 127), min(b, 127))
                track.events.append(event)
    except IndexError:
        return False
    return position == len(body)


def _variable(data: bytes, position: int) -> tuple[int, int]:
    """A number of up to four bytes of 7 bits, and the position behind it."""
    value = 0
    for byte in (data[position], *data[position + 1 : position + 4]):
        value, position = value << 7 | byte & 0x7F, position + 1
        if byte < 0x80:
            return value, position
    raise IndexError


def _text(content: bytes) -> str:
    """The text of a name, in UTF-8 or else in Latin-1."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return "".join(filter(str.isprintable, text[:200])).strip()
