"""Averages of weights: over the steps of a training, and between two models."""

from __future__ import annotations

import copy

import torch
from torch import nn

from .transfer import by_source


class MovingAverage:
    """Exponential moving average of a model's parameters and buffers, kept in float32.

    The decay of update k is min(decay, (1 + k) / (10 + k)), so that the first weights do not
    dominate a short training (`num_updates` in TensorFlow's ExponentialMovingAverage; Polyak and
    Juditsky, 1992).
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Include the weights that `model` has after its `step`-th step."""
        weight = 1.0 - min(self.decay, (1.0 + step) / (10.0 + step))
        current = model.state_dict()
        for name, average in self.model.state_dict().items():
            if average.is_floating_point() or average.is_complex():
                average.lerp_(current[name].to(average.dtype), weight)
            else:
                average.copy_(current[name])


@torch.no_grad()
def interpolate(model: nn.Module, other: nn.Module, share: float) -> None:
    """Move the weights of `model` by `share` of the way to those of `other`. Chapter: 04.

    Further training learns new sounds and forgets others; weights between two models keep most of
    both. Layers of another size are unchanged, and so are layers for sources where the two models
    have different ones; the same sources in another order are matched by name.
    ValueError where no layer has the same size.

    Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """
    own, others = model.state_dict(), other.state_dict()
    shared = [
        name
        for name, value in others.items()
        if name in own and own[name].shape == value.shape and _same_sources(model, other, name)
    ]
    if not shared:
        raise ValueError("The models share no layer; interpolate within one architecture.")
    for name in shared:
        value = others[name].to(own[name].device)
        if name in model.source_channels:
            axes = model.source_channels[name], other.source_channels[name]
            value = by_source(own[name], value, *axes)
        if own[name].is_floating_point():
            own[name].lerp_(value.to(own[name]), share)


def _same_sources(model: nn.Module, other: nn.Module, name: str) -> bool:
    """Whether a parameter is for the same sources in both models, or for all sources at once."""
    axes = [each.source_channels.get(name, (0, [])) for each in (model, other)]
    sets = [sorted(map(str, sources)) for _, sources in axes]
    return sets[0] == sets[1]
