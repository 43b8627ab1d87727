"""Atomic WAV files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile

from ..files import replaced_atomically
from .sound_files import sound_file
from .track import AudioError

WAV_LIMIT = 2**32 - 2**16  # bytes that a RIFF header can count, less room for the header itself
BYTES = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


class AtomicWav:
    """A WAV file, written in blocks, that appears under its name when the `with` block succeeds.

    Integer subtypes clip at +-1.0. frames: the final length, where known; RF64 is written where WAV
    could not hold it.
    Raises AudioError where the file cannot be written and for samples that are not finite.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate: int,
        channels: int,
        subtype: str = "PCM_24",
        frames: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.sample_rate, self.channels, self.subtype = sample_rate, channels, subtype
        self.frames = 0  # written so far
        self._bytes_a_frame = channels * BYTES[subtype]
        self._large = (frames or 0) * self._bytes_a_frame > WAV_LIMIT

    def __enter__(self) -> AtomicWav:
        try:
            with ExitStack() as stack:
                draft = stack.enter_context(replaced_atomically(self.path))
                file = stack.enter_context(open(draft, "xb"))
                self._sound = stack.enter_context(
                    sound_file(
                        file.fileno(), "w", self.sample_rate, self.channels, self.subtype,
                        format="RF64" if self._large else "WAV", closefd=False,
                    )
                )  # fmt: skip
                self._resources = stack.pop_all()
        except OSError as error:
            raise self._error(error) from error
        return self

    def write(self, block: np.ndarray) -> None:
        """Append float32 (channels, n)."""
        if block.ndim != 2 or len(block) != self.channels:
            raise AudioError(
                f"{self.path.name}: a block of shape {block.shape} does not fit a file of "
                f"{self.channels} channels; (channels, samples) does."
            )
        if not np.isfinite(block).all():
            raise AudioError(f"{self.path.name}: samples that are not finite cannot be written.")
        self.frames += block.shape[1]
        if not self._large and self.frames * self._bytes_a_frame > WAV_LIMIT:
            raise AudioError(f"{self.path.name}: more than 4 GB; pass `frames`, the final length.")
        try:
            self._sound.write(np.ascontiguousarray(block.T))
        except (soundfile.SoundFileError, AssertionError) as error:
            raise self._error(error) from error

    def __exit__(self, *raised: object) -> None:
        try:
            self._resources.__exit__(*raised)
        except (soundfile.SoundFileError, OSError) as error:
            if raised[0] is None:
                raise self._error(error) from error

    def _error(self, error: BaseException) -> AudioError:
        reason = getattr(error, "strerror", None) or "the disk may be full"
        return AudioError(
            f"{self.path.name}: it cannot be written in {self.path.parent} ({reason}); "
            "choose another folder or make room."
        )


def save(path: str | Path, audio: np.ndarray, sample_rate: int, subtype: str = "PCM_24") -> None:
    """Write float32 (channels, samples) as a WAV file, atomically."""
    with AtomicWav(path, sample_rate, len(audio), subtype, frames=audio.shape[1]) as file:
        file.write(audio)
