"""Where the audio of a file lies: behind tags, in chunks, in streams joined one after another.

Declared lengths are checked against the bytes that follow. Recorders that lost power leave them at
zero, they wrap round at 4 GB, and joined files state the length of the first one only.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .chunks import DataChunk, more_data, read_chunks
from .mpeg import SYNC, mpeg_streams
from .tags import after_tags, find

FORM = re.compile(rb"(?s:RIFF....WAVE|FORM....AIF[FC])")
FLAC_STREAM = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # the marker and the header of STREAMINFO
AU_KINDS = {  # by the number of the encoding: subtype and bytes a sample
    1: ("ULAW", 1), 2: ("PCM_S8", 1), 3: ("PCM_16", 2), 4: ("PCM_24", 3), 5: ("PCM_32", 4),
    6: ("FLOAT", 4), 7: ("DOUBLE", 8), 27: ("ALAW", 1),
}  # fmt: skip
COUNTS_LESS = "its header counts less than the file has, and the rest was not read; save it as PCM"
DAMAGED = "it is damaged, and a part of its audio is missing"
OGG_PAGE = re.compile(rb"OggS\x00")


@dataclass(frozen=True)
class Part:
    """A stretch of a file that is decoded on its own.

    start: its first byte. spans: the bytes (start, stop) that the decoder gets through a pipe; none
    where it reads the file itself. raw: the parameters of samples without a header. skip: samples
    that the encoder put in front. frames: those that follow; None for all. patch: (place,
    content, stop) for bytes that the decoder is to read at a place, in a part that ends at `stop`.
    """

    start: int = 0
    spans: tuple[tuple[int, int], ...] = ()
    raw: dict[str, Any] | None = None
    skip: int = 0
    frames: int | None = None
    patch: tuple[int, bytes, int] | None = None


@dataclass(frozen=True)
class Layout:
    """The parts of a file in their order, none where there is no audio, and what its headers say.

    stated: the frames by its headers, where they can be relied on. is_cut: whether the file ends
    within a chunk, page or frame, or before the end of its stream. flaws: what else there is to
    tell.
    """

    parts: tuple[Part, ...] = (Part(),)
    stated: int | None = None
    is_cut: bool = False
    flaws: tuple[str, ...] = ()


def find_layout(path: Path) -> Layout:
    """Of any file; one part, which libsndfile reads from the first byte, where nothing is known."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        start = after_tags(file)
        file.seek(start)
        magic = file.read(12)
        if magic[:4] in (b"RIFF", b"RF64", b"BW64", b"FORM"):
            return _in_chunks(file, start, size)
        if magic[:4] == b"fLaC":
            return _flac(file, start, size)
        if magic[:4] == b"OggS":
            return _ogg(file, start, size)
        if magic[:4] in (b".snd", b"dns."):
            return _au(file, start, size)
        # Of damaged frames libsndfile would read what it guesses, and print notes. Those of the
        # free format, whose headers state no bit rate, are left to it.
        is_broken = SYNC.match(magic) and len(magic) > 2 and magic[2] > 0x0F
        return _mpeg(file, start, size) or Layout(() if is_broken else (Part(start),))


def _mpeg(file: BinaryIO, start: int, stop: int) -> Layout | None:
    """MP3 and its older layers; None where there is no such stream."""
    streams = list(mpeg_streams(file, start, stop))
    if not streams:
        return None
    parts = [
        Part(each.spans[0][0], tuple(each.spans), None, each.skip, each.kept) for each in streams
    ]
    stated = [each.stated for each in streams]
    is_wrong = any(each.kept is None for each in streams) and None not in stated
    return Layout(tuple(parts), sum(stated) if is_wrong else None, streams[-1].is_cut)


def _in_chunks(file: BinaryIO, start: int, size: int) -> Layout:
    """WAV, RF64 and AIFF; one file, or several that were joined."""
    chunks: list[tuple[int, DataChunk]] = []
    behind: int | None = start
    while behind is not None and (data := read_chunks(file, behind, size)):
        chunks += [(behind, each) for each in (data, *more_data(file, data, size))]
        data = chunks[-1][1]
        behind = next(find(file, FORM, data.stop, min(data.stop + 14, size)), None)
    is_joined = len(chunks) > 1
    layouts = [_of_data(file, first, size, data, is_joined) for first, data in chunks]
    if not is_joined:
        return layouts[0] if layouts else Layout((Part(start),))
    stated = [layout.stated for layout in layouts]
    return Layout(
        tuple(part for layout in layouts for part in layout.parts),
        None if None in stated else sum(stated),
        layouts[-1].is_cut,
        tuple(dict.fromkeys(flaw for layout in layouts for flaw in layout.flaws)),
    )


