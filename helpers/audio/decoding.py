"""libsndfile on one file, and what must be known about it to lose no sample and invent none."""

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
    """One pass over an audio file from its start. The content decides, not the suffix.

    sample_rate (Hz), channels, subtype (such as `PCM_16`); frames, None where the file does not
    tell; is_cut, True where the header tells of more bytes than the file has.
    Raises OSError, and soundfile.SoundFileError where the file is no audio.
    """

    def __init__(self, path: Path) -> None:
        with ExitStack() as stack:
            file = stack.enter_context(open(path, "rb", buffering=0))
            descriptor = file.fileno()
            if _is_mp3_of_unknown_length(file):
                descriptor = stack.enter_context(_pipe(file))
            # By descriptor: a path would let libsndfile guess the format from the suffix.
            sound = stack.enter_context(soundfile.SoundFile(descriptor, closefd=False))
            self._resources = stack.pop_all()
        self._sound = sound
        self.sample_rate: int = sound.samplerate
        self.channels: int = sound.channels
        self.subtype: str = sound.subtype
        self.frames: int | None = None if sound.frames == UNKNOWN_LENGTH else sound.frames
        self.is_cut = _tells_of_a_cut(sound.extra_info)

    def read(self, frames: int) -> tuple[np.ndarray, bool]:
        """The next `frames` as float32 (channels, n), and whether there were so many.

        libsndfile fails on a FLAC cut in two and does not tell how far it came; what it wrote
        until then is what is no longer the NaN that the buffer was filled with.
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


def _tells_of_a_cut(log: str) -> bool:
    """True where libsndfile's log of the header tells of a chunk that ends beyond the file.

    A size of 2^31 or 2^32 less a little is what writers put that do not know the length: no fault.
    """
    features = re.findall(r": (\d+) \(should be (\d+)\)", log)
    cut = any(int(there) < int(said) < 2**31 - 2**16 for said, there in features)
    return cut or "lacks an end-of-stream bit" in log


def _is_mp3_of_unknown_length(file: BinaryIO) -> bool:
    """True for an MP3 whose first frame is music, not a table of contents that has the length.

    For these libsndfile takes a guess from the size of the file and the first frames, and reads
    no further than that: an MP3 of variable bit rate would lose most of its music.
    """
    tag = file.read(10)
    start = 0
    if tag.startswith(b"ID3") and len(tag) == 10:  # its size has seven bits a byte: id3.org
        start = 10 + (tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9])
    file.seek(start)
    frame = file.read(256)
    file.seek(0)
    starts = len(frame) > 1 and frame[0] == 0xFF and frame[1] & 0xE6 == 0xE2  # sync, layer III
    return starts and not any(name in frame for name in (b"Xing", b"Info", b"VBRI"))


@contextmanager
def _pipe(file: BinaryIO) -> Iterator[int]:
    """The reading end of a pipe with the file's content: libsndfile asks no pipe for its length."""
    reader, writer = os.pipe()

    def feed() -> None:
        # Who stops reading breaks the pipe: BrokenPipeError, on Windows a plain OSError.
        with suppress(OSError), os.fdopen(writer, "wb") as pipe:
            shutil.copyfileobj(file, pipe)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield reader
    finally:
        os.close(reader)
        feeder.join()
