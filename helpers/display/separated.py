"""A separated recording in a notebook: its stems to play, to see and to download."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import nn

from ..audio.audio import AudioFile
from ..audio.formats import SoundFormat
from ..audio.levels import decibels
from ..audio.recordings import Recording, beginning
from ..audio.track import Track
from ..evaluation.quality_estimate import Estimate, details, estimate_quality
from ..files import drafted
from ..inference.detection import Detection
from ..inference.mixes import NO_MIXES, Mixes
from ..inference.players import chosen_sources
from ..inference.stem_files import separate_recording, zip_stems
from ..training.conditioning import OTHER
from .figures import Figure
from .player_page import ScoreView
from .players import StemPlayer
from .plots import plot_spectrograms
from .who_plays import plot_who_plays

LONGEST = 120.0  # seconds to play and see; more would make a notebook slow
EMBEDDED = 1 << 26  # bytes; a larger zip is not embedded in a page


@dataclass(frozen=True)
class Separated:
    """A separated recording as parts of a page.

    track: its stems and the recording, the first two minutes at most. archive: a zip of all stems
    in full length, in the recording's rate and channels, in 24 bits. gain: applied to all signals
    so that none clips; mostly 1. detection: None where the instruments were given. doubt: a
    sentence on those that are in doubt. mixes: like the stems of the track. remarks: for the user.
    estimates: of the quality of the stems. score: what the player shows of it.
    """

    recording: Recording
    track: Track
    archive: Path
    gain: float
    detection: Detection | None
    doubt: str = ""
    mixes: dict[str, np.ndarray] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    estimates: dict[str, Estimate] = field(default_factory=dict)
    score: ScoreView | None = None

    def player(self) -> StemPlayer:
        said = details(self.estimates, self.track.stems)
        return StemPlayer(self.track, remark=self.doubt, details=said, score=self.score)

    def picture(self) -> str:
        """The spectrograms as HTML."""
        return _image(plot_spectrograms(self.track), f"Spectrograms of {self.track.name}")

    def who_plays(self) -> str:
        """What was detected over time as HTML; empty where the instruments were given."""
        if self.detection is None:
            return ""
        return _image(plot_who_plays(self.detection), f"Who plays when in {self.track.name}")

    def notes(self) -> str:
        """Warnings, detected instruments and gain, as HTML."""
        sentences = [*self.recording.warnings, *self.remarks]
        if self.detection:
            found = [name for name in self.track.stems if name != OTHER]
            sentences.append(f"Detected: {', '.join(found) or 'no instrument'}.")
        if self.doubt:
            sentences.append(self.doubt)
        if self.gain != 1:
            lower = -decibels(self.gain)
            sentences.append(f"All stems are {lower:.1f} dB lower, so that none clips.")
        if self.track.seconds < self.recording.seconds:
            sentences.append(
                f"The player has the first {clock(self.track.seconds)} of"
                f" {clock(self.recording.seconds)}; the zip has all of it."
            )
        return html.escape(" ".join(sentences))

    def link(self) -> str:
        """A link that contains the zip, as HTML; the place of the zip where it is too large."""
        name, place = html.escape(self.archive.name), html.escape(str(self.archive))
        if self.archive.stat().st_size > EMBEDDED:
            return f"The stems are in <code>{place}</code>."
        content = base64.b64encode(self.archive.read_bytes()).decode("ascii")
        address = f"data:application/zip;base64,{content}"
        return f'<a href="{address}" download="{name}">Download {name}</a> (<code>{place}</code>)'


def separate_to_zip(
    recording: Recording,
    model: nn.Module,
    folder: Path,
    instruments: Sequence[str] | None = None,
    *,
    mixes: Mixes = NO_MIXES,
    score: ScoreView | None = None,
    progress: Callable[[float], object] | None = None,
) -> Separated:
    """Separate a recording into `folder/NAME.zip`, atomically and in constant memory.

    Where there is such a file, it stays, and the new one is NAME-2.zip, or NAME-3.zip ...

    instruments, mixes, progress, errors: as for `separate_recording`. score: see `Separated`.
    """
    # These raise before there is a folder.
    mixes.check(chosen_sources(model, instruments), model.sources)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{recording.path.stem}.zip"
    frames = round(LONGEST * recording.sample_rate)
    with drafted(archive) as draft:
        draft.mkdir()
        done = separate_recording(
            recording, model, draft, instruments, form=SoundFormat(), mixes=mixes,
            progress=progress,
        )  # fmt: skip
        stems, mixed = (
            {name: _beginning(path, frames) for name, path in files.items()}
            for files in (done.files(), done.mix_files())
        )
        estimates = estimate_quality(done)
        archive = zip_stems(archive, [*done.files().values(), *done.mix_files().values()])
    mixture = done.gain * beginning(recording.blocks(), frames)
    track = Track(recording.path.stem, recording.sample_rate, stems, mixture)
    doubtful = " and ".join(done.doubtful)
    doubt = f"{doubtful} may not play; if so, tick only those that do, and separate again."
    return Separated(
        recording, track, archive, done.gain, done.detection, doubt if doubtful else "", mixed,
        done.remarks, estimates, score,
    )  # fmt: skip


def _image(figure: Figure, title: str) -> str:
    data, sizes = figure._repr_mimebundle_()
    kind, content = next(iter(data.items()))
    return (
        f'<img src="data:{kind};base64,{content}" width="{sizes[kind]["width"]}"'
        f' alt="{html.escape(title)}" style="max-width:100%">'
    )


def _beginning(path: Path, frames: int) -> np.ndarray:
    with AudioFile(path) as file:
        return beginning(file.blocks(), frames)


def clock(seconds: float) -> str:
    """Minutes and seconds, such as `2:05`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
