"""A recording in, one WAV file for each of its stems out, in constant memory.

`divisi separate`, the notebooks' widget and `divisi.separate` all call `separate_recording`.
"""

from __future__ import annotations

import shlex
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import runtime
from ..audio.audio import AudioFile
from ..audio.levels import Level, safe_gain
from ..audio.recordings import Recording
from ..audio.track import AudioError
from ..audio.wav import AtomicWav
from ..files import check_names, drafted, moved_to_unused
from ..training.conditioning import condition_on
from .detection import Detection, can_detect, chosen_sources, detect
from .separation import separate_stream

REPORT = "separation.json"  # beside the stems of `divisi separate`
RESIDUAL = "residual"  # the recording minus the sum of its stems
NEARLY_SILENT = 20.0  # dB below the recording; the instrument of such a stem is most likely absent


@dataclass(frozen=True)
class StemFiles:
    """The stems of a recording as `folder/NAME.wav`, in its sample rate, length and channels.

    sources: one stem each. detection: None where the instruments were given. gain: applied to all
    files, so that none clips. levels: before the gain, of all sources of the model and the
    residual.
    """

    recording: Recording
    folder: Path
    model: nn.Module
    sources: tuple[str, ...]
    detection: Detection | None
    gain: float
    levels: dict[str, Level]
    elapsed: float

    def report(self, model_name: str) -> dict[str, Any]:
        """The content of separation.json."""
        recording, card = self.recording, getattr(self.model, "card", None) or {}
        weight = next(self.model.parameters(), None)
        return {
            "recording": recording.path.name,
            "recording_sha256": recording.sha256,
            "model": model_name,
            "checkpoint_sha256": card.get("sha256", "none"),
            "device": runtime.describe_device(
                torch.device("cpu") if weight is None else weight.device
            ),
            "seconds": round(recording.seconds, 6),
            "elapsed": round(self.elapsed, 6),
            "sample_rate": recording.sample_rate,
            "channels": recording.channels,
            "detected": list(self.detection.sources) if self.detection else [],
            "doubtful": list(self.detection.doubtful) if self.detection else [],
            "correction": self.correction(),
            "real_time_factor": round(self.elapsed / recording.seconds, 4),
            "gain": self.gain,
            "levels": {
                "recording": recording.level.describe(),
                **{name: level.describe(self.gain) for name, level in self.levels.items()},
            },
            "nearly_silent": [
                name
                for name in self.sources
                if is_nearly_silent(self.levels[name], recording.level)
            ],
            "warnings": list(recording.warnings),
        }

    def correction(self) -> str:
        """Where the detection is in doubt, the words of `divisi separate` that correct it."""
        if self.detection is None or not self.detection.doubtful:
            return ""
        sure = [name for name in self.detection.sources if name not in self.detection.doubtful]
        return f"--instruments {','.join(sure) if len(sure) > 1 else 'A,B,...'}"

    def doubt(self) -> str:
        """A sentence on the instruments whose detection is in doubt; empty where none is."""
        if not self.correction():
            return ""
        names, file = " and ".join(self.detection.doubtful), shlex.quote(str(self.recording.path))
        return (
            f"{names} may not play in this recording; if so, correct it with:"
            f" divisi separate {file} {self.correction()}"
        )


def separate_recording(
    recording: Recording,
    model: nn.Module,
    folder: Path,
    instruments: Sequence[str] | str | None = None,
    *,
    integers: bool = False,
    residual: bool = False,
    progress: Callable[[float], object] | None = None,
) -> StemFiles:
    """Separate `recording` into `folder`, reading it once more where instruments are detected.

    instruments: see `chosen_sources`. The model is conditioned on them, except for a single one,
    whose stem would then be the whole recording. None: detected where the model can, else all.
    integers: write 24-bit files with one gain that keeps them all from clipping, instead of 32-bit
    float. residual: also write `residual.wav`. progress: called with the seconds that each step
    adds, `recording.seconds` in all.
    Raises ValueError for instruments that the model does not separate and for sources that are no
    names of files, AudioError for files that cannot be written and for a model whose output is not
    finite.
    """
    start = time.perf_counter()
    try:
        check_names(model.sources, [RESIDUAL])
    except ValueError as error:
        raise ValueError(f"The stems of this model cannot be written: {error}.") from error
    sources = chosen_sources(model, instruments)
    detection = None
    if not sources and can_detect(model):
        progress = _halved(progress)
        detection = detect(
            model, recording.blocks(), recording.sample_rate, recording.channels, progress=progress
        )
        model = condition_on(model, detection.sources)
    elif len(sources) > 1:
        model = condition_on(model, sources)
    sources = sources or tuple(model.sources)
    names = (*sources, RESIDUAL) if residual else sources
    levels = write_float(folder, recording, model, names, progress)
    gain = 1.0
    if integers:
        gain = safe_gain(max(levels[name].peak for name in names))
        for name in names:
            write_integer(folder / f"{name}.wav", gain)
    elapsed = time.perf_counter() - start
    return StemFiles(recording, folder, model, sources, detection, gain, levels, elapsed)


