"""A separated recording in a notebook: hear the stems, see them, take them away."""

from __future__ import annotations

import base64
import html
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from torch import nn

from ..audio.audio import AudioError, open_audio
from ..audio.levels import decibels
from ..audio.recordings import Recording, excerpt
from ..audio.track import Track
from ..inference.detection import can_detect, detect_and_condition
from ..inference.stem_files import write_stems, zip_stems
from ..training.conditioning import condition_on
from .figures import Figure
from .players import StemPlayer
from .plots import plot_spectrograms

LONGEST = 120.0  # seconds that are heard and seen; more would make a notebook slow
EMBEDDED = 1 << 26  # bytes of a zip that a page can carry in itself


@dataclass(frozen=True)
class Separated:
    """What came of one recording.

    track: its stems and the recording itself, from `start` (s) on, two minutes at most.
    archive: a zip of all stems, as long as the recording, of its rate and channels, in 24 bits.
    gain: what stems, and recording in `track`, were multiplied by so that none clips; mostly 1.
    listened: nobody said who plays, so the model found out.
    Shows itself at the end of a notebook cell.
    """

    recording: Recording
    track: Track
    archive: Path
    start: float
    gain: float
    detected: bool = False

    def player(self) -> StemPlayer:
        return StemPlayer(self.track)

    def spectrograms(self) -> Figure:
        return plot_spectrograms(self.track)

    def picture(self) -> str:
        """The spectrograms as HTML."""
        data, sizes = self.spectrograms()._repr_mimebundle_()
        kind, content = next(iter(data.items()))
        return (
            f'<img src="data:{kind};base64,{content}" width="{sizes[kind]["width"]}"'
            f' alt="Spectrograms of {html.escape(self.track.name)}" style="max-width:100%">'
        )

    def notes(self) -> str:
        """What one should know about it, as HTML."""
        end = self.start + self.track.seconds
        sentences = list(self.recording.warnings)
        if self.detected:
            sentences.append(f"Heard: {', '.join(self.track.stems)}.")
        if self.gain != 1:
            lower = -decibels(self.gain)
            sentences.append(f"All stems are {lower:.1f} dB lower, so that none clips.")
        if self.track.seconds < self.recording.seconds:
            sentences.append(
                f"You hear and see {clock(self.start)} to {clock(end)} of"
                f" {clock(self.recording.seconds)}; the zip holds all of it."
            )
        return html.escape(" ".join(sentences))

    def link(self, embedded: bool) -> str:
        """Where the zip is, as HTML; embedded: the link holds the zip, unless that is too large.

        A link that does not is relative to the notebook, and works in the output of its cells.
        """
        name, place = html.escape(self.archive.name), html.escape(str(self.archive))
        address = quote(Path(os.path.relpath(self.archive)).as_posix())
        if embedded:
            if self.archive.stat().st_size > EMBEDDED:
                return f"The stems are in <code>{place}</code>."
            content = base64.b64encode(self.archive.read_bytes()).decode("ascii")
            address = f"data:application/zip;base64,{content}"
        return f'<a href="{address}" download="{name}">Download {name}</a> (<code>{place}</code>)'

    def _repr_html_(self) -> str:
        player, link = self.player()._repr_html_(), self.link(embedded=False)
        return f"<p>{self.notes()}</p>{player}<p>{self.picture()}</p><p>{link}</p>"


def separate_recording(
    recording: Recording,
    model: nn.Module,
    folder: Path,
    instruments: Sequence[str] | None = None,
    *,
    start: float = 0.0,
    progress: Callable[[float], object] | None = None,
) -> Separated:
    """Separate a recording into `folder/NAME.zip`, whole or not at all, in constant memory.

    instruments: those of the model's sources that play, by default whom it hears, or all where it
    cannot be told; of one alone, the stem beside all others. start: the second from which on it is
    heard and seen. progress: called with the seconds that each step has added, `recording.seconds`
    in all.
    Raises ValueError for instruments that the model does not know, AudioError for a start behind
    the end.
    """
    names = tuple(model.sources if instruments is None else instruments)
    known = ", ".join(model.sources)
    if not names:
        raise ValueError(f"Choose at least one instrument; this model knows {known}.")
    for name in names:
        if name not in model.sources:
            raise ValueError(f"This model does not know '{name}'; it knows {known}.")
    first, frames = (round(seconds * recording.sample_rate) for seconds in (start, LONGEST))
    if not 0 <= first < recording.frames:
        raise AudioError(
            f"{recording.path.name}: there is nothing at {start:g} s; it lasts"
            f" {recording.seconds:.1f} s."
        )
    by_ear = instruments is None and can_detect(model)
    if by_ear:
        rate, channels, progress = recording.sample_rate, recording.channels, _slower(progress)
        model = detect_and_condition(model, recording.blocks(), rate, channels, progress=progress)
        names = model.sources
    elif instruments is not None and len(names) > 1:
        model = condition_on(model, names)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{recording.path.stem}.zip"
    with tempfile.TemporaryDirectory(prefix=".divisi-", dir=folder) as draft:
        gain, _ = write_stems(
            Path(draft), recording, model, names, integers=True, progress=progress
        )
        stems = {}
        for name in names:
            with open_audio(Path(draft, f"{name}.wav")) as stem:
                stems[name] = excerpt(stem.blocks(), first, frames)
        zip_stems(archive, Path(draft), names)
    mixture = gain * excerpt(recording.blocks(), first, frames)
    track = Track(recording.path.stem, recording.sample_rate, stems, mixture)
    return Separated(recording, track, archive, start, gain, by_ear)


def _slower(progress: Callable[[float], object] | None) -> Callable[[float], object] | None:
    """Half of each step, for two readings of one recording."""
    return progress and (lambda seconds: progress(seconds / 2))


def clock(seconds: float) -> str:
    """Minutes and seconds, such as `2:05`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
