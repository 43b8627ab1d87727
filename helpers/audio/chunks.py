"""The data chunk of WAV and AIFF files, where it really ends.

Microsoft, "Multimedia Programming Interface and Data Specifications 1.0"; EBU Tech 3306 (RF64);
Apple, "Audio Interchange File Format AIFF-C".
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

SUBTYPES = {  # by the format tag of a WAV file and its bits
    (1, 8): "PCM_U8", (1, 16): "PCM_16", (1, 24): "PCM_24", (1, 32): "PCM_32",
    (3, 32): "FLOAT", (3, 64): "DOUBLE", (6, 8): "ALAW", (7, 8): "ULAW",
}  # fmt: skip
INTEGERS = (b"", b"NONE", b"twos", b"sowt")  # kinds of AIFF
FLOATS = {b"fl32": "FLOAT", b"FL32": "FLOAT", b"fl64": "DOUBLE", b"FL64": "DOUBLE"}
EXTENSIBLE = 0xFFFE
MPEG_TAGS = (0x50, 0x55)
CHUNK_NAME = re.compile(rb"[ -~]{4}")
TRAILERS = re.compile(  # what begins behind the samples, even where its own length is wrong
    rb"TAG|ID3|APETAGEX|LYRICSBEGIN|LIST|JUNK|FLLR|PAD |bext|iXML|axml|cue |smpl|inst|fact|PEAK"
    rb"|DISP|acid|_PMX|id3 |ANNO|AUTH|NAME|COMT|MARK|INST|APPL"
)


@dataclass(frozen=True)
class DataChunk:
    """start, stop: its bytes in the file, as many as there are. declared: their number by the
    header; None where it is a placeholder. width: bytes a frame, 0 where frames have no fixed
    size; raw: libsndfile's parameters for them without a header."""

    start: int
    stop: int
    declared: int | None
    width: int
    raw: dict[str, Any]
    is_mpeg: bool
    is_bw64: bool  # RF64 under another name, which libsndfile does not know

    @property
    def is_as_declared(self) -> bool:
        return self.declared == self.stop - self.start


def read_chunks(file: BinaryIO, start: int, size: int) -> DataChunk | None:
    """The data chunk of the file that begins at `start` and ends at `size`, None without one."""
    file.seek(start)
    kind = file.read(4)
    order, form, length64, place = ">" if kind == b"FORM" else "<", b"", None, start + 12
    while True:
        file.seek(place)
        header = file.read(8)
        if len(header) < 8:
            return None
        name, length = struct.unpack(f"{order}4sI", header)
        place += 8
        if name in (b"data", b"SSND"):
            break
        if name in (b"fmt ", b"COMM"):
            form = file.read(min(length, 64))
        elif name == b"ds64":
            length64 = int.from_bytes(file.read(16)[8:], "little")
        place += length + length % 2
    subtype, rate, channels, width, tag = (_comm if order == ">" else _fmt)(form)
    if name == b"SSND":
        behind = 8 + int.from_bytes(file.read(4), "big")
        place, length = place + behind, max(length - behind, 0)
    if length == 2**32 - 1 and length64:
        length = length64
    little = order == "<" or form[18:22] == b"sowt"
    raw = {
        "format": "RAW", "subtype": subtype, "samplerate": rate, "channels": channels,
        "endian": "LITTLE" if little else "BIG",
    }  # fmt: skip
    is_placeholder = place + length > size and _is_near_a_limit(length)
    declared = None if is_placeholder else length
    stop = size if is_placeholder else _end(file, place, length, size, order, max(width, 8))
    width = width if subtype else 0
    return DataChunk(place, stop, declared, width, raw, tag in MPEG_TAGS, kind == b"BW64")


def more_data(file: BinaryIO, data: DataChunk, size: int) -> Iterator[DataChunk]:
    """Further data chunks of the same file, as recorders that pause write them."""
    place = data.stop + data.stop % 2
    while data.is_as_declared and data.raw["endian"] == "LITTLE" and place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        if not CHUNK_NAME.fullmatch(name) or name == b"RIFF":
            return
        place += 8
        if name == b"data":
            yield replace(data, start=place, stop=min(place + length, size), declared=length)
        place += length + length % 2


def _is_near_a_limit(length: int) -> bool:
    """Writers that do not know the length write a value slightly below 2^31 or 2^32."""
    return any(limit - 2**16 <= length <= limit for limit in (2**31, 2**32))


def _end(file: BinaryIO, place: int, length: int, size: int, order: str, width: int) -> int:
    """Where the samples end: as declared, a multiple of 2^32 later, or with the file."""
    for end in range(place + length, size + 1, 2**32):
        if size - end < width or _is_trailer(file, end, size, order):
            return end
    return size


def _is_trailer(file: BinaryIO, place: int, size: int, order: str) -> bool:
    """Whether the bytes from `place` on are chunks, tags or zeros rather than samples."""
    for first in (place, place + 1):  # chunks begin at even bytes, but not all writers know it
        file.seek(first)
        if TRAILERS.match(file.read(12)) or _are_chunks(file, first, size, order):
            return True
    file.seek(place)
    return not any(any(piece) for piece in iter(lambda: file.read(1 << 16), b""))


def _are_chunks(file: BinaryIO, place: int, size: int, order: str) -> bool:
    """Whether chunks fill the file from `place` to its end."""
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if not CHUNK_NAME.fullmatch(name):
            return False
        place += 8 + length + length % 2
    return place <= size + 1


def _fmt(form: bytes) -> tuple[str | None, int, int, int, int]:
    """Subtype, rate, channels, bytes a frame and format tag of a WAV file."""
    if len(form) < 16:
        return None, 0, 0, 0, 0
    tag, channels, rate, _, width, _ = struct.unpack("<HHIIHH", form[:16])
    if tag == EXTENSIBLE:
        tag = int.from_bytes(form[24:26], "little")
    bits = 8 * width / channels if channels else 0
    return SUBTYPES.get((tag, bits)), rate, channels, width, tag


def _comm(form: bytes) -> tuple[str | None, int, int, int, int]:
    """The same of an AIFF file, whose rate is a float of 80 bits."""
    if len(form) < 18:
        return None, 0, 0, 0, 0
    channels, _, bits, exponent, mantissa = struct.unpack(">hIhHQ", form[:18])
    rate = mantissa >> min(max(16383 + 63 - exponent, 0), 63)
    size, kind = (bits + 7) // 8, form[18:22]
    integer = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}.get(size)
    subtype = integer if kind in INTEGERS else FLOATS.get(kind)
    return subtype, rate, channels, max(channels, 0) * size, 0
