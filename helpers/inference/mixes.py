"""Practice mixes: a recording without one of its stems, or with one of them brought forward."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..music.instruments import find_instrument, read_name
from ..training.conditioning import OTHER
from .players import first_players, stem_names

EACH = "each"
MOST = 40.0  # dB that a stem can be brought forward
Names = str | Sequence[str]


@dataclass(frozen=True)
class Mix:
    """The recording plus `weight` times one of its stems.

    name: of the file. A weight of -1 leaves the stem out; 10 ** (dB / 20) - 1 brings it forward by
    so many dB against all others. keeps_loudness: the mix gets the loudness of the recording.
    """

    name: str
    source: str
    weight: float
    keeps_loudness: bool = False

    @classmethod
    def minus(cls, source: str) -> Mix:
        return cls(f"minus-{source}", source, -1.0)

    @classmethod
    def emphasise(cls, source: str, decibels: float) -> Mix:
        return cls(f"emphasise-{source}", source, 10 ** (decibels / 20) - 1, True)

    @property
    def forward(self) -> float | None:
        """The dB by which the stem is brought forward; None where it is left out."""
        return round(20 * math.log10(1 + self.weight), 2) if self.weight > -1 else None

    def of(self, recording: np.ndarray, stem: np.ndarray) -> np.ndarray:
        """recording, stem: (channels, samples) of the same samples."""
        return recording + np.float32(self.weight) * stem


@dataclass(frozen=True)
class Mixes:
    """The mixes that a user asks for, with names as the user writes them.

    minus: instruments, one mix each. emphasise: dB by instrument, one mix each. `each` stands for
    every stem.
    """

    minus: tuple[str, ...] = ()
    emphasise: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(
        cls, minus: Names | None = None, emphasise: str | Mapping[str, float] | None = None
    ) -> Mixes:
        """minus: as in `violin,cello`, or a list. emphasise: as in `viola=6`, or a dict.

        ValueError for what is neither, and for decibels that are not above 0 and at most 40.
        """
        names = minus.split(",") if isinstance(minus, str) else minus or ()
        if isinstance(emphasise, str):
            emphasise = dict(_pair(words) for words in emphasise.split(","))
        if not isinstance(names, Iterable) or not isinstance(emphasise or {}, Mapping):
            raise ValueError("Pass mixes as in minus=['violin'] and emphasise={'viola': 6}.")
        levels = {name: _decibels(name, level) for name, level in (emphasise or {}).items()}
        for name in (*names, *levels):
            if not isinstance(name, str) or not name.strip():
                raise ValueError(f"{name!r} is no instrument; name one, such as violin, or each.")
        return cls(tuple(name.strip() for name in names), levels)

    def __bool__(self) -> bool:
        return bool(self.minus or self.emphasise)

    def count(self, stems: int) -> int:
        """How many mixes there are, at most, of so many stems."""
        return sum(stems if name == EACH else 1 for name in (*self.minus, *self.emphasise))

    def check(self, chosen: Sequence[str], sources: Sequence[str]) -> None:
        """ValueError for a mix of a stem that there cannot be.

        chosen: sources of a model, () where they are still to be detected in all its `sources`;
        then two players of an instrument may be one.
        """
        rest = [OTHER] if OTHER in sources and OTHER not in chosen else []
        names = stem_names([*chosen, *rest] if chosen else sources)
        seconds = first_players(sources)
        alone = names if chosen else [name for name in sources if name not in seconds]
        for name in (*self.minus, *self.emphasise):
            try:
                _meant(name, alone)
            except ValueError:
                _meant(name, names)

    def of(self, sources: Sequence[str]) -> list[Mix]:
        """The mixes of a recording with these stems; ValueError for one that is not there."""
        mixes = [Mix.minus(source) for name in self.minus for source in _meant(name, sources)]
        for name, level in self.emphasise.items():
            mixes += [Mix.emphasise(source, level) for source in _meant(name, sources)]
        # A later request for the same stem replaces an earlier one: `each=3,viola=6`.
        return list({mix.name: mix for mix in mixes}.values())


NO_MIXES = Mixes()


def names_of(sources: Iterable[str]) -> list[str]:
    """The names that all mixes of these stems can have."""
    return [name for each in sources for name in (f"minus-{each}", f"emphasise-{each}")]


def _meant(name: str, sources: Sequence[str]) -> Sequence[str]:
    """The stems that a name means: all for `each`, else one."""
    return sources if name == EACH else [stem_named(name, sources)]


def stem_named(name: str, sources: Sequence[str]) -> str:
    """The stem that a name means, as in `Vl. 2` for `violin-2`; the only player is the first one.

    ValueError where there is none, and where there are several: `violin` of `violin-1`, `violin-2`.
    """
    if name in sources:
        return name
    row, number = find_instrument(name), read_name(name).number
    players = [each for each in sources if row is not None and find_instrument(each) == row]
    only = {1} if len(players) == 1 else set()
    meant = [each for each in players if number in {None, read_name(each).number, *only}]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise ValueError(f"'{name}' may mean {' or '.join(meant)}; write which one.")
    known = f"the stems are {', '.join(sources)}."
    if len(players) == 1:
        raise ValueError(
            f"There is no stem '{name}': {players[0]} has all players of this instrument; {known}"
        )
    raise ValueError(f"There is no stem '{name}'; {known}")


def _pair(words: str) -> tuple[str, str]:
    name, equals, level = words.partition("=")
    if not equals:
        raise ValueError(
            f"'{words}' has no decibels; write for example {words.strip() or 'viola'}=6."
        )
    return name.strip(), level


def _decibels(name: object, level: object) -> float:
    try:
        number = float(level)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number <= MOST:
        raise ValueError(
            f"{name} cannot be brought forward by '{level}' dB; write a number above 0 and at most"
            f" {MOST:g}, such as {name}=6."
        )
    return number
