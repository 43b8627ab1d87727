"""The frames of MPEG audio (MP3 and layers I and II): where they lie, and what they state.

A stream begins with a frame of the Xing, Info or VBRI kind where its encoder wrote one. It holds no
music, but the number of frames and, by LAME, the samples that the encoder added at both ends.

ISO/IEC 11172-3, 2.4.2; G. Bouvigne, "MP3 info tag revision 1".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import BinaryIO

from .tags import after_tags, find

RATES = (44100, 48000, 32000)  # Hz, of MPEG-1
HALVINGS = {3: 0, 2: 1, 0: 2}  # of the rate, by the bits of the version: MPEG-1, 2 and 2.5
LOWER = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
BITRATES = {  # kbit/s, by (is MPEG-1, layer); index 0, the free format, is left to libsndfile
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): LOWER,
    (False, 3): LOWER,
}
SIDES = {  # bytes of side information, by (is MPEG-1, is mono)
    (True, True): 17, (True, False): 32, (False, True): 9, (False, False): 17,
}  # fmt: skip
DECODER_DELAY = 529  # samples, of layer III
SYNC = re.compile(rb"\xff[\xe2-\xff]")
SEARCHED = 1 << 24  # bytes without a frame, after which no other is looked for
HEAD = 192  # bytes of a frame that are looked at


@dataclass(frozen=True)
class Frame:
    """length in bytes, samples; kind: what stays the same within a stream.

    stated: the frames of music that a header counts; trims: the samples that an encoder added in
    front and at the end.
    """

    length: int
    samples: int
    kind: tuple[int, int, int, bool]
    is_header: bool = False
    stated: int | None = None
    trims: tuple[int, int] = (0, 0)

    @classmethod
    def at(cls, file: BinaryIO, place: int) -> Frame | None:
        """The frame that begins there, None where none does."""
        file.seek(place)
        head = file.read(HEAD)
        frame = _plain_frame(head[:4])
        if frame is None or frame.kind[1] != 3:
            return frame
        place = 4 + SIDES[frame.kind[0] == 3, frame.kind[3]]
        if head[place : place + 4] in (b"Xing", b"Info"):
            return _with_header(frame, head, place)
        if head[36:40] == b"VBRI":
            return replace(frame, is_header=True, stated=int.from_bytes(head[50:54], "big"))
        return frame


@lru_cache(maxsize=1024)
def _plain_frame(header: bytes) -> Frame | None:
    """A frame of music by its first four bytes."""
    if len(header) < 4 or header[0] != 0xFF or header[1] < 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or not 0 < bitrate < 15 or rate == 3:
        return None
    hertz = RATES[rate] >> HALVINGS[version]
    samples = 384 if layer == 1 else 1152 if layer == 2 or version == 3 else 576
    slot = 4 if layer == 1 else 1  # bytes
    bits = samples * 1000 * BITRATES[version == 3, layer][bitrate - 1] // hertz
    length = (bits // (8 * slot) + (header[2] >> 1 & 1)) * slot
    return Frame(length, samples, (version, layer, hertz, header[3] >> 6 == 3))


def _with_header(frame: Frame, head: bytes, place: int) -> Frame:
    """What a Xing or Info header at `place` states."""
    flags = int.from_bytes(head[place + 4 : place + 8], "big")
    stated = int.from_bytes(head[place + 8 : place + 12], "big") if flags & 1 else None
    lame = place + 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1)
    both = int.from_bytes(head[lame + 21 : lame + 24], "big")
    trims = (both >> 12) + DECODER_DELAY, max((both & 0xFFF) - DECODER_DELAY, 0)
    return replace(frame, is_header=True, stated=stated, trims=trims)


@dataclass
class MpegStream:
    """Frames that one decoder decodes; spans: their bytes, without tags and what is damaged.

    is_torn: the last frame is incomplete.
    """

    first: Frame
    spans: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0
    is_torn: bool = False

    def add(self, place: int, length: int) -> None:
        start = self.spans.pop()[0] if self.spans and self.spans[-1][1] == place else place
        self.spans.append((start, place + length))
        self.count += 1

    @property
    def skip(self) -> int:
        return self.first.trims[0]

    @property
    def is_cut(self) -> bool:
        """Some encoders count the header too."""
        return self.is_torn or self.count < (self.first.stated or 0) - 1

    @property
    def stated(self) -> int | None:
        """Samples of music by the header, without those that the encoder added."""
        frames = self.first.stated
        return None if frames is None else frames * self.first.samples - sum(self.first.trims)

    @property
    def kept(self) -> int | None:
        """Samples to keep after `skip`; None, which is all, where the header is not right."""
        return self.stated if self.count == self.first.stated else None


def mpeg_streams(file: BinaryIO, start: int, stop: int) -> Iterator[MpegStream]:
    """The streams between two bytes, each from a header, or a change of kind, to the next."""
    stream, kind, place = None, None, start
    while (frame := _next(file, place, stop, kind)) is not None:
        place, found = frame
        if stream is None or found.is_header or found.kind != kind:
            if stream is not None and stream.count:
                yield stream
            stream, kind = MpegStream(found), found.kind
        if place + found.length > stop:
            stream.is_torn = True
            break
        if not found.is_header:
            stream.add(place, found.length)
        place += found.length
    if stream is not None and stream.count:
        yield stream


def _next(
    file: BinaryIO, place: int, stop: int, kind: tuple[object, ...] | None
) -> tuple[int, Frame] | None:
    """The next frame and where it begins: at `place`, or behind tags and what is damaged."""
    frame = Frame.at(file, place)
    if frame is None:
        place = after_tags(file, place)
        frame = Frame.at(file, place)
    if frame is not None and (frame.kind == kind or _leads_on(file, place, frame, stop, 1)):
        return place, frame
    for later in find(file, SYNC, place + 1, min(stop, place + SEARCHED)):
        frame = Frame.at(file, later)
        is_likely = frame is not None and kind in (None, frame.kind)
        if is_likely and _leads_on(file, later, frame, stop, 2):
            return later, frame
    return None


def _leads_on(file: BinaryIO, place: int, frame: Frame, stop: int, frames: int) -> bool:
    """Whether as many frames of the same kind follow directly, or the end."""
    for _ in range(frames):
        place += frame.length
        if place == stop:
            return True
        following = Frame.at(file, place)
        if following is None or following.kind != frame.kind:
            return False
        frame = following
    return True
