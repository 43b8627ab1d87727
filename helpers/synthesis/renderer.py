"""Renderers, and scores rendered to tracks with one stem for each part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from ..audio.track import Track
from ..music.instruments import numbered_names
from ..music.scores import Part, Score

BLOCK = 1 << 20  # samples
RAMP = 0.01  # seconds


class Renderer(Protocol):
    """Implemented by `Tones`, `FluidSynth` and `Sampler`."""

    def render(self, part: Part, sample_rate: int) -> np.ndarray:
        """A part as (1, samples) float32 at its natural level, including releases."""
        ...


def stem_names(score: Score) -> list[str]:
    """A unique name for each part: its instrument, where needed with a number (`violin-1`)."""
    return numbered_names([(part.instrument, part.number) for part in score.parts])


def rendered_stems(
    score: Score, renderers: Renderer | Mapping[str, Renderer], sample_rate: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Name and stem (1, samples) float32 of one part after the other; see `render_score`."""
    if not score.parts:
        raise ValueError(f"{score.title}: the score has no parts; add one.")
    for name, part in zip(stem_names(score), score.parts, strict=True):
        stem = _renderer(renderers, name, part.instrument).render(part, sample_rate)
        yield name, _with_gain(stem, part.gain, sample_rate) if part.gain else stem


def _with_gain(
    stem: np.ndarray, gain: Sequence[tuple[float, float]], sample_rate: int
) -> np.ndarray:
    """A stem (1, samples) times the gain of its part."""
    stem = np.array(stem, np.float32)
    times, factors = _ramps(gain)
    for first in range(0, stem.shape[-1], BLOCK):
        block = stem[..., first : first + BLOCK]
        seconds = (first + np.arange(block.shape[-1])) / sample_rate
        block *= np.interp(seconds, times, factors)
    return stem


def _ramps(gain: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Steps of a gain as corners of ramps of 10 ms at most, against clicks."""
    seconds = [second for second, _ in gain]
    times, factors, before = [], [], 1.0 if seconds[0] > 0.0 else gain[0][1]
    for (second, factor), following in zip(gain, [*seconds[1:], np.inf], strict=True):
        times += [second, min(second + RAMP, following)]
        factors += [before, factor]
        before = factor
    return times, factors


def render_score(
    score: Score,
    renderers: Renderer | Mapping[str, Renderer],
    sample_rate: int,
    title: str | None = None,
) -> Track:
    """All parts, padded with silence to the longest stem; levels are those of the renderers, times
    the gains of the parts.

    renderers: one for all parts, or one for each stem name or instrument.
    KeyError if a part has no renderer, ValueError for a score without parts.

    Chapter: 02.
    """
    stems = dict(rendered_stems(score, renderers, sample_rate))
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
