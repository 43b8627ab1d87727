"""The `bext` chunk of Broadcast Wave files: where a recording comes from and when it began.

EBU Tech 3285 version 2, "Specification of the Broadcast Wave Format"; EBU R 98, the lines of the
coding history; EBU Tech 3306, RF64.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

ORIGINATOR = "Divisi"
#: Description, originator, reference, date, time, time reference, version; the fields behind them
#: (UMID, loudness) have 254 bytes, then the history follows.
FIELDS = struct.Struct("<256s32s32s10s8sQH")
REST = 254
LONGEST_HISTORY = 8192  # bytes; libsndfile keeps 16 kB
WAVES = (b"RIFF", b"RF64", b"BW64")


@dataclass(frozen=True)
class Broadcast:
    """What a `bext` chunk says. ASCII; other characters become question marks.

    time_reference: the first sample, counted in samples since midnight. date: `yyyy-mm-dd`. time:
    `hh:mm:ss`. history: lines that end with CR and LF.
    """

    description: str = ""
    date: str = ""
    time: str = ""
    time_reference: int = 0
    history: str = ""

    def packed(self) -> bytes:
        """The chunk without its header, written by Divisi."""
        texts = (self.description, ORIGINATOR, "", self.date, self.time)
        fields = FIELDS.pack(*map(_ascii, texts), self.time_reference, 1)
        return fields + bytes(REST) + _ascii(self.history)[-LONGEST_HISTORY:]

    def of_stem(self, name: str, recording: str, coding: str) -> Broadcast:
        """What a stem of this recording says: its date and time stay. coding: one more line."""
        return Broadcast(
            f"{name} of {recording}", self.date, self.time, self.time_reference,
            f"{self.history}{coding}\r\n",
        )  # fmt: skip


def coding_line(sample_rate: int, channels: int, bits: int) -> str:
    """A line of the coding history, as in `A=PCM,F=48000,W=24,M=stereo,T=Divisi`."""
    mode = {1: "mono", 2: "stereo"}.get(channels, "multi")
    return f"A=PCM,F={sample_rate},W={bits},M={mode},T={ORIGINATOR}"


def read_broadcast(path: Path) -> Broadcast | None:
    """The `bext` chunk of a WAV, RF64 or BW64 file; None where there is none that is whole."""
    with path.open("rb") as file:
        for name, place, length in _chunks(file):
            if name == b"bext" and length >= FIELDS.size + REST:
                file.seek(place)
                content = file.read(min(length, FIELDS.size + REST + LONGEST_HISTORY))
                if len(content) >= FIELDS.size + REST:
                    return _parsed(content)
    return None


def _parsed(content: bytes) -> Broadcast:
    description, _, _, date, time, reference, _ = FIELDS.unpack_from(content)
    texts = (description, date, time, content[FIELDS.size + REST :])
    description, date, time, history = (text.split(b"\0")[0].decode("latin-1") for text in texts)
    if history and not history.endswith("\n"):
        history += "\r\n"
    return Broadcast(description, date, time, reference, history)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """(name, place, length) of the chunks of a file, none where it is no WAVE."""
    head = file.read(12)
    if head[:4] not in WAVES or head[8:] != b"WAVE":
        return
    place, data_length = 12, 0
    while True:
        file.seek(place)
        header = file.read(8)
        if len(header) < 8:
            return
        name, length = struct.unpack("<4sI", header)
        if name == b"ds64":
            data_length = int.from_bytes(file.read(16)[8:], "little")
        if name == b"data" and length == 2**32 - 1:
            length = data_length
        yield name, place + 8, length
        place += 8 + length + length % 2


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "replace")
