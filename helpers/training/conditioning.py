"""Conditioning of a model on its active sources, for inference and in training. Chapter: 04."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .losses import TINY


def with_config(model: nn.Module, **changes: Any) -> nn.Module:
    """A model with the same weights and a changed configuration, such as another sample rate.

    ValueError where the configuration is invalid.
    """
    if not changes:
        return model
    other = type(model)(dataclasses.replace(model.config, **changes))
    other.load_state_dict(model.state_dict())
    return other


def condition_on(model: nn.Module, names: Sequence[str]) -> nn.Module:
    """The model conditioned on its active sources: it returns these only, in this order.

    The model itself where it cannot be conditioned (no `active_sources` in its config). ValueError
    for a name that is not one of its sources.
    """
    if not hasattr(getattr(model, "config", None), "active_sources"):
        return model
    other = with_config(model, active_sources=tuple(names))
    other.card = getattr(model, "card", None)
    return other.eval().to(next(model.parameters()).device)


def draw_active_sources(stems: Tensor, share: float, extra: float = 0.1) -> Tensor:
    """The active sources that the model is given for each example, bool (B, S).

    stems (B, S, C, T). In a `share` of the examples these are the sources that are not silent, and
    each other one with probability `extra`, like a player who rests; in the rest, all sources.
    Where all stems are silent, all sources are active.
    """
    active = stems.square().sum((2, 3)) > TINY
    active = active | ~active.any(1, keepdim=True)
    active = active | (torch.rand(active.shape, device=stems.device) < extra)
    return active | (torch.rand(len(stems), 1, device=stems.device) >= share)
