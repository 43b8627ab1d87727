"""Start from the weights of another model of the same architecture, matching sources by name."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from .runs import load_weights

Axis = tuple[int, list["str | None"]]  # an axis of a parameter, and the source of each index on it


def start_from(model: nn.Module, other: nn.Module, path: Path) -> None:
    """Start with the weights of another model; a source gets those of the source of its name.

    Sources and layers that the other model does not have keep their weights. TrainingError where
    it has another architecture or other sizes.
    """
    weights = model.state_dict()
    for name, value in other.state_dict().items():
        if name in model.source_channels and name in other.source_channels:
            axes = model.source_channels[name], other.source_channels[name]
            with suppress(IndexError, RuntimeError, ValueError):  # of another size: refused below
                value = by_source(weights[name], value, *axes)
        weights[name] = value
    load_weights(model, weights, path)


def by_source(own: Tensor, other: Tensor, own_axis: Axis, other_axis: Axis) -> Tensor:
    """`own` with the entries of `other` for the sources that both have and for entries without one.

    ValueError where the two do not have as many entries a source.
    """
    (axis, own_sources), (_, other_sources) = own_axis, other_axis
    own_indices, other_indices = _indices(own_sources), _indices(other_sources)
    pairs = [
        pair
        for source, indices in own_indices.items()
        if source in other_indices
        for pair in zip(indices, other_indices[source], strict=True)
    ]
    if not pairs:
        return own
    to, of = torch.tensor(pairs, device=own.device).T
    return own.clone().index_copy_(axis, to, other.to(own).index_select(axis, of))


def _indices(sources: list[str | None]) -> dict[str | None, list[int]]:
    indices = defaultdict(list)
    for index, source in enumerate(sources):
        indices[source].append(index)
    return indices
