"""Start from the weights of another model of the same architecture, matching sources by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from .runs import TrainingError, load_weights

CHANGE = 0.1  # of a weight that a new source begins with, its standard deviation
Axis = tuple[int, list["str | None"]]  # an axis of a parameter, and the source of each index on it


def start_from(
    model: nn.Module, other: nn.Module, path: Path, start_as: Mapping[str, str] | None = None
) -> None:
    """Start with the weights of another model; a source gets those of the source of its name.

    start_as: for new sources, the source of the other model whose weights they get, each changed at
    random by a tenth, so that no two are alike. Other sources and layers that the other model does
    not have keep their weights. TrainingError where it has another architecture or other sizes, or
    lacks a source of `start_as`.
    """
    weights, start_as = model.state_dict(), start_as or {}
    known = {source for _, sources in other.source_channels.values() for source in sources}
    if missing := [of for of in start_as.values() if of not in known]:
        raise TrainingError(f"{path}: has no source '{missing[0]}' of start_as; name one it has.")
    for name, value in other.state_dict().items():
        if name in model.source_channels and name in other.source_channels:
            axes = model.source_channels[name], other.source_channels[name]
            with suppress(IndexError, RuntimeError, ValueError):  # of another size: refused below
                value = by_source(weights[name], value, *axes, start_as)
        weights[name] = value
    load_weights(model, weights, path)


def by_source(
    own: Tensor,
    other: Tensor,
    own_axis: Axis,
    other_axis: Axis,
    start_as: Mapping[str, str] | None = None,
) -> Tensor:
    """`own` with the entries of `other` for the sources that both have and for entries without one.

    start_as: as in `start_from`. ValueError where the two do not have as many entries a source.
    """
    (axis, own_sources), (_, other_sources) = own_axis, other_axis
    own_indices, other_indices = _indices(own_sources), _indices(other_sources)
    start_as = {new: of for new, of in (start_as or {}).items() if new not in other_indices}
    pairs = [
        (*pair, source in start_as)
        for source, indices in own_indices.items()
        if (of := start_as.get(source, source)) in other_indices
        for pair in zip(indices, other_indices[of], strict=True)
    ]
    if not pairs:
        return own
    to, of, is_new = torch.tensor(pairs, device=own.device).T
    entries = other.to(own).index_select(axis, of)
    if is_new.any():
        change = 1.0 + CHANGE * torch.randn_like(entries)
        shape = [-1 if each == axis else 1 for each in range(own.ndim)]
        entries = torch.where(is_new.bool().view(shape), entries * change, entries)
    return own.clone().index_copy_(axis, to, entries)


def _indices(sources: list[str | None]) -> dict[str | None, list[int]]:
    indices = defaultdict(list)
    for index, source in enumerate(sources):
        indices[source].append(index)
    return indices
