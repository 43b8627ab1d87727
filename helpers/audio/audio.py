"""Reading audio files: checked, whole or in blocks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from .decoding import SoundfileSource
from .ffmpeg import READ_BY_SOUNDFILE, FfmpegSource, container_of, is_installed
from .resampling import resample
from .track import AudioError, Unreadable

LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000  # Hz
MOST_CHANNELS = 8
BLOCK = 1 << 16  # samples read at a time
READABLE = "WAV, AIFF, FLAC, MP3, OGG, M4A, WMA and WebM"
#: Of audio files, the best format first: of a stem in two formats one is read. No videos.
AUDIO_SUFFIXES = (
    ".wav", ".w64", ".rf64", ".flac", ".aif", ".aiff", ".aifc", ".caf", ".au", ".opus", ".ogg",
    ".oga", ".m4a", ".mp3", ".aac", ".wma", ".mp2", ".mka", ".webm", ".wv", ".tta",
)  # fmt: skip


class AudioFile:
    """An audio file, open for reading; a context manager. Its content decides, not its suffix.

    path, sample_rate (Hz), channels, subtype (such as `PCM_16`); frames, as its headers state them,
    else None. warnings: sentences on the file's flaws, complete when `blocks` has ended.
    repair: read samples that are not finite as zeros.
    Raises AudioError for a file that is empty or no audio, or beyond 4-192 kHz or 8 channels.
    """

    def __init__(self, path: str | Path, repair: bool = False) -> None:
        self.path = Path(path)
        self.repair = repair
        self.warnings: list[str] = []
        self._running: Iterator[np.ndarray] | None = None
        with self._refusing():
            self._check_path()
            self._source = open_source(self.path)
        self.sample_rate: int = self._source.sample_rate
        self.channels: int = self._source.channels
        self.subtype: str = self._source.subtype
        self.frames: int | None = self._source.frames
        if not LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE:
            raise self._error(
                f"the sample rate is {self.sample_rate} Hz; "
                f"{LOWEST_RATE} to {HIGHEST_RATE} Hz can be read"
            )
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise self._error(
                f"there are {self.channels} channels; 1 to {MOST_CHANNELS} can be read"
            )

    def _check_path(self) -> None:
        if self.path.is_dir():
            raise Unreadable("this is a folder; name an audio file")
        if not self.path.exists():
            raise Unreadable("there is no such file; check the name and the folder")
        if not self.path.is_file():
            raise Unreadable("this is not a regular file; save it to disk first")
        if self.path.stat().st_size == 0:
            raise Unreadable("the file is empty (0 bytes); export it again")

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Errors of the system and of decoders as one sentence that names the file."""
        try:
            yield
        except Unreadable as error:
            raise self._error(str(error)) from error
        except OSError as error:
            raise self._error(f"it cannot be read ({error.strerror})") from error
        except soundfile.SoundFileError as error:
            raise self._error(f"this is not audio that can be read; {READABLE} can") from error

    @property
    def is_float(self) -> bool:
        """True for floating-point samples, in which values over 1.0 are normal."""
        return self.subtype in ("FLOAT", "DOUBLE")

    def blocks(self, frames: int = BLOCK) -> Iterator[np.ndarray]:
        """The audio from its start as float32 (channels, n), with n of at most `frames`.

        They end where the audio ends, whatever the header says, with a warning where it was cut.
        Raises AudioError at a sample that is not finite, unless `repair`.
        """
        self.close()
        self._running = self._source.blocks(frames)
        start, repaired = 0, []
        while (block := self._next()) is not None:
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
        if start == 0:
            raise self._error("there are no samples in it that can be decoded; export it again")
        self._compare(start)
        for flaw in self._source.flaws:
            self._warn(flaw)
        if repaired:
            self._warn(f"samples that are not finite, from {repaired[0]} on, were read as zeros")

    def _next(self) -> np.ndarray | None:
        with self._refusing():
            return next(self._running, None)

    def _compare(self, read: int) -> None:
        """Warn where the audio is shorter or longer than its header says."""
        stated = read if self.frames is None else self.frames
        end, stated_end = self._time(read), self._time(stated)
        if self._source.is_cut and (end == stated_end or read > stated):
            self._warn(f"the file is cut off at {end}; its {read} frames were read")
        elif self._source.is_cut:
            self._warn(
                f"the audio breaks off at {end} although its header says {stated_end}; "
                f"its {read} frames were read"
            )
        elif end != stated_end and read > stated:
            self._warn(f"its header says {stated_end} but the audio goes on to {end}; all was read")

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
        """End a reading that has not come to its end."""
        if self._running is not None:
            self._running.close()

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(path: Path) -> SoundfileSource | FfmpegSource:
    """The decoder of a file: libsndfile, and ffmpeg for containers and codecs that it lacks."""
    container = container_of(path)
    if container is None:
        return SoundfileSource(path)
    if container.demuxer not in READ_BY_SOUNDFILE:
        return FfmpegSource(path, container)
    try:
        return SoundfileSource(path)
    except soundfile.SoundFileError:
        if not is_installed():
            raise
        return FfmpegSource(path, container)


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
