"""From a batch to its loss: what a model is given, what it returns, and what is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .conditioning import OTHER, draw_active_sources, draw_players, player_pairs
from .losses import TINY, Loss, fundamentals_loss, identity_loss, matching_order, reordered
from .runs import TrainingError

PASSAGE = 0.5  # seconds, in which an estimate is compared with all stems


class Objective:
    """The loss of the estimates of a model.

    conditioned_share: of the examples for which the model is given the active sources.
    """

    def __init__(self, loss: Loss, conditioned_share: float = 0.0):
        self.loss, self.conditioned_share = loss, conditioned_share

    def __call__(self, model: nn.Module, mixture: Tensor, stems: Tensor, *guide: Tensor) -> Tensor:
        """The loss of a batch: mixture (B, C, T), stems (B, S, C, T), what else the model takes.

        TrainingError where the estimates are not as many as the stems.
        """
        share = self.conditioned_share
        conditioning = (draw_active_sources(stems, share),) if share else ()
        estimates = model(mixture, *guide, *conditioning)
        if estimates.shape != stems.shape:
            raise TrainingError(
                f"The model returns {tuple(estimates.shape)} where the stems are "
                f"{tuple(stems.shape)}; both must be (batch, sources, channels, samples)."
            )
        return self.loss(estimates, stems)


class PlayersObjective(Objective):
    """The loss of a `MaskNet` whose sources are players; see `draw_players`.

    The order of two players of one instrument does not matter, and only active sources count: in
    the examples that are not conditioned these are all sources, so that a loss which is a mean over
    the sources, as `negative_snr`, counts less there, and `joint_snr` more. That is meant: who
    plays is uncertain there, and a recording is separated with what was heard as the condition.
    fundamentals_weight: of `fundamentals_loss`; the dataset then gives the notes of the sources
    too, (S, M, 3): onset and end in seconds, MIDI pitch. identity_weight: of `identity_loss` of the
    active sources in half seconds.
    """

    def __init__(
        self,
        loss: Loss,
        sources: Sequence[str],
        conditioned_share: float = 0.0,
        left_out: float = 0.0,
        fundamentals_weight: float = 0.0,
        identity_weight: float = 0.0,
    ):
        super().__init__(loss, conditioned_share)
        self.sources, self.left_out = tuple(sources), left_out
        self.fundamentals_weight = fundamentals_weight
        self.identity_weight = identity_weight

    def __call__(self, model: nn.Module, mixture: Tensor, stems: Tensor, *notes: Tensor) -> Tensor:
        config = model.config
        active, stems, _ = draw_players(stems, self.sources, self.conditioned_share, self.left_out)
        found = model(mixture, active, details=True)
        order = matching_order(found.estimates, stems, player_pairs(self.sources))
        stems = reordered(stems, order)
        examples = [
            (estimate[own], stem[own])
            for estimate, stem, own in zip(found.estimates, stems, active, strict=True)
        ]
        losses = [self.loss(estimate[None], stem[None]) for estimate, stem in examples]
        value = torch.stack(losses).mean()
        if self.identity_weight:
            passage = int(PASSAGE * config.sample_rate)
            losses = [identity_loss(*example, passage) for example in examples]
            value = value + self.identity_weight * torch.stack(losses).mean()
        if self.fundamentals_weight:
            notes = reordered(notes[0], order)
            sounding = sounding_bins(notes, found.fundamentals.shape[2:], config)
            silent = stems.square().sum((2, 3)) < TINY
            known = (silent | (notes[..., 0, 2] >= 0)) & active
            if OTHER in self.sources:
                known[:, self.sources.index(OTHER)] = False
            pitches = fundamentals_loss(found.fundamentals, sounding, known)
            value = value + self.fundamentals_weight * pitches
        return value


def sounding_bins(notes: Tensor, shape: tuple[int, int], config: Any) -> Tensor:
    """Which bins of pitch sound in which frames, bool (B, S, *shape), from the notes (B, S, M, 3).

    shape: log-frequency bins and frames. config: of the model, with `lowest`, `resolution`, `hop`
    and `sample_rate`. The nearest bin of a fundamental sounds, and the bins beside it.
    """
    sounding = torch.zeros(*notes.shape[:2], *shape, dtype=torch.bool)
    bins = 440.0 * 2.0 ** ((notes[..., 2] - 69.0) / 12.0) / config.lowest
    bins = (config.resolution * torch.log2(bins)).round().int().tolist()
    times = (notes[..., :2] * config.sample_rate / config.hop).round().int().tolist()
    for example, source, note in (notes[..., 2] >= 0).nonzero().tolist():
        (first, last), bin = times[example][source][note], bins[example][source][note]
        low = max(0, bin - 1)
        sounding[example, source, low : max(0, bin + 2), max(0, first) : max(0, last)] = True
    return sounding.to(notes.device)
