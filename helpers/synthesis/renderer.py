"""From a score to a Track: any renderer, one stem for each part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ..audio.track import Track
from ..music.scores import Part, Score


class Renderer(Protocol):
    """What `tones`, `fluidsynth` and `notes` have in common."""

    def render(self, part: Part, sample_rate: int) -> np.ndarray:
        """The sound of one part: (1, samples) float32 at its natural level, release included."""
        ...


def stem_names(score: Score) -> list[str]:
    """A name for each part: its instrument, numbered (`violin-1`) where several play the same."""
    players = [part.instrument for part in score.parts]
    many = Counter(players)
    seen: Counter[str] = Counter()
    names = []
    for player in players:
        seen[player] += 1
        names.append(f"{player}-{seen[player]}" if many[player] > 1 else player)
    return names


def render_score(
    score: Score,
    renderers: Renderer | Mapping[str, Renderer],
    sample_rate: int,
    title: str | None = None,
) -> Track:
    """Every part rendered and padded with silence to the longest stem.

    renderers: one for all parts, or a renderer for each stem name or instrument.
    Levels are left alone: the balance is the one the renderers give.
    KeyError where a part has no renderer, ValueError for a score without parts.
    """
    if not score.parts:
        raise ValueError(f"{score.title}: the score has no parts; there is nothing to render.")
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
    given = ", ".join(sorted(renderers))
    raise KeyError(f"There is no renderer for '{name}'; there is one for: {given}.")