def _of_data(file: BinaryIO, start: int, size: int, data: DataChunk, is_joined: bool) -> Layout:
    """One file in chunks. libsndfile reads it itself, unless its header is not right for that."""
    if data.is_mpeg and (layout := _mpeg(file, data.start, data.stop)):
        return layout
    stated = data.declared // data.width if data.width and data.declared is not None else None
    is_cut = data.declared is not None and data.start + data.declared > size
    if data.width and (is_joined or data.is_bw64 or not (data.is_as_declared or is_cut)):
        frames = (data.stop - data.start) // data.width
        part = Part(data.start, ((data.start, data.stop),), data.raw, 0, frames)
        return Layout((part,), stated, is_cut)
    counts_less = not data.width and data.declared is not None and not data.is_as_declared
    flaws = (COUNTS_LESS,) if counts_less and not is_cut else ()
    return Layout((Part(start),), stated, is_cut, flaws)


def _au(file: BinaryIO, start: int, size: int) -> Layout:
    """Sun and NeXT audio, whose samples fill the file."""
    file.seek(start)
    order = ">" if file.read(4) == b".snd" else "<"
    offset, declared, kind, rate, channels = struct.unpack(f"{order}5I", file.read(20).ljust(20))
    first = start + offset
    if kind not in AU_KINDS or declared >= size - first or declared == 0 and first == size:
        return Layout((Part(start),))
    subtype, width = AU_KINDS[kind]
    raw = {"format": "RAW", "subtype": subtype, "samplerate": rate, "channels": channels}
    raw["endian"] = "BIG" if order == ">" else "LITTLE"
    width *= max(channels, 1)
    part = Part(first, ((first, size),), raw, 0, (size - first) // width)
    return Layout((part,), declared // width)


def _flac(file: BinaryIO, start: int, size: int) -> Layout:
    """FLAC streams, each of which states its length; zero where its writer did not know it.

    libsndfile gets zero in any case, so that it decodes to the end.
    """
    parts, stated = [], []
    starts = list(find(file, FLAC_STREAM, start))
    for place, stop in zip(starts, [*starts[1:], size], strict=False):
        file.seek(place + 8 + 13)
        count = file.read(5)  # 36 bits behind 4 of the sample size
        stated.append(int.from_bytes(count, "big") & (1 << 36) - 1)
        content = bytes([count[0] & 0xF0, 0, 0, 0, 0]) if len(count) == 5 else count
        parts.append(Part(place, patch=(place + 8 + 13, content, stop)))
    total = sum(stated) if stated and all(stated) else None
    return Layout(tuple(parts or [Part(start)]), total)


def _ogg(file: BinaryIO, start: int, size: int) -> Layout:
    """Ogg streams: pages up to the next page that begins a stream."""
    links: list[tuple[int, int]] = []
    following: dict[bytes, int] = {}  # the number of the next page, by stream
    is_begin = is_ended = is_cut = is_damaged = False
    place: int | None = start
    while place is not None:
        file.seek(place)
        header = file.read(27)
        if len(header) < 27 or not OGG_PAGE.match(header):
            is_cut = OGG_PAGE.match(header) is not None
            place = next(find(file, OGG_PAGE, place + 1), None)
            continue
        stop = place + 27 + header[26] + sum(file.read(header[26]))
        if is_cut := stop > size:
            break
        was_begin, is_begin = is_begin, bool(header[5] & 2)
        stream, number = header[14:18], int.from_bytes(header[18:22], "little")
        is_damaged |= not is_begin and following.get(stream, number) != number
        is_damaged |= not is_begin and place != (links[-1][1] if links else place)
        following[stream] = number + 1
        if is_begin and not was_begin or not links:
            links.append((place, stop))
            is_ended = False
        links[-1] = (links[-1][0], stop)
        is_ended |= bool(header[5] & 4)
        place = stop
    parts = tuple(Part(first, ((first, last),)) for first, last in links)
    flaws = (DAMAGED,) if is_damaged else ()
    return Layout(parts or (Part(),), None, is_cut or not is_ended, flaws)
