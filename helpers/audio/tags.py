"""What lies around the audio of a file, and how to find the next thing in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

PIECE = 1 << 20  # bytes read at a time
LONGEST = 16  # bytes of a pattern


def after_tags(file: BinaryIO, place: int = 0) -> int:
    """The first byte behind the ID3v2 tags at `place`; a size has seven bits a byte (id3.org).

    Of a tag that says it is longer than the file, only the header is left out.
    """
    end = file.seek(0, 2)
    while True:
        file.seek(place)
        tag = file.read(10)
        if len(tag) < 10 or tag[:3] != b"ID3" or max(tag[6:]) > 127:
            return place
        size = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
        size += 10 if tag[5] & 0x10 else 0  # the flag of a footer
        place += 10 + (size if place + 10 + size < end else 0)


def find(
    file: BinaryIO, pattern: re.Pattern[bytes], start: int, stop: int | None = None
) -> Iterator[int]:
    """The places from `start` to `stop` where a pattern of up to `LONGEST` bytes occurs."""
    kept, place = b"", start
    while stop is None or place < stop:
        file.seek(place)
        piece = file.read(PIECE if stop is None else min(PIECE, stop - place))
        if not piece:
            return
        text, first = kept + piece, place - len(kept)
        place += len(piece)
        for match in pattern.finditer(text):
            if match.end() > len(kept):  # else found before
                yield first + match.start()
        kept = text[1 - LONGEST :]
