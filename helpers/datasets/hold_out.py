"""The pieces of a reader that are held out of fine-tuning, to measure on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..audio.levels import rms
from ..audio.track import AudioError, Track
from .mixing import SILENCE

MEASURED_SECONDS = 20.0  # of a held-out piece, if there is one so long
MEASURED_SHARE = 0.2  # of a piece whose end is held out because no whole piece can be


def hold_out(
    tracks: Sequence[Track], min_seconds: float, names: Sequence[str] = ()
) -> tuple[list[Track], list[Track]]:
    """(tracks to train on, tracks to measure on), with nothing in both.

    names: the pieces to measure on. The default is one ensemble whose instruments all occur in
    other pieces too: the shortest of at least 20 s, or else the longest. Without such a piece it is
    the last fifth of the longest piece, or its last `min_seconds` where these are more.
    AudioError for an unknown piece, and where too little is left to train on.
    """
    if names:
        return _hold_out_names(tracks, names)
    counts = Counter(name for track in tracks for name in track.instruments)
    candidates = [
        track
        for track in tracks
        if len(track.stems) > 1 and all(counts[name] > 1 for name in track.instruments)
    ]
    if candidates:
        enough = [track for track in candidates if track.seconds >= MEASURED_SECONDS]
        chosen = (min if enough else max)(enough or candidates, key=lambda track: track.samples)
        return [track for track in tracks if track is not chosen], [chosen]
    longest = max(tracks, key=lambda track: (len(track.stems) > 1, track.samples))
    least = round(min_seconds * longest.sample_rate)
    cut = longest.samples - max(least, round(MEASURED_SHARE * longest.samples))
    if cut < least or len(longest.stems) < 2:
        raise AudioError(
            f"{longest.name}: too short to hold a part of it out; add a piece for the same"
            f" instruments, of {2 * min_seconds:g} s or more."
        )
    start, end = _cut(longest, 0, cut), _cut(longest, cut, longest.samples)
    others = [track for track in tracks if track is not longest]
    return [*others, start], [replace(end, name=f"the end of {longest.name}")]


def _hold_out_names(
    tracks: Sequence[Track], names: Sequence[str]
) -> tuple[list[Track], list[Track]]:
    known = [track.name for track in tracks]
    if unknown := [name for name in names if name not in known]:
        raise AudioError(f"{unknown[0]}: there is no such piece; choose from {', '.join(known)}.")
    training = [track for track in tracks if track.name not in names]
    if len({name for track in training for name in track.instruments}) < 2:
        raise AudioError(f"{', '.join(names)}: without that, too little is left to train on.")
    return training, [track for track in tracks if track.name in names]


def _cut(track: Track, start: int, end: int) -> Track:
    """The samples from `start` to `end` of a track, without the stems that are silent there."""
    stems = {name: stem[:, start:end] for name, stem in track.stems.items()}
    audible = {name: stem for name, stem in stems.items() if rms(stem) >= SILENCE}
    return Track(track.name, track.sample_rate, audible or stems)
