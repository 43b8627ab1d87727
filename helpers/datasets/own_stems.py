"""A reader's own pieces, one folder of stems each, as tracks to fit a model to."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..audio.levels import rms
from ..audio.track import AudioError, Track
from ..music.instruments import instrument
from .mixing import SILENCE, MixingConfig
from .multitracks import multitrack_stems
from .stem_folders import AUDIO_SUFFIXES, StemFolder, find_tracks

OTHER_SUFFIXES = {".aac", ".ac3", ".m4a", ".mp4", ".opus", ".wma"}  # audio that stems cannot be
ENOUGH = 20.0  # seconds of a piece that is measured on, where there is one
END = 0.2  # share of a piece that is held out where no whole piece can be


def own_tracks(
    root: str | Path, instruments: Sequence[str], sample_rate: int, shortest: float
) -> list[Track]:
    """The pieces in or below `root`, in mono at `sample_rate`: one stem for each instrument.

    All players of an instrument are summed. A stem of another instrument, one that is silent, and a
    piece under `shortest` seconds are left out with a warning. Names are paths below `root`, so
    that no two pieces share one.
    AudioError where a stem is named after no instrument, a file is bad, or where too little is
    left: nothing at all, or one instrument alone.
    """
    root = Path(root).resolve()
    check_formats(root)
    folders = find_tracks(root)
    warn_of_others(root, folders)
    for folder in folders:
        check_names(folder, instruments)
    found = (_own_track(folder, root, instruments, sample_rate) for folder in folders)
    tracks = []
    for track in filter(None, found):
        if track.seconds < shortest:
            warnings.warn(
                f"{track.name}: lasts {track.seconds:.1f} s and is left out; a piece takes"
                f" {shortest:g} s or more.",
                stacklevel=2,
            )
        else:
            tracks.append(track)
    players = sorted({name for track in tracks for name in track.instruments})
    if len(players) < 2:
        left = f"only the {players[0]} is left" if players else "no stem is left"
        raise AudioError(
            f"{root.name}: {left} to learn from; it takes two or more of {', '.join(instruments)}."
        )
    return tracks


def check_formats(root: Path) -> None:
    """AudioError for an audio file below `root` that no stem can be."""
    for folder, _, files in os.walk(root):
        for name in sorted(files):
            if Path(name).suffix.lower() in OTHER_SUFFIXES:
                place = (Path(folder) / name).relative_to(root)
                raise AudioError(f"{place}: no stem can be read from this; export it as WAV.")


def warn_of_others(root: Path, pieces: Sequence[StemFolder]) -> None:
    """A warning for each folder below `root` that holds audio and is no piece."""
    known = {piece.folder for piece in pieces}
    for folder, _, files in os.walk(root):
        audio = any(Path(name).suffix.lower() in AUDIO_SUFFIXES for name in files)
        if audio and Path(folder) not in known:
            warnings.warn(
                f"{Path(folder).relative_to(root)}: is no piece and left out; a piece has two files"
                " or more that are named after instruments, such as violin.wav.",
                stacklevel=3,
            )


def check_names(folder: StemFolder, instruments: Sequence[str]) -> None:
    """AudioError for a stem that is named after no instrument; a warning where it is another."""
    strange = []
    for name, path in folder.stems.items():
        try:
            known = instrument(name).name
        except KeyError:
            raise AudioError(
                f"{folder.name}/{path.name}: is named after no instrument; call it like one, such"
                " as violin.wav, or move it out of the folder."
            ) from None
        if known not in instruments:
            strange.append(known)
    if strange:
        warnings.warn(
            f"{folder.name}: the model has no {' and no '.join(dict.fromkeys(strange))}, so that"
            f" is left out; it has {', '.join(instruments)}.",
            stacklevel=2,
        )


def hold_out(
    tracks: Sequence[Track], shortest: float, names: Sequence[str] = ()
) -> tuple[list[Track], list[Track]]:
    """(tracks to learn from, tracks to measure on), of which nothing is in both.

    names: the pieces to measure on. Without them it is an ensemble whose players are all heard in
    other pieces too: the shortest that lasts ENOUGH, or else the longest; where there is none, the
    last fifth of the longest piece, or its last `shortest` seconds where these are more.
    AudioError where a name is no piece, or where too little is left to learn from.
    """
    if names:
        return _named(tracks, names)
    audible = Counter(name for track in tracks for name in track.instruments)
    spare = [
        track
        for track in tracks
        if len(track.stems) > 1 and all(audible[name] > 1 for name in track.instruments)
    ]
    if spare:
        enough = [track for track in spare if track.seconds >= ENOUGH]
        chosen = min(enough, key=_samples) if enough else max(spare, key=_samples)
        return [track for track in tracks if track is not chosen], [chosen]
    longest = max(tracks, key=lambda track: (len(track.stems) > 1, track.samples))
    least = round(shortest * longest.sample_rate)
    cut = longest.samples - max(least, round(END * longest.samples))
    if cut < least or len(longest.stems) < 2:
        raise AudioError(
            f"{longest.name}: nothing can be held out to measure on; add a piece of the same"
            f" players, of {2 * shortest:g} s or more."
        )
    start, end = _cut(longest, 0, cut), _cut(longest, cut, longest.samples)
    others = [track for track in tracks if track is not longest]
    return [*others, start], [replace(end, name=f"the end of {longest.name}")]


def own_mixing(tracks: Iterable[Track]) -> MixingConfig:
    """How mixtures are drawn from such tracks alone: in their own balance, effects held small."""
    sizes = [len(track.stems) for track in tracks]
    ensembles = [size for size in sizes if size > 1]
    return MixingConfig(
        coherent=0.6 if ensembles else 0.0,
        real_share=1.0,
        inactive=0.02,
        players=(min(ensembles, default=2), max(ensembles, default=2)),
        normalise_stems=False,
        tilt=(-1.0, 2.0),
        equaliser=2.0,
        detune=20.0,
        reverb=0.2,
        compression=0.2,
    )


def _own_track(
    folder: StemFolder, root: Path, instruments: Sequence[str], sample_rate: int
) -> Track | None:
    """A piece with the stems that sound of these instruments; None where there are none."""
    place = folder.folder.relative_to(root).as_posix()
    name = folder.name if place == "." else place
    audible = {}
    for variant in multitrack_stems(name, {name: folder}, instruments, sample_rate):
        if rms(variant.stem) >= SILENCE:
            audible[variant.instrument] = variant.stem
    for player in instruments:
        if player not in audible and folder.players(player):
            warnings.warn(f"{name}: the {player} is silent and left out.", stacklevel=2)
    longest = max((stem.shape[1] for stem in audible.values()), default=0)
    stems = {
        player: np.pad(stem, ((0, 0), (0, longest - stem.shape[1])))
        for player, stem in audible.items()
    }
    return Track(name, sample_rate, stems) if stems else None


def _named(tracks: Sequence[Track], names: Sequence[str]) -> tuple[list[Track], list[Track]]:
    known = [track.name for track in tracks]
    if strange := [name for name in names if name not in known]:
        raise AudioError(f"{strange[0]}: there is no such piece; choose from {', '.join(known)}.")
    training = [track for track in tracks if track.name not in names]
    if len({name for track in training for name in track.instruments}) < 2:
        raise AudioError(f"{', '.join(names)}: without that, too little is left to learn from.")
    return training, [track for track in tracks if track.name in names]


def _samples(track: Track) -> int:
    return track.samples


def _cut(track: Track, start: int, end: int) -> Track:
    """The samples from `start` to `end` of a track, without the stems that are silent there."""
    stems = {name: stem[:, start:end] for name, stem in track.stems.items()}
    audible = {name: stem for name, stem in stems.items() if rms(stem) >= SILENCE}
    return Track(track.name, track.sample_rate, audible or stems)
