"""A recording in, one file for each of its stems and mixes out, in constant memory.

`divisi separate`, the notebooks' widget and `divisi.separate` all call `separate_recording`.
"""

from __future__ import annotations

import shlex
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import runtime
from ..audio.formats import SoundFormat
from ..audio.levels import Level, decibels, safe_gain
from ..audio.loudness import MOST_CHANNELS
from ..audio.recordings import Recording
from ..audio.track import AudioError
from ..files import check_names, drafted, moved_to_unused
from ..training.conditioning import condition_on
from .activity import Activity
from .detection import Detection, can_detect, chosen_sources, detect
from .mixes import NO_MIXES, Mix, Mixes, names_of
from .stem_drafts import DRAFT, RESIDUAL, write_final, write_float, write_mixes

REPORT = "separation.json"  # beside the stems of `divisi separate`
NEARLY_SILENT = 20.0  # dB below the recording; the instrument of such a stem is most likely absent


@dataclass(frozen=True)
class WrittenMix:
    """A mix, its own gain, which keeps the loudness, and its level before all gains."""

    mix: Mix
    gain: float
    level: Level

    def describe(self, gain: float) -> dict[str, Any]:
        """The entry of separation.json. gain: of all files."""
        own = gain * self.gain
        of = {"stem": self.mix.source, "forward_db": self.mix.forward, "gain_db": decibels(own)}
        return {**of, **self.level.describe(own)}


@dataclass(frozen=True)
class StemFiles:
    """The stems of a recording as `folder/NAME.wav`, in its sample rate, length and channels.

    sources: one stem each. detection: None where the instruments were given. gain: applied to all
    files, so that none clips. levels: before the gain, of all sources of the model and the
    residual. form: of all files. mixes: those written, also as `folder/NAME.wav`. activity: when
    each source of the model plays. remarks: sentences for the user.
    """

    recording: Recording
    folder: Path
    model: nn.Module
    sources: tuple[str, ...]
    detection: Detection | None
    gain: float
    levels: dict[str, Level]
    elapsed: float
    form: SoundFormat = DRAFT
    mixes: tuple[WrittenMix, ...] = ()
    activity: dict[str, Activity] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

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
            "format": self.form.kind,
            "subtype": self.form.subtype,
            "mixes": {each.mix.name: each.describe(self.gain) for each in self.mixes},
            "warnings": [*recording.warnings, *self.remarks],
        }

    def files(self) -> dict[str, Path]:
        """The file of each stem, and of the residual where it was written."""
        paths = {name: self.folder / self.form.name(name) for name in (*self.sources, RESIDUAL)}
        return {name: path for name, path in paths.items() if path.is_file()}

    def mix_files(self) -> dict[str, Path]:
        """The file of each mix."""
        names = [each.mix.name for each in self.mixes]
        return {name: self.folder / self.form.name(name) for name in names}

    def spans(self) -> dict[str, list[tuple[float, float]]]:
        """Where each stem plays, in seconds; see `Activity`."""
        level = self.recording.level
        power = level.energy / level.count if level.count else 0.0
        return {name: self.activity[name].spans(power) for name in self.sources}

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
    form: SoundFormat = DRAFT,
    residual: bool = False,
    mixes: Mixes = NO_MIXES,
    progress: Callable[[float], object] | None = None,
) -> StemFiles:
    """Separate `recording` into `folder`, reading it once more where instruments are detected.

    instruments: see `chosen_sources`. The model is conditioned on them, except for a single one,
    whose stem would then be the whole recording. None: detected where the model can, else all.
    form: of the files; where it is not float, one gain keeps them all from clipping. residual: also
    write the residual. mixes: also write these. progress: called with the seconds that each step
    adds, `recording.seconds` in all.
    Raises ValueError for instruments and mixes of instruments that the model does not separate and
    for sources that are no names of files, AudioError for a mix of an instrument that is not
    detected, for files that cannot be written and for a model whose output is not finite.
    """
    start = time.perf_counter()
    form.check(recording.path.name, recording.sample_rate, recording.channels)
    try:
        check_names(model.sources, [RESIDUAL, *names_of(model.sources)])
    except ValueError as error:
        raise ValueError(f"The stems of this model cannot be written: {error}.") from error
    sources = chosen_sources(model, instruments)
    mixes.of(sources or model.sources)  # raises before anything is separated
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
    try:
        chosen = mixes.of(sources)
    except ValueError as error:
        raise AudioError(
            f"{recording.path.name}: {str(error)[:-1]}, as detected; name the instruments"
            " (--instruments) if others play."
        ) from error
    names = (*sources, RESIDUAL) if residual else sources
    measured = write_float(folder, recording, model, names, progress, chosen)
    gains = {meter.mix: meter.gain(measured.loudness) for meter in measured.mixes}
    written = [
        WrittenMix(meter.mix, gains[meter.mix] or 1.0, meter.level) for meter in measured.mixes
    ]
    gain = 1.0
    if not form.is_float:
        peaks = [measured.levels[name].peak for name in names]
        gain = safe_gain(max(peaks + [each.gain * each.level.peak for each in written]))
    write_mixes(folder, recording, {each.mix: gain * each.gain for each in written}, form)
    for name in names if form != DRAFT else ():
        write_final(folder, name, recording, gain, form)
    unmeasured = [mix.name for mix, own in gains.items() if own is None]
    elapsed = time.perf_counter() - start
    return StemFiles(
        recording, folder, model, sources, detection, gain, measured.levels, elapsed, form,
        tuple(written), measured.activity, _remarks(recording, unmeasured),
    )  # fmt: skip


def _remarks(recording: Recording, unmeasured: Sequence[str]) -> tuple[str, ...]:
    """Sentences on mixes whose loudness has no meaning."""
    if not unmeasured:
        return ()
    return (
        f"{recording.path.name}: its loudness cannot be measured (silence, under 0.4 s, or more"
        f" than {MOST_CHANNELS} channels), so in {', '.join(unmeasured)} the other stems keep"
        " their level.",
    )


def bytes_needed(recording: Recording, stems: int, form: SoundFormat, mixes: int = 0) -> int:
    """Peak disk space for so many stems, with the residual, and mixes of a recording."""
    # All stems in 32-bit float, the mixes, and a stem that has not yet replaced its float file.
    final = form.bytes_a_sample * (mixes + (form != DRAFT))
    return recording.frames * recording.channels * (4 * stems + final)


def zip_stems(archive: Path, files: Iterable[Path]) -> Path:
    """Move files into a zip, atomically and uncompressed: 24-bit music stays large.

    Returns its place, which is another one where `archive` exists: see `moved_to_unused`.
    """
    with drafted(archive) as draft:
        with zipfile.ZipFile(draft, "w") as file:
            for stem in files:
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