def write_float(
    folder: Path,
    recording: Recording,
    model: nn.Module,
    names: Sequence[str],
    progress: Callable[[float], object] | None = None,
) -> dict[str, Level]:
    """Write the signals in `names` as 32-bit float; returns the levels of all signals."""
    levels = {name: Level() for name in (*model.sources, RESIDUAL)}
    rate, channels, frames = recording.sample_rate, recording.channels, recording.frames
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                AtomicWav(folder / f"{name}.wav", rate, channels, "FLOAT", frames)
            )
            for name in names
        }
        for signals in stems_and_residual(recording, model):
            if not np.isfinite(signals).all():
                raise AudioError(
                    f"{recording.path.name}: the model's output has samples that are not finite"
                    " numbers; choose another model."
                )
            for name, signal in zip(levels, signals, strict=True):
                levels[name].update(signal)
                if name in writers:
                    writers[name].write(signal)
            if progress is not None:
                progress(signals.shape[-1] / rate)
    return levels


def stems_and_residual(recording: Recording, model: nn.Module) -> Iterator[np.ndarray]:
    """Blocks (S + 1, C, n): the stems and, as the last row, the residual."""
    mixture = Delay(recording.blocks())
    for stems in separate_stream(model, mixture, recording.sample_rate, recording.channels):
        residual = mixture.take(stems.shape[-1]) - stems.sum(axis=0)
        yield np.concatenate([stems, residual[None]])


class Delay:
    """Passes blocks on and keeps them until the stems of the same samples arrive."""

    def __init__(self, blocks: Iterable[np.ndarray]) -> None:
        self.blocks = iter(blocks)
        self.kept: deque[np.ndarray] = deque()

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in self.blocks:
            self.kept.append(block)
            yield block

    def take(self, samples: int) -> np.ndarray:
        """The next `samples` samples of those passed on, (channels, samples)."""
        taken = []
        while samples > 0:
            block = self.kept.popleft()
            taken.append(block[:, :samples])
            if block.shape[-1] > samples:
                self.kept.appendleft(block[:, samples:])
            samples -= taken[-1].shape[-1]
        return np.concatenate(taken, axis=-1)


def write_integer(path: Path, gain: float) -> None:
    """Replace a float file by the same audio in 24 bits, times `gain`."""
    with (
        AudioFile(path) as audio,
        AtomicWav(path, audio.sample_rate, audio.channels, "PCM_24", audio.frames) as writer,
    ):
        for block in audio.blocks():
            writer.write(block * np.float32(gain))
        audio.close()  # before it is replaced: Windows replaces no open file


def bytes_needed(recording: Recording, signals: int, integers: bool) -> int:
    """Peak disk space for `signals` files of the recording's length."""
    samples = recording.frames * recording.channels
    # All in 32-bit float, and one more in 24 bits that has not yet replaced its float file.
    return samples * (4 * signals + (3 if integers else 0))


def zip_stems(archive: Path, folder: Path, names: Sequence[str]) -> Path:
    """Move `folder/NAME.wav` into a zip, atomically and uncompressed: 24-bit music stays large.

    Returns its place, which is another one where `archive` exists: see `moved_to_unused`.
    """
    with drafted(archive) as draft:
        with zipfile.ZipFile(draft, "w") as file:
            for name in names:
                stem = folder / f"{name}.wav"
                file.write(stem, f"{archive.stem}/{stem.name}")
                stem.unlink()
        return moved_to_unused(draft, archive)


def is_nearly_silent(stem: Level, recording: Level) -> bool:
    """Whether the RMS level of a stem is more than `NEARLY_SILENT` dB below the recording's."""
    threshold = recording.energy * stem.count * 10 ** (-NEARLY_SILENT / 10)
    return stem.energy * recording.count < threshold


def _halved(progress: Callable[[float], object] | None) -> Callable[[float], object] | None:
    """Half of each step, for two passes over one recording."""
    return progress and (lambda seconds: progress(seconds / 2))
