"""A user's own pieces, one folder of stems each, checked and read as tracks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from ..audio.audio import AUDIO_SUFFIXES
from ..audio.levels import rms
from ..audio.track import AudioError, Track
from .mixing import SILENCE
from .multitracks import multitrack_stems, refuse_held_out
from .stem_folders import (
    UNREAD_SUFFIXES,
    StemFolder,
    equal_length,
    find_tracks,
    instrument_name,
)


def own_tracks(
    root: str | Path, instruments: Sequence[str], sample_rate: int, min_seconds: float
) -> list[Track]:
    """The pieces in or below `root`, in mono at `sample_rate`: one stem for each instrument.

    All players of an instrument are summed. Stems of other instruments, silent stems, and pieces
    under `min_seconds` are left out with a warning. Names are paths below `root`.
    AudioError for a stem whose name is not an instrument, a bad file, a held-out recording, and
    where fewer than two instruments are left.
    """
    root = Path(root).resolve()
    _refuse_unreadable_formats(root)
    folders = find_tracks(root)
    _warn_of_ignored_folders(root, folders)
    for folder in folders:
        refuse_held_out(folder)
        _check_names(folder, instruments)
    tracks = []
    for track in (_own_track(folder, root, instruments, sample_rate) for folder in folders):
        if track is not None and track.seconds >= min_seconds:
            tracks.append(track)
        elif track is not None:
            warnings.warn(
                f"{track.name}: left out; it lasts {track.seconds:.1f} s and the minimum is "
                f"{min_seconds:g} s.",
                stacklevel=2,
            )
    left = sorted({name for track in tracks for name in track.instruments})
    if len(left) < 2:
        found = f"only the {left[0]} is left" if left else "no stem is left"
        raise AudioError(
            f"{root.name}: {found} to train on; provide two or more of {', '.join(instruments)}."
        )
    return tracks


def _refuse_unreadable_formats(root: Path) -> None:
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in UNREAD_SUFFIXES:
            raise AudioError(
                f"{path.relative_to(root)}: this format cannot be read; export it as WAV."
            )


def _warn_of_ignored_folders(root: Path, pieces: Sequence[StemFolder]) -> None:
    """A warning for each folder below `root` that holds audio but is no piece."""
    audio = {path.parent for path in root.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES}
    for folder in sorted(audio - {piece.folder for piece in pieces}):
        warnings.warn(
            f"{folder.relative_to(root)}: left out; a piece has two or more files with names of "
            "instruments, such as violin.wav.",
            stacklevel=3,
        )


def _check_names(folder: StemFolder, instruments: Sequence[str]) -> None:
    """AudioError for a name that is not an instrument; a warning for instruments not separated."""
    others = []
    for stem, path in folder.stems.items():
        name = instrument_name(stem)
        if name is None:
            raise AudioError(
                f"{folder.name}/{path.name}: the name is not an instrument; rename it, for example"
                " to violin.wav, or move it out of the folder."
            )
        if name not in instruments:
            others.append(name)
    if others:
        warnings.warn(
            f"{folder.name}: the model does not separate {', '.join(dict.fromkeys(others))}; left"
            f" out. It separates {', '.join(instruments)}.",
            stacklevel=3,
        )


def _own_track(
    folder: StemFolder, root: Path, instruments: Sequence[str], sample_rate: int
) -> Track | None:
    """A piece with its stems of these instruments that are not silent; None if there are none."""
    place = folder.folder.relative_to(root).as_posix()
    name = folder.name if place == "." else place
    stems = {
        rendered.instrument: rendered.stem
        for rendered in multitrack_stems(name, {name: folder}, instruments, sample_rate)
        if rms(rendered.stem) >= SILENCE
    }
    for instrument in instruments:
        if instrument not in stems and folder.players(instrument):
            warnings.warn(f"{name}: the {instrument} is silent and left out.", stacklevel=3)
    return Track(name, sample_rate, equal_length(stems)) if stems else None
