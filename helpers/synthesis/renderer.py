"""Renderers, and scores rendered to tracks with one stem for each part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ..audio.track import Track
from ..music.scores import Part, Score


class Renderer(Protocol):
    """Implemented by `Tones`, `FluidSynth` and `Sampler`."""

    def render(self, part: Part, sample_rate: int) -> np.ndarray:
        """A part as (1, samples) float32 at its natural level, including releases."""
        ...


def stem_names(score: Score) -> list[str]:
    """A name for each part: its instrument, with a number (`violin-1`) if it is not unique."""
    total = Counter(part.instrument for part in score.parts)
    seen: Counter[str] = Counter()
    names = []
    for name in (part.instrument for part in score.parts):
        seen[name] += 1
        names.append(f"{name}-{seen[name]}" if total[name] > 1 else name)
    return names


def render_score(
    score: Score,
    renderers: Renderer | Mapping[str, Renderer],
    sample_rate: int,
    title: str | None = None,
) -> Track:
    """All parts, padded with silence to the longest stem; levels are those of the renderers.

    renderers: one for all parts, or one for each stem name or instrument.
    KeyError if a part has no renderer, ValueError for a score without parts.

    Chapter: 02.
    """
    if not score.parts:
        raise ValueError(f"{score.title}: the score has no parts; add one.")
    stems = {}
    for name, part in zip(stem_names(score), score.parts, strict=True):
        renderer = _renderer(renderers, name, part.instrument)
        stems[name] = renderer.render(part, sample_rate)
    longest = max(stem.shape[-1] for stem in stems.values())
    stems = {
        name: np.pad(stem, ((0, 0), (0, longest - stem.shape[-1]))).astype(np.float32, copy=False)
        for name, stem in stems.items()
    }
    return Track(name=title or score.title, sample_rate=sample_rate, stems=stems)


def _renderer(renderers: Renderer | Mapping[str, Renderer], name: str, instrument: str) -> Renderer:
    if not isinstance(renderers, Mapping):
        return renderers
    for key in (name, instrument):
        if key in renderers:
            return renderers[key]
    known = ", ".join(sorted(renderers))
    raise KeyError(f"There is no renderer for '{name}'; there are renderers for: {known}.")
