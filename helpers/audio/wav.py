"""Sound files that are written completely or not at all."""

from __future__ import annotations

import struct
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile

from ..files import replaced_atomically
from .broadcast import Broadcast
from .sound_files import sound_file
from .track import AudioError

WAV_LIMIT = 2**32 - 2**16  # bytes that a RIFF header can count, less room for the header itself
BYTES = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
SET_BROADCAST_INFO = 0x10F1


class AtomicSound:
    """A sound file, written in blocks, that appears under its name when the `with` block succeeds.

    subtype, container: libsndfile's names, such as `VORBIS` in `OGG`. All subtypes but `FLOAT` and
    `DOUBLE` clip at +-1.0.
    Raises AudioError where the file cannot be written and for samples that are not finite.
    """

    def __init__(
        self, path: str | Path, sample_rate: int, channels: int, subtype: str, container: str
    ) -> None:
        self.path = Path(path)
        self.sample_rate, self.channels, self.subtype = sample_rate, channels, subtype
        self.container = container
        self.frames = 0  # written so far

    def __enter__(self) -> AtomicSound:
        try:
            with ExitStack() as stack:
                draft = stack.enter_context(replaced_atomically(self.path))
                file = stack.enter_context(open(draft, "xb"))
                self._sound = stack.enter_context(
                    sound_file(
                        file.fileno(), "w", self.sample_rate, self.channels, self.subtype,
                        format=self.container, closefd=False,
                    )
                )  # fmt: skip
                self._begin()
                self._resources = stack.pop_all()
        except soundfile.SoundFileError as error:
            raise AudioError(
                f"{self.path.name}: {self.container} cannot have {self.channels} channels at"
                f" {self.sample_rate} Hz; write WAV."
            ) from error
        except OSError as error:
            raise self._error(error) from error
        return self

    def _begin(self) -> None:
        """What is written before the samples."""

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
        self._check_length()
        try:
            self._sound.write(np.ascontiguousarray(block.T))
        except (soundfile.SoundFileError, AssertionError) as error:
            raise self._error(error) from error

    def _check_length(self) -> None:
        """AudioError where the file would become too long."""

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


class AtomicWav(AtomicSound):
    """A WAV file, as above. frames: the final length, where known; RF64 is written where WAV could
    not hold it. broadcast: the content of its `bext` chunk.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate: int,
        channels: int,
        subtype: str = "PCM_24",
        frames: int | None = None,
        broadcast: Broadcast | None = None,
    ) -> None:
        self._bytes_a_frame = channels * BYTES[subtype]
        self._large = (frames or 0) * self._bytes_a_frame > WAV_LIMIT
        self._broadcast = broadcast
        container = "RF64" if self._large else "WAV"
        super().__init__(path, sample_rate, channels, subtype, container)

    def _begin(self) -> None:
        if self._broadcast is not None:
            set_broadcast(self._sound, self._broadcast)

    def _check_length(self) -> None:
        if not self._large and self.frames * self._bytes_a_frame > WAV_LIMIT:
            raise AudioError(f"{self.path.name}: more than 4 GB; pass `frames`, the final length.")


def set_broadcast(sound: soundfile.SoundFile, broadcast: Broadcast) -> None:
    """Give a WAV or RF64 file its `bext` chunk, before the first sample.

    libsndfile's command SFC_SET_BROADCAST_INFO, which soundfile knows but does not offer. Its C
    struct differs from the chunk: two bytes align the time reference, and the length of the history
    stands before it. It adds a line of its own to the history.
    """
    chunk = broadcast.packed()
    history = chunk[602:]
    info = chunk[:338] + bytes(2) + chunk[338:602] + struct.pack("=I", len(history)) + history
    buffer = soundfile._ffi.from_buffer(info)
    if not soundfile._snd.sf_command(sound._file, SET_BROADCAST_INFO, buffer, len(info)):
        raise OSError("libsndfile refuses the bext chunk")


def save(path: str | Path, audio: np.ndarray, sample_rate: int, subtype: str = "PCM_24") -> None:
    """Write float32 (channels, samples) as a WAV file, atomically."""
    with AtomicWav(path, sample_rate, len(audio), subtype, frames=audio.shape[1]) as file:
        file.write(audio)
