"""Instrument detection: which of a model's sources a recording contains."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from torch import nn

from ..music.instruments import instrument
from ..training.conditioning import condition_on
from .separation import separate_stream

#: Level of a stem, in dB relative to the recording, below which its instrument counts as absent. A
#: lower threshold misses fewer instruments and detects more that are absent, whose stems then
#: contain a part of the others.
DETECTION_THRESHOLD = -16.0
ALL = "all"  # for `instruments`: all sources of a model


def can_detect(model: nn.Module) -> bool:
    """Whether a model separates better when it is conditioned on the active sources."""
    return bool(getattr(getattr(model, "config", None), "conditioned", False))


def detect_instruments(
    model: nn.Module,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
    *,
    progress: Callable[[float], object] | None = None,
) -> tuple[str, ...]:
    """The sources whose stems, by the unconditioned model, are above `DETECTION_THRESHOLD`.

    blocks, sample_rate, channels: as for `separate_stream`, in the same constant memory. progress:
    called with the seconds that each step adds. Returns all sources where fewer than two are
    detected, since the stem of a single source would be the whole recording.
    Chapter: 04.
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
    active = stem_energies > energy * 10 ** (DETECTION_THRESHOLD / 10)
    names = tuple(name for name, is_active in zip(model.sources, active, strict=True) if is_active)
    return names if len(names) > 1 else tuple(model.sources)


def detect_and_condition(
    model: nn.Module,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
    *,
    progress: Callable[[float], object] | None = None,
) -> nn.Module:
    """The model conditioned on what `detect_instruments` finds."""
    return condition_on(
        model, detect_instruments(model, blocks, sample_rate, channels, progress=progress)
    )


def chosen_sources(model: nn.Module, instruments: Sequence[str] | str | None) -> tuple[str, ...]:
    """The model's sources that a user asks for; () for None, which leaves the choice to detection.

    instruments: names or aliases, as a list or as in `violin, vc`; `all` for all sources.
    Warns where an instrument is listed twice: its players share one stem.
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
    if repeated := [name for name in sources if names.count(name) > 1]:
        warnings.warn(
            f"{repeated[0]} is listed more than once, but this model has one stem for all players "
            "of an instrument.",
            stacklevel=2,
        )
    return sources
