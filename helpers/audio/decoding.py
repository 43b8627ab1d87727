"""Decoding with libsndfile, part by part, to the true end of the audio."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from .layout import Part, find_layout
from .sound_files import sound_file
from .track import Unreadable

UNKNOWN_LENGTH = 2**63 - 1  # libsndfile's SF_COUNT_MAX


class SoundfileSource:
    """An audio file by libsndfile. Its content decides, not its suffix.

    sample_rate (Hz), channels, subtype (such as `PCM_16`); frames, by its headers, None where they
    do not state them; is_cut: whether the file ends before its audio does; flaws: what else there
    is to tell.
    Raises OSError, and soundfile.SoundFileError where the file is no audio.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        layout = find_layout(path)
        self._parts, self.flaws = layout.parts, layout.flaws
        if not self._parts:
            raise soundfile.SoundFileRuntimeError("no audio")
        with _opened(path, self._parts[0]) as sound:
            self.sample_rate: int = sound.samplerate
            self.channels: int = sound.channels
            self.subtype: str = sound.subtype
            self.frames, self.is_cut = layout.stated, layout.is_cut
            if self._parts == (Part(),) and self.frames is None and sound.frames < UNKNOWN_LENGTH:
                self.frames = sound.frames
                self.is_cut = self.is_cut or _is_cut(sound.extra_info)

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """All audio as float32 (channels, n) with n of at most `frames`."""
        first, read, is_lost = (self.sample_rate, self.channels), 0, False
        for number, part in enumerate(self._parts):
            with ExitStack() as stack:
                try:
                    sound = stack.enter_context(_opened(self.path, part))
                except soundfile.SoundFileError:
                    if number == 0:
                        raise
                    self.is_cut = True
                    return
                if (sound.samplerate, sound.channels) != first:
                    raise Unreadable(
                        f"it joins audio of {first[0]} Hz in {first[1]} channels and of "
                        f"{sound.samplerate} Hz in {sound.channels}; convert both to one format"
                    )
                decoded = _Decoded(sound, part, frames)
                for block in decoded:
                    read += block.shape[1]
                    yield block
                is_lost = decoded.is_lost
        if self.frames is None and is_lost:
            self.is_cut = True
        if not self._parts[0].spans and read < (self.frames or 0):
            self.is_cut = True


class _Decoded:
    """The audio of a part. is_lost: whether libsndfile found no frame where one should be.

    libsndfile raises an error on a truncated FLAC and does not say how much it decoded. The buffer
    is therefore filled with NaN first: what is no longer NaN was decoded.
    """

    def __init__(self, sound: soundfile.SoundFile, part: Part, frames: int) -> None:
        self.sound, self.part, self.frames, self.is_lost = sound, part, frames, False

    def __iter__(self) -> Iterator[np.ndarray]:
        skip, left = self.part.skip, UNKNOWN_LENGTH
        if self.part.frames is not None:
            left = self.part.frames + skip
        elif not self.part.spans:
            left = self.sound.frames
        is_complete = True
        while is_complete and left > 0:
            size = min(self.frames, left)
            buffer = np.full((size, self.sound.channels), np.nan, dtype=np.float32)
            try:
                count = len(self.sound.read(out=buffer))
                is_complete = count == size
            except soundfile.SoundFileError as error:
                written = np.flatnonzero(~np.isnan(buffer).all(axis=1))
                count, is_complete = written[-1] + 1 if len(written) else 0, False
                self.is_lost = "lost sync" in str(error)
            left -= count
            if count > skip:
                yield buffer[skip:count].T
            skip = max(skip - count, 0)


class _Patched(io.RawIOBase):
    """A part of a file, with the bytes of its patch instead of those in the file."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        self.file, self.start, (self.place, self.content, self.stop) = file, part.start, part.patch

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        origin = (self.start, self.file.tell(), self.stop)[whence]
        return self.file.seek(origin + offset) - self.start

    def readinto(self, buffer: memoryview) -> int:
        first = self.file.tell()
        data = bytearray(self.file.read(max(min(len(buffer), self.stop - first), 0)))
        for place, byte in enumerate(self.content, self.place - first):
            if 0 <= place < len(data):
                data[place] = byte
        buffer[: len(data)] = bytes(data)
        return len(data)


@contextmanager
def _opened(path: Path, part: Part) -> Iterator[soundfile.SoundFile]:
    """By descriptor: with a path libsndfile would guess the format from the suffix."""
    with ExitStack() as stack:
        file = stack.enter_context(open(path, "rb", buffering=0))
        file.seek(part.start)
        source: object = file.fileno()
        if part.spans:
            source = stack.enter_context(_pipe(file, part.spans))
        elif part.patch:
            source = _Patched(file, part)
        yield stack.enter_context(sound_file(source, closefd=False, **part.raw or {}))


def _is_cut(log: str) -> bool:
    """Whether libsndfile's log of the header reports a chunk that ends beyond the file.

    A size slightly below 2^31 or 2^32 is a placeholder of writers that do not know the length.
    """
    sizes = re.findall(r": (\d+) \(should be (\d+)\)", log)
    return any(int(actual) < int(stated) < 2**31 - 2**16 for stated, actual in sizes)


@contextmanager
def _pipe(file: BinaryIO, spans: tuple[tuple[int, int], ...]) -> Iterator[int]:
    """The reading end of a pipe with parts of the file; libsndfile believes no length in a pipe."""
    reader, writer = os.pipe()

    def feed() -> None:
        # A closed reading end raises BrokenPipeError, on Windows a plain OSError.
        with suppress(OSError), os.fdopen(writer, "wb") as pipe:
            for start, stop in spans:
                file.seek(start)
                while start < stop and (piece := file.read(min(1 << 16, stop - start))):
                    pipe.write(piece)
                    start += len(piece)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield reader
    finally:
        os.close(reader)
        feeder.join()
