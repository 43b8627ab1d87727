"""Who plays in a recording, heard by a model that can then be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from torch import nn

from ..training.conditioning import condition_on
from .separation import separate_stream

#: dB below the recording; what is softer over its whole length was not there. A lower threshold
#: misses fewer players and hears more who are absent, in whose stems a part of the others is lost.
DETECTION_THRESHOLD = -16.0


def can_detect(model: nn.Module) -> bool:
    """Whether a model separates better once it is told who plays."""
    return bool(getattr(getattr(model, "config", None), "conditioned", False))


def detect_instruments(
    model: nn.Module,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
    *,
    progress: Callable[[float], object] | None = None,
) -> tuple[str, ...]:
    """The sources of which a recording holds more than QUIETEST, as the untold model hears them.

    blocks, sample_rate, channels: as `separate_stream` takes them, in its constant memory. All
    sources where fewer than two are heard, since the stem of one alone would be the recording.
    progress: called with the seconds that each step has added.
    """
    whole, energy = 0.0, np.zeros(len(model.sources))

    def passing() -> Iterator[np.ndarray]:
        nonlocal whole
        for block in blocks:
            whole += float(np.square(block, dtype=np.float64).sum())
            yield block

    for stems in separate_stream(model, passing(), sample_rate, channels):
        energy += np.square(stems, dtype=np.float64).sum(axis=(1, 2))
        if progress is not None:
            progress(stems.shape[-1] / sample_rate)
    active = energy > whole * 10 ** (DETECTION_THRESHOLD / 10)
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
    """The model, told who plays in a recording as it hears it itself; see `who_plays`."""
    return condition_on(
        model, detect_instruments(model, blocks, sample_rate, channels, progress=progress)
    )
