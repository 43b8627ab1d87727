"""WAV files, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile

from ..files import hidden_sibling
from .track import AudioError

WAV_LIMIT = 2**32 - 2**16  # bytes that a RIFF header can count, less room for the header itself
BYTES = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


class AtomicWav:
    """A WAV file written block by block that appears under its name only when it is complete.

    Until the `with` block ends well, the samples are in a hidden file in the same folder; any
    error, Ctrl-C included, removes it. Integer subtypes clip at +-1.0: see `peak`.
    frames: how many will come, where known; RF64 is written where WAV could not hold them.
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
        self.peak = 0.0  # largest absolute value written so far
        self._bytes_a_frame = channels * BYTES[subtype]
        self._large = (frames or 0) * self._bytes_a_frame > WAV_LIMIT
        self._hidden = hidden_sibling(self.path)

    def __enter__(self) -> AtomicWav:
        try:
            self._handle = open(self._hidden, "xb")  # noqa: SIM115 - closed in __exit__
        except OSError as fault:
            raise self._error(fault) from fault
        try:
            self._sound = soundfile.SoundFile(
                self._handle.fileno(), "w", self.sample_rate, self.channels, self.subtype,
                format="RF64" if self._large else "WAV", closefd=False,
            )  # fmt: skip
        except BaseException:
            self._remove()
            raise
        return self

    def write(self, block: np.ndarray) -> None:
        """Append float32 (channels, n)."""
        if block.ndim != 2 or len(block) != self.channels:
            raise AudioError(
                f"{self.path.name}: a block of shape {block.shape} does not fit a file of "
                f"{self.channels} channels; (channels, samples) does."
            )
        peak = float(np.max(np.abs(block), initial=0.0))
        if not np.isfinite(peak):
            raise AudioError(f"{self.path.name}: samples that are not finite cannot be written.")
        self.frames += block.shape[1]
        if not self._large and self.frames * self._bytes_a_frame > WAV_LIMIT:
            raise AudioError(f"{self.path.name}: more than 4 GB; tell the number of frames before.")
        self.peak = max(self.peak, peak)
        try:
            self._sound.write(np.ascontiguousarray(block.T))
        except (soundfile.SoundFileError, AssertionError) as fault:
            raise self._error(fault) from fault

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._sound.close()
            os.fsync(self._handle.fileno())
            self._handle.close()
            if kind is None:
                os.replace(self._hidden, self.path)
        except (soundfile.SoundFileError, OSError) as fault:
            if kind is None:
                raise self._error(fault) from fault
        finally:
            self._remove()

    def _remove(self) -> None:
        self._handle.close()
        self._hidden.unlink(missing_ok=True)

    def _error(self, fault: BaseException) -> AudioError:
        why = getattr(fault, "strerror", None) or "the disk may be full"
        return AudioError(
            f"{self.path.name}: it cannot be written in {self.path.parent} ({why}); "
            "choose another folder or make room."
        )


def save(path: str | Path, audio: np.ndarray, sample_rate: int, subtype: str = "PCM_24") -> None:
    """Write float32 (channels, samples) as a WAV file, whole or not at all; see `AtomicWav`."""
    with AtomicWav(path, sample_rate, len(audio), subtype, frames=audio.shape[1]) as file:
        file.write(audio)
