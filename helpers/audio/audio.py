"""Reading audio files: checked, whole or in blocks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from .decoding import Decoder
from .resampling import resample
from .track import AudioError

LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000  # Hz
MOST_CHANNELS = 8
BLOCK = 1 << 16  # samples read at a time


class AudioFile:
    """An audio file, open for reading; a context manager. Its content decides, not its suffix.

    path, sample_rate (Hz), channels, subtype (such as `PCM_16`), frames (from the header, or
    counted where the header does not state them). warnings: sentences on the file's flaws, complete
    when `blocks` has ended. repair: read samples that are not finite as zeros.
    Raises AudioError for a file that is empty or no audio, or beyond 4-192 kHz or 8 channels.
    """

    def __init__(self, path: str | Path, repair: bool = False) -> None:
        self.path = Path(path)
        self.repair = repair
        self.warnings: list[str] = []
        self._decoder = self._decode()
        try:
            self._check_header()
        except BaseException:
            self.close()
            raise

    def _decode(self) -> Decoder:
        try:
            if self.path.is_dir():
                raise self._error("this is a folder; name an audio file")
            if not self.path.exists():
                raise self._error("there is no such file; check the name and the folder")
            if not self.path.is_file():
                raise self._error("this is not a regular file; save it to disk first")
            if self.path.stat().st_size == 0:
                raise self._error("the file is empty (0 bytes); export it again")
            return Decoder(self.path)
        except OSError as error:
            raise self._error(f"it cannot be read ({error.strerror})") from error
        except soundfile.SoundFileError as error:
            raise self._error(
                "this is not audio that can be read; WAV, AIFF, FLAC, MP3 and OGG can"
            ) from error

    def _check_header(self) -> None:
        self.sample_rate: int = self._decoder.sample_rate
        self.channels: int = self._decoder.channels
        self.subtype: str = self._decoder.subtype
        if not LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE:
            raise self._error(
                f"the sample rate is {self.sample_rate} Hz; "
                f"{LOWEST_RATE} to {HIGHEST_RATE} Hz can be read"
            )
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise self._error(
                f"there are {self.channels} channels; 1 to {MOST_CHANNELS} can be read"
            )
        stated = self._decoder.frames
        self.frames: int = self._count() if stated is None else stated
        if self.frames <= 0:
            raise self._error("there is a header but there are no samples; export it again")
        if self._decoder.is_cut:
            self._warn(
                f"the file is shorter than its header says; its {self.frames} frames were read"
            )

    @property
    def is_float(self) -> bool:
        """True for floating-point samples, in which values over 1.0 are normal."""
        return self.subtype in ("FLOAT", "DOUBLE")

    def blocks(self, frames: int = BLOCK) -> Iterator[np.ndarray]:
        """The audio from its start as float32 (channels, n); n = `frames`, less in the last block.

        Where the audio ends before the length in the header, the blocks end there with a warning.
        Raises AudioError at a sample that is not finite, unless `repair`.
        """
        self.close()
        self._decoder = self._decode()
        start, repaired = 0, []
        while start < self.frames:
            block, complete = self._decoder.read(min(frames, self.frames - start))
            bad = ~np.isfinite(block)
            if bad.any():
                repaired.append(self._time(start + int(np.flatnonzero(bad.any(axis=0))[0])))
                if not self.repair:
                    raise self._error(
                        f"the sample at {repaired[0]} is not a finite number; "
                        "export it again, or pass --repair to write zeros there"
                    )
                block = np.where(bad, np.float32(0), block)
            if block.shape[1]:
                yield np.ascontiguousarray(block)
            start += block.shape[1]
            if not complete:
                break
        if start == 0:
            raise self._error("none of its samples can be decoded; export it again")
        if start < self.frames:
            self._warn(
                f"the audio breaks off at {self._time(start)} although its header says "
                f"{self._time(self.frames)}; its {start} frames were read"
            )
        if repaired:
            self._warn(f"samples that are not finite, from {repaired[0]} on, were read as zeros")

    def _count(self) -> int:
        total, complete = 0, True
        while complete:
            block, complete = self._decoder.read(BLOCK)
            total += block.shape[1]
        return total

    def _time(self, frame: int) -> str:
        minutes, tenths = divmod(frame * 10 // self.sample_rate, 600)
        return f"{minutes}:{tenths / 10:04.1f}"

    def _warn(self, flaw: str) -> None:
        sentence = f"{self.path.name}: {flaw}."
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def _error(self, fault: str) -> AudioError:
        return AudioError(f"{self.path.name}: {fault}.")

    def close(self) -> None:
        self._decoder.close()

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load(
    path: str | Path,
    *,
    sample_rate: int | None = None,
    channels: int | None = None,
    repair: bool = False,
) -> tuple[np.ndarray, int]:
    """A whole file as float32 (channels, samples), and its sample rate in Hz.

    sample_rate: resample to this rate. channels: 1 for the mean of all channels. The warnings of
    `AudioFile` are issued as Python warnings.
    Chapter: 04.
    """
    with AudioFile(path, repair) as file:
        audio, rate = np.concatenate(list(file.blocks()), axis=1), file.sample_rate
        for sentence in file.warnings:
            warnings.warn(sentence, stacklevel=2)
    if channels == 1:
        audio = audio.mean(axis=0, keepdims=True, dtype=np.float32)
    elif channels not in (None, len(audio)):
        raise AudioError(
            f"{Path(path).name}: {len(audio)} channels cannot become {channels}; "
            "ask for 1 or for what the file has."
        )
    if sample_rate is not None and sample_rate != rate:
        audio, rate = resample(audio, rate, sample_rate), sample_rate
    return audio, rate
