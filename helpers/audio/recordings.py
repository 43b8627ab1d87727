"""A recording to separate, read to its end once before any work begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..files import file_sha256
from .audio import AudioFile
from .broadcast import Broadcast, read_broadcast
from .levels import Flatness, Level
from .offset import Offset
from .resampling import ResampleStream, resampled_length
from .wav import AtomicWav

#: Share of the power of channels below which their mean is useless: they are in opposite phase.
CANCELLED = 0.01
UNCOMPRESSED = (".wav", ".aif", ".aiff")


@dataclass(frozen=True)
class Recording:
    """An audio file and what its first reading found.

    frames: those that can be read, whatever the header says. offset: the DC offset, which `blocks`
    leaves out; None where there is none to speak of. level: without it. flatness: of the spectrum,
    see `Flatness`. broadcast: of the file's `bext` chunk, None without one. sha256: of the file.
    samples: a WAV file with what `blocks` gives; None where the file itself is read.
    """

    path: Path
    repair: bool
    sample_rate: int
    channels: int
    frames: int
    is_float: bool
    level: Level
    warnings: tuple[str, ...]
    offset: Offset | None = None
    broadcast: Broadcast | None = None
    flatness: float = 0.0
    sha256: str = ""
    samples: Path | None = None

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate

    def blocks(self) -> Iterator[np.ndarray]:
        """The samples from the start, as float32 (channels, n), without a DC offset."""
        if self.samples is not None:
            with AudioFile(self.samples) as audio:
                yield from audio.blocks()
            return
        with AudioFile(self.path, self.repair) as audio:
            blocks = audio.blocks()
            yield from blocks if self.offset is None else self.offset.removed(blocks)


def examine(path: str | Path, repair: bool = False) -> Recording:
    """Read a file to its end, so that a fault in its last second is known before work begins.

    Raises AudioError for a file that cannot be separated.
    """
    level, frames = Level(), 0
    with AudioFile(path, repair) as audio:
        offset, flatness = Offset(audio.sample_rate, audio.channels), Flatness(audio.sample_rate)
        for block in audio.blocks():
            frames += block.shape[-1]
            level.update(block)
            offset.update(block)
            flatness.update(block)
    warnings = list(audio.warnings)
    recording = Recording(
        audio.path, repair, audio.sample_rate, audio.channels, frames, audio.is_float, level,
        tuple(warnings), broadcast=read_broadcast(audio.path), flatness=flatness.value,
        sha256=file_sha256(audio.path),
    )  # fmt: skip
    if not offset.is_negligible:
        recording = replace(recording, offset=offset, level=Level())
        for block in recording.blocks():
            recording.level.update(block)
    if recording.level.peak == 0:
        warnings.append(f"{audio.path.name}: is silent, and so are its stems.")
    return replace(recording, warnings=tuple(warnings))


def decoded(recording: Recording, path: Path) -> Recording:
    """The recording with its samples in a WAV file at `path`, so that it is not decoded again.

    The recording itself where its file is uncompressed.
    """
    if recording.path.suffix.lower() in UNCOMPRESSED:
        return recording
    channels, frames = recording.channels, recording.frames
    with AtomicWav(path, recording.sample_rate, channels, "FLOAT", frames=frames) as file:
        for block in recording.blocks():
            file.write(block)
    return replace(recording, samples=path)


def beginning(blocks: Iterable[np.ndarray], frames: int) -> np.ndarray:
    """The first `frames` samples of blocks (channels, n), or as many as there are."""
    taken, missing = [], frames
    for block in blocks:
        taken.append(block[:, :missing])
        missing -= taken[-1].shape[1]
        if not missing:
            break
    return np.concatenate(taken, axis=1)


def mono(recording: Recording, sample_rate: int) -> np.ndarray:
    """The mean of all channels, (1, samples) at this rate, or the loudest one where they cancel.

    The recording is read in blocks.
    """
    sound = _mixed(recording, sample_rate, np.full(recording.channels, 1 / recording.channels))
    level = recording.level
    if np.vdot(sound, sound) * level.count < CANCELLED * level.energy * sound.size:
        energies = sum(np.square(block).sum(axis=1) for block in recording.blocks())
        return _mixed(recording, sample_rate, np.eye(recording.channels)[np.argmax(energies)])
    return sound


def _mixed(recording: Recording, sample_rate: int, weights: np.ndarray) -> np.ndarray:
    """The weighted sum of the channels, (1, samples) at this rate."""
    frames = resampled_length(recording.frames, recording.sample_rate, sample_rate)
    sound, end = np.zeros((1, frames), np.float32), 0  # one copy: an hour has 300 MB
    for block in _mixed_blocks(recording, sample_rate, weights):
        start, end = end, end + block.shape[1]
        sound[:, start:end] = block
    return sound


def _mixed_blocks(
    recording: Recording, sample_rate: int, weights: np.ndarray
) -> Iterator[np.ndarray]:
    stream = ResampleStream(recording.sample_rate, sample_rate, channels=1)
    for block in recording.blocks():
        yield stream.push((weights @ block).astype(np.float32)[None])
    yield stream.flush()
