"""The recordings and renderings on which the detection of instruments is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from experiments import second_set
from experiments.no_reference_pieces import ensemble
from experiments.scored_pieces import BACH10, TRIOS, URMP
from helpers.audio.audio import load
from helpers.audio.track import Track
from helpers.datasets.development_set import clips
from helpers.datasets.stem_folders import find_tracks
from helpers.music.instruments import instrument

#: A soundfont that no recipe after `chamber` trains on; `ensemble`, which starts from that, has
#: inherited it.
UNSEEN = "TimGM6mb"
RENDERED = 200  # ensembles of each set of instruments
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
#: In `live_quintet`, whose stems nobody has.
QUINTET = ("violin", "violin-2", "flute", "clarinet", "cello")
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
                yield Piece("bach10 duos", folder.name, DUO, partial(_some, make, DUO))
            for stem in folder.stems:
                own = players([stem])
                name = f"{corpus} {folder.name} {stem}"
                yield Piece("recorded solos", name, own, partial(_some, make, (stem,)), False)
    for file in sorted((root / "live_quintet").glob("*.flac")):
        yield Piece("live_quintet", file.stem, QUINTET, partial(_mixed, file), False)


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


def development_pieces(root: Path) -> Iterator[Piece]:
    """The second development set, on which thresholds are fitted."""
    stems: dict[str, dict[str, None]] = {}
    for clip in clips():
        stems.setdefault(clip.ensemble, {})[clip.stem] = None
    for name, own in stems.items():
        make = partial(_of_second_set, root, name)
        yield Piece(second_set.TEST_DATA, name, players(own), make)


def _some(make: Callable[[], Track], names: Sequence[str]) -> Track:
    track = make()
    return replace(track, stems={name: track.stems[name] for name in names}, recording=None)


def _mixed(file: Path) -> Track:
    audio, rate = load(file)
    return Track(file.stem, rate, {"mixture": audio})


def _ensemble(number: int, instruments: tuple[str, ...], doubles: float) -> Track:
    return ensemble(number, instruments, "test", (UNSEEN,), doubles, 6 if doubles else 5).track


def _solo(number: int, instruments: tuple[str, ...], doubles: float) -> Track:
    track = _ensemble(number, instruments, doubles)
    return _some(lambda: track, [track.instruments[number % len(track.stems)]])


def _of_second_set(root: Path, name: str) -> Track:
    return second_set.tracks(root, [name])[0]
