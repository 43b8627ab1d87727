"""Weights taken over from another model of the same architecture, each source by its name."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from .runs import load_weights

Axis = tuple[int, list["str | None"]]  # an axis of a parameter, and the source of each index on it


def start_from(model: nn.Module, other: nn.Module, path: Path) -> None:
    """Begin with the weights of another model; a source takes those of the source of its name.

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


def by_source(own: Tensor, given: Tensor, own_axis: Axis, given_axis: Axis) -> Tensor:
    """`own` with the entries of `given` for the sources that both have, and for what is no source.

    ValueError where the two do not have as many entries a source.
    """
    (axis, own_sources), (_, given_sources) = own_axis, given_axis
    own_indices, given_indices = _indices(own_sources), _indices(given_sources)
    pairs = [
        pair
        for source, indices in own_indices.items()
        if source in given_indices
        for pair in zip(indices, given_indices[source], strict=True)
    ]
    if not pairs:
        return own
    to, of = torch.tensor(pairs, device=own.device).T
    return own.clone().index_copy_(axis, to, given.to(own).index_select(axis, of))


def _indices(sources: list[str | None]) -> dict[str | None, list[int]]:
    indices = defaultdict(list)
    for index, source in enumerate(sources):
        indices[source].append(index)
    return indices
