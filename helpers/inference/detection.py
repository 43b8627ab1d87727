"""Instrument detection: which of a model's sources a recording contains."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from ..music.instruments import instrument, read_name
from .separation import separate_stream

#: Level of a stem, in dB relative to the recording, below which its instrument counts as absent. A
#: lower threshold misses fewer instruments and detects more that are absent, whose stems then
#: contain a part of the others.
DETECTION_THRESHOLD = -16.0
#: How many dB a detected stem must be below an equal share of the recording to be doubtful. Of the
#: duos and trios of `bach10_excerpts`, 51 come with a player too many; 50 of them have a doubtful
#: stem, and so have 2 of the 19 whose players are right.
DOUBT = 4.0
ALL = "all"  # for `instruments`: all sources of a model


def can_detect(model: nn.Module) -> bool:
    """Whether a model separates better when it is conditioned on the active sources."""
    return bool(getattr(getattr(model, "config", None), "conditioned", False))


@dataclass(frozen=True)
class Detection:
    """What a model hears in a recording.

    sources: those detected; all of them where fewer than two are, since the stem of a single source
    would be the whole recording. levels: of all stems, in dB relative to the recording.
    """

    sources: tuple[str, ...]
    levels: dict[str, float]

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The detected sources whose stems are far below an equal share of the recording.

        Either their instruments are absent or they play little; see `DOUBT`.
        """
        least = -10 * math.log10(len(self.sources)) - DOUBT
        return tuple(name for name in self.sources if self.levels[name] < least)


def detect(
    model: nn.Module,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
    *,
    progress: Callable[[float], object] | None = None,
) -> Detection:
    """The sources whose stems, by the unconditioned model, are above `DETECTION_THRESHOLD`.

    blocks, sample_rate, channels: as for `separate_stream`, in the same constant memory. progress:
    called with the seconds that each step adds.
    """
    energy, stem_energies = 0.0, np.zeros(len(model.sources))

    def measured() -> Iterator[np.ndarray]:
        nonlocal energy
        for block in blocks:
            energy += float(np.square(block, dtype=np.float64).sum())
            yield block

    for stems in separate_stream(model, measured(), sample_rate, channels):
        stem_energies += np.square(stems, dtype=np.float64).sum(axis=(1, 2))
        if progress is not None:
            progress(stems.shape[-1] / sample_rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = 10 * np.log10(stem_energies / energy)
    names = [
        name
        for name, level in zip(model.sources, levels, strict=True)
        if level > DETECTION_THRESHOLD
    ]
    sources = tuple(names if len(names) > 1 else model.sources)
    return Detection(sources, dict(zip(model.sources, levels.tolist(), strict=True)))


def detect_instruments(
    model: nn.Module, blocks: Iterable[np.ndarray], sample_rate: int, channels: int
) -> tuple[str, ...]:
    """The sources that `detect` finds. Chapter: 04."""
    return detect(model, blocks, sample_rate, channels).sources


def chosen_sources(model: nn.Module, instruments: Sequence[str] | str | None) -> tuple[str, ...]:
    """The model's sources that a user asks for; () for None, which leaves the choice to detection.

    instruments: names or aliases, as a list or as in `violin, vc`; `all` for all sources.
    Warns where an instrument is listed twice or with a number: its players share one stem.
    Raises ValueError for an empty list and for instruments that the model does not separate.
    """
    if instruments is None:
        return ()
    known = ", ".join(model.sources)
    words = instruments.split(",") if isinstance(instruments, str) else instruments
    if not isinstance(words, Iterable) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"instruments is {words!r}; pass names, such as ['violin', 'cello'].")
    words = [word.strip() for word in words if word.strip()]
    if words == [ALL]:
        return tuple(model.sources)
    if not words:
        raise ValueError(f"Choose at least one instrument; this model separates {known}.")
    names = []
    for word in words:
        try:
            name = word if word in model.sources else instrument(word).name
        except KeyError as error:
            raise ValueError(error.args[0]) from error
        if name not in model.sources:
            raise ValueError(f"This model does not separate '{name}'; it separates {known}.")
        names.append(name)
    sources = tuple(dict.fromkeys(names))
    repeated = [name for name in sources if names.count(name) > 1]
    numbered = [word for word in words if word not in model.sources and read_name(word).number]
    if repeated or numbered:
        asked = (
            f"{repeated[0]} is listed more than once"
            if repeated
            else f"'{numbered[0]}' has a number"
        )
        warnings.warn(
            f"{asked}, but this model has one stem for all players of an instrument.",
            stacklevel=2,
        )
    return sources
