"""The stems of a recording as float files, measured while they are written, and their mixes.

`separate_recording` calls these steps: all stems are drafts until their levels are known, since one
gain keeps all files from clipping.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from ..audio.audio import AudioFile
from ..audio.broadcast import Broadcast, coding_line
from ..audio.formats import SoundFormat
from ..audio.levels import Level
from ..audio.loudness import Loudness
from ..audio.recordings import Recording
from ..audio.track import AudioError
from ..audio.wav import AtomicSound
from .activity import Activity
from .mean_pitch import MeanPitch
from .mixes import Mix
from .separation import separate_stream

RESIDUAL = "residual"  # the recording minus the sum of its stems
DRAFT = SoundFormat("wav", "FLOAT")


class MixMeter:
    """The level of a mix, and the gain that it needs."""

    def __init__(self, mix: Mix, recording: Recording) -> None:
        self.mix, self.level = mix, Level()
        self._loudness = Loudness(recording.sample_rate, recording.channels)

    def update(self, recording: np.ndarray, stem: np.ndarray) -> None:
        """recording, stem: (channels, samples)."""
        mixed = self.mix.of(recording, stem)
        self.level.update(mixed)
        if self.mix.keeps_loudness:
            self._loudness.update(mixed)

    def gain(self, wanted: float | None) -> float | None:
        """The gain to the loudness `wanted` (LUFS), 1 for a mix that needs none.

        None where one of the two cannot be measured.
        """
        if not self.mix.keeps_loudness:
            return 1.0
        loudness = self._loudness.integrated()
        if wanted is None or loudness is None:
            return None
        return 10 ** ((wanted - loudness) / 20)


@dataclass(frozen=True)
class Measured:
    """levels: of all signals. activity: of all but the residual. pitches: mean, where asked for.
    loudness: of the recording in LUFS, None where it is not needed or cannot be measured. mixes:
    one each.
    """

    levels: dict[str, Level]
    activity: dict[str, Activity]
    pitches: dict[str, float]
    loudness: float | None
    mixes: list[MixMeter]


def write_float(
    folder: Path,
    recording: Recording,
    blocks: Iterable[tuple[np.ndarray, np.ndarray]],
    sources: Sequence[str],
    names: Sequence[str],
    progress: Callable[[float], object] | None = None,
    mixes: Sequence[Mix] = (),
    pitched: Sequence[str] = (),
) -> Measured:
    """Write the signals in `names` as 32-bit float; measure all of them, and the mixes.

    blocks: of the recording, and of all signals: the stems, named `sources`, and the residual; see
    `mixture_and_stems` and `rearranged`. pitched: the stems whose mean pitch is measured.
    """
    rate = recording.sample_rate
    levels = {name: Level() for name in (*sources, RESIDUAL)}
    activity = {name: Activity(rate) for name in sources}
    pitches = {name: MeanPitch(rate) for name in pitched}
    meters = [MixMeter(mix, recording) for mix in mixes]
    loudness = Loudness(rate, recording.channels)
    measures_loudness = any(mix.keeps_loudness for mix in mixes)
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(opened(folder, name, recording, DRAFT)) for name in names
        }
        for mixture, signals in blocks:
            if not np.isfinite(signals).all():
                raise AudioError(
                    f"{recording.path.name}: the model's output has samples that are not finite"
                    " numbers; choose another model."
                )
            stems = dict(zip(levels, signals, strict=True))
            for name, signal in stems.items():
                levels[name].update(signal)
                if name in writers:
                    writers[name].write(signal)
                for meters_of in (activity, pitches):
                    if name in meters_of:
                        meters_of[name].update(signal)
            for meter in meters:
                meter.update(mixture, stems[meter.mix.source])
            if measures_loudness:
                loudness.update(mixture)
            if progress is not None:
                progress(mixture.shape[-1] / rate)
    found = {name: pitch.value() for name, pitch in pitches.items()}
    return Measured(levels, activity, found, loudness.integrated(), meters)


def mixture_and_stems(
    recording: Recording, model: nn.Module
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks (C, n) of the recording, and (S + 1, C, n) of the stems and their residual."""
    mixture = Delay(recording.blocks())
    for stems in separate_stream(model, mixture, recording.sample_rate, recording.channels):
        block = mixture.take(stems.shape[-1])
        yield block, np.concatenate([stems, (block - stems.sum(axis=0))[None]])


def rearranged(
    folder: Path, recording: Recording, names: Sequence[str], weights: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of the recording, and of weighted sums of the stems in its float files, as
    `mixture_and_stems`.

    names: of the files. weights: (stems, files).
    """
    with ExitStack() as stack:
        files = [stack.enter_context(AudioFile(folder / DRAFT.name(name))) for name in names]
        parts = [Delay(file.blocks()) for file in files]
        for block in recording.blocks():
            old = np.stack([part.take(block.shape[-1]) for part in parts])
            stems = np.einsum("sm,mct->sct", weights, old, dtype=np.float32)
            yield block, np.concatenate([stems, (block - stems.sum(axis=0))[None]])


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
        """The next `samples` samples (channels, samples), those passed on before all others."""
        taken = []
        while samples > 0:
            block = self.kept.popleft() if self.kept else next(self.blocks)
            taken.append(block[:, :samples])
            if block.shape[-1] > samples:
                self.kept.appendleft(block[:, samples:])
            samples -= taken[-1].shape[-1]
        return np.concatenate(taken, axis=-1)


def write_mixes(
    folder: Path, recording: Recording, gains: Mapping[Mix, float], form: SoundFormat
) -> None:
    """Write each mix times its gain, from the recording and the float files of the stems."""
    with ExitStack() as stack:
        stems = {}
        for source in {mix.source for mix in gains}:
            stem = stack.enter_context(AudioFile(folder / DRAFT.name(source)))
            stems[source] = Delay(stem.blocks())
        writers = {
            mix: stack.enter_context(opened(folder, mix.name, recording, form)) for mix in gains
        }
        for block in recording.blocks() if gains else ():
            taken = {source: stem.take(block.shape[-1]) for source, stem in stems.items()}
            for mix, writer in writers.items():
                writer.write(np.float32(gains[mix]) * mix.of(block, taken[mix.source]))


def write_final(
    folder: Path, name: str, recording: Recording, gain: float, form: SoundFormat
) -> None:
    """Replace a float file by the same audio in another format, times `gain`."""
    draft = folder / DRAFT.name(name)
    with AudioFile(draft) as audio, opened(folder, name, recording, form) as writer:
        for block in audio.blocks():
            writer.write(block * np.float32(gain))
        audio.close()  # before it is replaced: Windows replaces no open file
    if form.name(name) != draft.name:
        draft.unlink()


def opened(folder: Path, name: str, recording: Recording, form: SoundFormat) -> AtomicSound:
    """The file of a stem or mix to write, in the rate, channels and length of its recording."""
    rate, channels = recording.sample_rate, recording.channels
    line = coding_line(rate, channels, 8 * form.bytes_a_sample)
    origin = (recording.broadcast or Broadcast()).of_stem(name, recording.path.name, line)
    path = folder / form.name(name)
    return form.open(path, rate, channels, recording.frames, origin)
