"""From a batch to its loss: what a model is given, what it returns, and what is compared."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .conditioning import draw_active_sources, draw_players, player_pairs
from .losses import Loss, activity_loss, matched
from .runs import TrainingError


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

    The order of two players of one instrument does not matter, and only active sources count.
    activity_weight: of `activity_loss`, in the examples that are not conditioned.
    """

    def __init__(
        self,
        loss: Loss,
        sources: Sequence[str],
        conditioned_share: float = 0.0,
        left_out: float = 0.0,
        activity_weight: float = 0.0,
        window: int = 4096,
        hop: int = 1024,
    ):
        super().__init__(loss, conditioned_share)
        self.sources, self.left_out = tuple(sources), left_out
        self.activity_weight, self.window, self.hop = activity_weight, window, hop

    def __call__(self, model: nn.Module, mixture: Tensor, stems: Tensor, *guide: Tensor) -> Tensor:
        active, stems, given = draw_players(
            stems, self.sources, self.conditioned_share, self.left_out
        )
        found = model(mixture, *guide, active, details=True)
        stems = matched(found.estimates, stems, player_pairs(self.sources))
        losses = [
            self.loss(estimate[own][None], stem[own][None])
            for estimate, stem, own in zip(found.estimates, stems, active, strict=True)
        ]
        value = torch.stack(losses).mean()
        if self.activity_weight and not given.all():
            free = ~given
            activity = activity_loss(found.activity[free], stems[free], self.window, self.hop)
            # As if it were summed over all examples: a divided batch has the same gradient.
            value = value + self.activity_weight * activity * free.float().mean()
        return value
