"""What a separated recording left on disk, and the report on it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import runtime
from ..audio.formats import SoundFormat
from ..audio.levels import Level, decibels
from ..audio.recordings import Recording
from ..training.conditioning import OTHER
from .activity import Activity
from .detection import Detection
from .mixes import Mix
from .players import stem_names
from .stem_drafts import DRAFT, RESIDUAL

NEARLY_SILENT = 20.0  # dB below the recording; the instrument of such a stem is most likely absent
ORDER = "by mean pitch, the higher first"  # of two players of one instrument


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

    model: its sources have the names of the stems. sources: the stems; two players of an instrument
    are `violin-1` and `violin-2`, the first with the higher mean pitch, and `other` is the last.
    detection: None where the instruments were given. gain: applied to all files, so that none
    clips. levels: before the gain, of all sources of the model and the residual. form: of all
    files. mixes: those written, also as `folder/NAME.wav`. activity: when each source of the model
    plays. remarks: sentences for the user. pitches: the mean pitch of two players of an instrument,
    in MIDI numbers.
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
    pitches: dict[str, float] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, str]:
        """The name of the stem of each detected source."""
        found = self.detection.sources if self.detection else ()
        found = [name for name in found if name != OTHER]
        return dict(zip(found, stem_names(found), strict=True))

    @property
    def doubtful(self) -> list[str]:
        """The stems whose detection is in doubt."""
        return [self.names[name] for name in self.detection.doubtful] if self.detection else []

    @property
    def confidence(self) -> dict[str, float]:
        """From 0 to 1, that each stem's instrument plays; empty where they were given."""
        found = self.detection.confidence if self.detection else {}
        return {stem: found[name] for name, stem in self.names.items()}

    def heard(self) -> dict[str, str]:
        """A phrase on how much each detected stem plays."""
        entries = self.detection.describe(self.names) if self.detection else {}
        doubt = {name: ", in doubt" for name in self.doubtful}
        return {
            name: f"plays {entry['share_of_time']:.0%} of the time{doubt.get(name, '')}"
            for name, entry in entries.items()
        }

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
            "detected": list(self.names.values()),
            "doubtful": self.doubtful,
            "correction": self.correction(),
            "detection": self.detection.describe(self.names) if self.detection else {},
            "order": ORDER if self.pitches else "",
            "mean_pitch": {name: round(pitch, 1) for name, pitch in self.pitches.items()},
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
        if not self.doubtful:
            return ""
        sure = [name for name in self.names.values() if name not in self.doubtful]
        alone = OTHER in self.detection.confidence  # such a model separates a single one, too
        enough = len(sure) > (0 if alone else 1)
        return f"--instruments {','.join(sure) if enough else 'A,B,...'}"

    def doubt(self) -> str:
        """A sentence on the instruments whose detection is in doubt; empty where none is."""
        if not self.correction():
            return ""
        names, file = " and ".join(self.doubtful), shlex.quote(str(self.recording.path))
        return (
            f"{names} may not play in this recording; if so, correct it with:"
            f" divisi separate {file} {self.correction()}"
        )


def is_nearly_silent(stem: Level, recording: Level) -> bool:
    """Whether the RMS level of a stem is more than `NEARLY_SILENT` dB below the recording's."""
    threshold = recording.energy * stem.count * 10 ** (-NEARLY_SILENT / 10)
    return stem.energy * recording.count < threshold
