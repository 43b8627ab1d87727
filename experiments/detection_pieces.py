"""The recordings and renderings on which the detection of instruments is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from experiments import second_set
from experiments.no_reference_pieces import ensemble
from experiments.scored_pieces import BACH10, TRIOS, URMP
from helpers.audio.audio import load
from helpers.audio.track import Track
from helpers.datasets.development_set import clips
from helpers.datasets.stem_folders import find_tracks
from helpers.inference.activity import Activity
from helpers.music.instruments import instrument

#: A soundfont that no recipe after `chamber` trains on; `ensemble`, which starts from that, has
#: inherited it.
UNSEEN = "TimGM6mb"
SEEN = ("FluidR3_GM", "MuseScore_General_Lite")
RENDERED = 200  # ensembles of each set of instruments
CHOOSING = 48  # of each set, by which a threshold is chosen
MEASURED = 50  # of them, of which the cost of detection is measured
SOLOS = 40  # of them, of which one player is left
DOUBLES = 0.3  # share of the ensembles with two of one instrument, where all instruments play
TEN = (
    "violin", "viola", "cello", "flute", "oboe", "clarinet", "saxophone", "bassoon", "horn",
    "piano",
)  # fmt: skip
SEVENTEEN = (
    *TEN, "double-bass", "english-horn", "bass-clarinet", "trumpet", "trombone", "tuba", "guitar",
)  # fmt: skip
REAL = (BACH10, TRIOS, URMP, "live_quintet")
SHORTEST = 1.5  # seconds in which a rendered player sounds at least
SOUNDS = -30.0  # dB relative to the loudest moment of a player
#: In `live_quintet`, a stereo pair of microphones; nobody has its stems.
QUINTET = ("violin", "violin-2", "flute", "clarinet", "cello")
BACH10_DUOS = "bach10 duos"
DUO = ("violin", "bassoon")


@dataclass(frozen=True)
class Piece:
    """A recording of known players. make: its track; the only stem of `mixed` is the mixture.

    players: as a model names them: `violin`, `violin-2`. has_stems: whether separation can be
    measured.
    """

    test_data: str
    name: str
    players: tuple[str, ...]
    make: Callable[[], Track]
    has_stems: bool = True

    def track(self) -> Track:
        """Its track, named as the piece, with the stems named as players."""
        track = self.make()
        stems = dict(zip(players(track.stems), track.stems.values(), strict=True))
        return replace(track, name=self.name, stems=stems)


def players(stems: Iterable[str]) -> tuple[str, ...]:
    """The players of stems: `violin-1`, `violin-2` -> `violin`, `violin-2`."""
    counts, found = Counter(), []
    for stem in stems:
        name = instrument(stem).name
        counts[name] += 1
        found.append(name if counts[name] == 1 else f"{name}-{counts[name]}")
    return tuple(found)


def real_pieces(root: Path) -> Iterator[Piece]:
    """All real recordings, duos of one of their corpora, their stems alone, the live quintet."""
    for corpus in (BACH10, TRIOS, URMP):
        for folder in find_tracks(root / corpus):
            make = partial(folder.load, channels=1)
            yield Piece(corpus, folder.name, players(folder.stems), make)
            if corpus == BACH10:
                yield Piece(BACH10_DUOS, folder.name, DUO, partial(_some, make, DUO))
            for stem in folder.stems:
                own = players([stem])
                name = f"{corpus} {folder.name} {stem}"
                yield Piece("recorded solos", name, own, partial(_some, make, (stem,)), False)
    if (folder := root / "live_quintet").is_dir():
        yield Piece(folder.name, "the pair", QUINTET, partial(_stereo, folder), False)


def rendered_pieces(
    instruments: Sequence[str], title: str, doubles: float = 0.0, count: int = RENDERED
) -> Iterator[Piece]:
    """Ensembles of the test split with that soundfont, and one player of some of them."""
    for number in range(count):
        make = partial(_ensemble, number, tuple(instruments), doubles)
        name = f"ensemble {number:03d}"
        yield Piece(f"rendered, {title}", name, (), make, number < MEASURED)
    for number in range(min(SOLOS, count)):
        make = partial(_solo, number, tuple(instruments), doubles)
        yield Piece(f"rendered solos, {title}", f"solo {number:03d}", (), make, False)


def choosing_pieces(root: Path, count: int = CHOOSING) -> Iterator[Piece]:
    """All by which a threshold may be chosen.

    The second development set, Bach10, its duos and players alone, and ensembles and single players
    rendered from validation works with soundfonts that the models train on.
    """
    yield from development_pieces(root)
    yield from (piece for piece in real_pieces(root)
                if piece.test_data in (BACH10, BACH10_DUOS) or BACH10 in piece.name)  # fmt: skip
    for instruments, title, doubles in (
        (TEN, "ten instruments", 0.0), (SEVENTEEN, "seventeen instruments", DOUBLES)
    ):  # fmt: skip
        for number in range(count):
            make = partial(_ensemble, number, instruments, doubles, "validation", SEEN)
            yield Piece(f"validation works, {title}", f"ensemble {number:03d}", (), make)
        for number in range(count // 2):
            make = partial(_solo, number, instruments, doubles, "validation", SEEN)
            yield Piece(f"validation solos, {title}", f"solo {number:03d}", (), make)


def development_pieces(root: Path) -> Iterator[Piece]:
    """The second development set."""
    stems: dict[str, dict[str, None]] = {}
    for clip in clips():
        stems.setdefault(clip.ensemble, {})[clip.stem] = None
    for name, own in stems.items():
        make = partial(_of_second_set, root, name)
        yield Piece(second_set.TEST_DATA, name, players(own), make)


def _some(make: Callable[[], Track], names: Sequence[str]) -> Track:
    track = make()
    return replace(track, stems={name: track.stems[name] for name in names}, recording=None)


def _stereo(folder: Path) -> Track:
    """A recording of two microphones, `left.flac` and `right.flac`, as one."""
    (left, rate), (right, _) = (load(folder / f"{side}.flac") for side in ("left", "right"))
    frames = min(left.shape[1], right.shape[1])
    return Track(folder.name, rate, {"mixture": np.concatenate([left[:, :frames],
                                                                right[:, :frames]])})  # fmt: skip


def _ensemble(
    number: int,
    instruments: tuple[str, ...],
    doubles: float,
    split: str = "test",
    soundfonts: Sequence[str] = (UNSEEN,),
) -> Track:
    most = 6 if doubles else 5
    return sounding(ensemble(number, instruments, split, soundfonts, doubles, most).track)


def sounding(track: Track) -> Track:
    """The track without the players who sound for less than `SHORTEST` seconds."""

    def seconds(stem: np.ndarray) -> float:
        activity = Activity(track.sample_rate)
        activity.update(stem)
        powers = activity.powers()
        limit = max(powers.max() * 10 ** (SOUNDS / 10), 1e-12)
        return float((powers > limit).sum() * activity.seconds)

    stems = {name: stem for name, stem in track.stems.items() if seconds(stem) >= SHORTEST}
    return replace(track, stems=stems)


def _solo(number: int, *of_ensemble: Any) -> Track:
    track = _ensemble(number, *of_ensemble)
    return _some(lambda: track, [track.instruments[number % len(track.stems)]])


def _of_second_set(root: Path, name: str) -> Track:
    return second_set.tracks(root, [name])[0]
