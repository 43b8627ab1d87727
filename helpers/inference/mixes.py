"""Practice mixes: a recording without one of its stems, or with one of them brought forward."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..music.instruments import find_instrument, read_name

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
        names = minus.split(",") if isinstance(minus, str) else list(minus or ())
        if isinstance(emphasise, str):
            emphasise = dict(_pair(words) for words in emphasise.split(","))
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

    def of(self, sources: Sequence[str]) -> list[Mix]:
        """The mixes of a recording with these stems; ValueError for one that is not there."""
        mixes = [Mix.minus(source) for name in self.minus for source in _meant(name, sources)]
        for name, level in self.emphasise.items():
            mixes += [Mix.emphasise(source, level) for source in _meant(name, sources)]
        # A later request for the same stem replaces an earlier one: `each=3,viola=6`.
        return list({mix.name: mix for mix in mixes}.values())

    def words(self) -> list[str]:
        """The options of the command line that ask for these mixes."""
        levels = [f"{name}={level:g}" for name, level in self.emphasise.items()]
        options = {"--minus": ",".join(self.minus), "--emphasise": ",".join(levels)}
        return [word for option, value in options.items() if value for word in (option, value)]


NO_MIXES = Mixes()


def names_of(sources: Iterable[str]) -> list[str]:
    """The names that all mixes of these stems can have."""
    return [name for each in sources for name in (f"minus-{each}", f"emphasise-{each}")]


def _meant(name: str, sources: Sequence[str]) -> Sequence[str]:
    """The stems that a name means: all for `each`, else one."""
    return sources if name == EACH else [stem_named(name, sources)]


def stem_named(name: str, sources: Sequence[str]) -> str:
    """The stem that a name means, as in `Vl. 2` for `violin-2`.

    ValueError where there is none, and where there are several: `violin` of `violin-1`, `violin-2`.
    """
    if name in sources:
        return name
    row, number = find_instrument(name), read_name(name).number
    wanted = name if row is None else row.name if number is None else f"{row.name}-{number}"
    if wanted in sources:
        return wanted
    of_this = [each for each in sources if row is not None and find_instrument(each) == row]
    if number is None and len(of_this) == 1:
        return of_this[0]
    known = ", ".join(sources)
    if number is None and of_this:
        raise ValueError(f"'{name}' may mean {' or '.join(of_this)}; write which one.")
    if of_this == [row.name] if row else False:
        raise ValueError(
            f"There is no stem '{name}': one stem has all players of the {row.name}; the stems are"
            f" {known}."
        )
    raise ValueError(f"There is no stem '{name}'; the stems are {known}.")


def _pair(words: str) -> tuple[str, str]:
    name, equals, level = words.partition("=")
    if not equals:
        raise ValueError(f"'{words}' has no decibels; write for example {words.strip()}=6.")
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
