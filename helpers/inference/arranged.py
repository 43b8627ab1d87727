"""Stems in their final order: of two players the higher first, and `other` where it has level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ..music.scores import Score
from ..training.conditioning import OTHER
from .players import interchangeable


class Rearranged(nn.Module):
    """A separator whose stems are weighted sums of another's, under other names.

    weights: (stems, sources of the model). Such as two players exchanged, or `other` shared out.
    """

    def __init__(self, model: nn.Module, sources: Sequence[str], weights: Tensor) -> None:
        super().__init__()
        self.model, self.card = model, getattr(model, "card", None)
        self.sources, self.weights = tuple(sources), weights
        self.sample_rate, self.channels = model.sample_rate, model.channels
        self.segment_seconds = model.segment_seconds
        self.follows_score = getattr(model, "follows_score", False)
        owner = weights.argmax(dim=0).tolist()  # the stem that most of a source goes to
        self.pairs = [(owner[one], owner[two]) for one, two in interchangeable(model)]

    def forward(self, mixture: Tensor, *starts: Tensor) -> Tensor:
        """mixture (B, C, T) -> estimates (B, stems, C, T). starts: for a model with a score."""
        estimates = self.model(mixture, *starts)
        return torch.einsum("sm,bmct->bsct", self.weights.to(estimates), estimates)

    def excerpt(self, *changes: Any) -> Rearranged:
        """As that of `ScoreFollower`, for a model that follows a score."""
        return Rearranged(self.model.excerpt(*changes), self.sources, self.weights)

    def score(self) -> Score:
        """As that of `ScoreFollower`; only `other` has changed, which has no notes."""
        score = self.model.score()
        return replace(score, parts=score.parts[: len(self.sources)])


def arrangement(
    sources: Sequence[str],
    pairs: Sequence[tuple[int, int]],
    pitches: Mapping[str, float],
    energies: Mapping[str, float],
    drops_other: bool,
) -> tuple[tuple[str, ...], Tensor]:
    """(names, weights) of the final stems: the higher of two players first.

    sources: of the stems as they were written. pairs: see `interchangeable`. pitches: their mean
    pitch where it counts. energies: of each; `other`, where it is dropped, is shared out in their
    ratio, so that the stems still sum to the recording.
    """
    order = list(range(len(sources)))
    for one, two in pairs:
        if pitches[sources[two]] > pitches[sources[one]]:
            order[one], order[two] = two, one
    weights = torch.eye(len(sources))[order]
    if drops_other:
        place = sources.index(OTHER)
        kept = [k for k in range(len(sources)) if k != place]
        own = torch.tensor([energies[sources[order[k]]] for k in kept])
        weights = weights[kept]
        weights[:, place] = own / own.sum() if own.sum() > 0 else 1 / len(kept)
        sources = [sources[k] for k in kept]
    return tuple(sources), weights


def in_order(
    pitches: Mapping[str, float], sources: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> dict[str, float]:
    """The mean pitches of pairs after `arrangement`."""
    ordered = {}
    for pair in pairs:
        names = [sources[place] for place in pair]
        ordered |= dict(zip(names, sorted((pitches[n] for n in names), reverse=True), strict=True))
    return ordered
