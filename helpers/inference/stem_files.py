"""A recording in, one WAV file for each of its stems, in constant memory.

The recording is separated block by block into 32-bit float files while the peaks are followed.
For integers these files are then written again in 24 bits, with the one gain that keeps every one
of them from clipping.
"""

from __future__ import annotations

import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from torch import nn

from ..audio.audio import AtomicWav, AudioError, open_audio
from ..audio.levels import Level, safe_gain
from ..audio.recordings import BLOCK, Recording
from ..files import replaced_atomically
from .separation import separate_stream

RESIDUAL = "residual"  # what the stems leave of the recording


def bytes_needed(recording: Recording, written: int, integers: bool) -> int:
    """Disk space while `written` signals of the recording's length are made, at most."""
    samples = recording.frames * recording.channels
    # All in 32-bit float, and one more in 24 bits that has not yet replaced its float file.
    return samples * (4 * written + (3 if integers else 0))


def write_stems(
    folder: Path,
    recording: Recording,
    model: nn.Module,
    names: Sequence[str],
    *,
    integers: bool,
    progress: Callable[[float], object] | None = None,
) -> tuple[float, dict[str, Level]]:
    """Separate `recording` into `folder/NAME.wav`, at its rate, length and channels.

    names: which of the model's sources and `residual` are written. integers: in 24 bits, instead
    of 32-bit float. progress: called with the seconds that each step has added.
    Returns the gain that all files were given, 1 for float, and the levels before it of all
    sources and the residual. Raises AudioError where the files cannot be written, or where the
    model answers with what is no number.
    """
    levels = write_float(folder, recording, model, names, progress)
    if not integers:
        return 1.0, levels
    gain = safe_gain(max(levels[name].peak for name in names))
    for name in names:
        write_integer(folder / f"{name}.wav", gain)
    return gain, levels


def write_float(
    folder: Path,
    recording: Recording,
    model: nn.Module,
    names: Sequence[str],
    progress: Callable[[float], object] | None = None,
) -> dict[str, Level]:
    """Write each signal of `names` as 32-bit float; returns the levels of all there are."""
    levels = {name: Level() for name in (*model.sources, RESIDUAL)}
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                AtomicWav(
                    folder / f"{name}.wav",
                    recording.sample_rate,
                    recording.channels,
                    "FLOAT",
                    frames=recording.frames,
                )
            )
            for name in names
        }
        for signals in estimates(recording, model):
            if not np.isfinite(signals).all():
                raise AudioError(
                    f"{recording.path.name}: the model answers with samples that are not numbers;"
                    " choose another model."
                )
            for name, signal in zip(levels, signals, strict=True):
                levels[name].update(signal)
                if name in writers:
                    writers[name].write(signal)
            if progress is not None:
                progress(signals.shape[-1] / recording.sample_rate)
    return levels


def estimates(recording: Recording, model: nn.Module) -> Iterator[np.ndarray]:
    """The stems and, as the last row, what they leave of the recording: (S + 1, C, n) blocks."""
    mixture = Delay(recording.blocks())
    for stems in separate_stream(model, mixture, recording.sample_rate, recording.channels):
        residual = mixture.take(stems.shape[-1]) - stems.sum(axis=0)
        yield np.concatenate([stems, residual[None]])


class Delay:
    """Passes blocks on and keeps each until its estimate comes, so that the two can be compared."""

    def __init__(self, blocks: Iterable[np.ndarray]) -> None:
        self.blocks = iter(blocks)
        self.kept: deque[np.ndarray] = deque()

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in self.blocks:
            self.kept.append(block)
            yield block

    def take(self, samples: int) -> np.ndarray:
        """The next `samples` samples of what was passed on, (channels, samples)."""
        taken = []
        while samples > 0:
            block = self.kept.popleft()
            taken.append(block[:, :samples])
            if block.shape[-1] > samples:
                self.kept.appendleft(block[:, samples:])
            samples -= taken[-1].shape[-1]
        return np.concatenate(taken, axis=-1)


def write_integer(path: Path, gain: float) -> None:
    """Write a float file again in 24 bits, `gain` times as loud."""
    with (
        open_audio(path) as audio,
        AtomicWav(path, audio.sample_rate, audio.channels, "PCM_24", audio.frames) as writer,
    ):
        for block in audio.blocks(BLOCK):
            writer.write(block * np.float32(gain))
        audio.close()  # before the writer takes its place: Windows replaces no file that is open


def zip_stems(archive: Path, folder: Path, names: Sequence[str]) -> None:
    """Move `folder/NAME.wav` into a zip, which appears whole or not at all.

    They are stored as they are: music in 24 bits hardly gets smaller.
    """
    with replaced_atomically(archive) as draft, zipfile.ZipFile(draft, "w") as file:
        for name in names:
            stem = folder / f"{name}.wav"
            file.write(stem, f"{archive.stem}/{stem.name}")
            stem.unlink()
