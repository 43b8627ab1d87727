"""Means of weights: over the steps of a training, and between two models."""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage:
    """Exponential moving average of a model's parameters and buffers, kept in float32.

    The decay of update k is min(decay, (1 + k) / (10 + k)): a short training is not held back by
    its first weights. (`num_updates` in TensorFlow's ExponentialMovingAverage; the averaging is
    Polyak and Juditsky's, 1992.)
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Draw the average towards the weights that `model` has after its `step`-th step."""
        weight = 1.0 - min(self.decay, (1.0 + step) / (10.0 + step))
        current = model.state_dict()
        for name, average in self.model.state_dict().items():
            if average.is_floating_point() or average.is_complex():
                average.lerp_(current[name].to(average.dtype), weight)
            else:
                average.copy_(current[name])


@torch.no_grad()
def interpolate(model: nn.Module, other: nn.Module, share: float) -> None:
    """Draw every layer that the two have alike towards the other's weights, by `share` of the way.

    A model that went on learning from another has learnt and forgotten; between the two lie weights
    that keep most of what either knows. ValueError where no layer is alike.

    Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """
    own, given = model.state_dict(), other.state_dict()
    alike = [
        name for name, value in given.items() if name in own and own[name].shape == value.shape
    ]
    if not alike:
        raise ValueError("the two models have no layer alike; blend models of one architecture.")
    for name in alike:
        if own[name].is_floating_point():
            own[name].lerp_(given[name].to(own[name]), share)
