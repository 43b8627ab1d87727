"""Decoding with libsndfile, and the workarounds that files of wrong or unknown length need."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

UNKNOWN_LENGTH = 2**63 - 1  # libsndfile's SF_COUNT_MAX


class Decoder:
    """One pass over an audio file from its start. Its content decides, not its suffix.

    sample_rate (Hz), channels, subtype (such as `PCM_16`); frames, None where the file does not
    state them; is_cut, True where the header states more bytes than the file has.
    Raises OSError, and soundfile.SoundFileError where the file is no audio.
    """

    def __init__(self, path: Path) -> None:
        with ExitStack() as stack:
            file = stack.enter_context(open(path, "rb", buffering=0))
            descriptor = file.fileno()
            if _is_mp3_of_unknown_length(file):
                descriptor = stack.enter_context(_pipe(file))
            # By descriptor: with a path libsndfile would guess the format from the suffix.
            sound = stack.enter_context(soundfile.SoundFile(descriptor, closefd=False))
            self._resources = stack.pop_all()
        self._sound = sound
        self.sample_rate: int = sound.samplerate
        self.channels: int = sound.channels
        self.subtype: str = sound.subtype
        self.frames: int | None = None if sound.frames == UNKNOWN_LENGTH else sound.frames
        self.is_cut = _is_cut(sound.extra_info)

    def read(self, frames: int) -> tuple[np.ndarray, bool]:
        """The next `frames` as float32 (channels, n), and whether n = `frames`.

        libsndfile raises an error on a truncated FLAC and does not say how much it decoded. The
        buffer is therefore filled with NaN first: what is no longer NaN was decoded.
        """
        buffer = np.full((frames, self.channels), np.nan, dtype=np.float32)
        try:
            count = len(self._sound.read(out=buffer))
        except soundfile.SoundFileError:
            written = np.flatnonzero(~np.isnan(buffer).all(axis=1))
            return buffer[: written[-1] + 1 if len(written) else 0].T, False
        return buffer[:count].T, count == frames

    def close(self) -> None:
        self._resources.close()


def _is_cut(log: str) -> bool:
    """Whether libsndfile's log of the header reports a chunk that ends beyond the file.

    A size slightly below 2^31 or 2^32 is a placeholder of writers that do not know the length.
    """
    sizes = re.findall(r": (\d+) \(should be (\d+)\)", log)
    cut = any(int(actual) < int(stated) < 2**31 - 2**16 for stated, actual in sizes)
    return cut or "lacks an end-of-stream bit" in log


def _is_mp3_of_unknown_length(file: BinaryIO) -> bool:
    """Whether the first frame of an MP3 is music, without a header that states the length.

    libsndfile then estimates the length from the file size and the first frames, and reads no
    further: most of an MP3 of variable bit rate would be lost.
    """
    tag = file.read(10)
    start = 0
    if tag.startswith(b"ID3") and len(tag) == 10:  # its size has seven bits a byte: id3.org
        start = 10 + (tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9])
    file.seek(start)
    frame = file.read(256)
    file.seek(0)
    is_mp3 = len(frame) > 1 and frame[0] == 0xFF and frame[1] & 0xE6 == 0xE2  # sync, layer III
    return is_mp3 and not any(name in frame for name in (b"Xing", b"Info", b"VBRI"))


@contextmanager
def _pipe(file: BinaryIO) -> Iterator[int]:
    """The reading end of a pipe with the file's content; libsndfile seeks no length in a pipe."""
    reader, writer = os.pipe()

    def feed() -> None:
        # A closed reading end raises BrokenPipeError, on Windows a plain OSError.
        with suppress(OSError), os.fdopen(writer, "wb") as pipe:
            shutil.copyfileobj(file, pipe)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield reader
    finally:
        os.close(reader)
        feeder.join()
