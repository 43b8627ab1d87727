"""Conditioning of a model on its active sources, for inference and in training. Chapter: 04."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .losses import TINY

OTHER = "other"  # the source of all that is none of the other sources; it is always active


def with_config(model: nn.Module, **changes: Any) -> nn.Module:
    """A model with the same weights and a changed configuration, such as another sample rate.

    Layers that it does not have any more, such as those of `fundamentals`, are left out. ValueError
    where the configuration is invalid, RuntimeError where the weights do not fit.
    """
    if not changes:
        return model
    other = type(model)(dataclasses.replace(model.config, **changes))
    own = other.state_dict().keys()
    other.load_state_dict(
        {name: value for name, value in model.state_dict().items() if name in own}
    )
    return other


def condition_on(model: nn.Module, names: Sequence[str]) -> nn.Module:
    """The model conditioned on its active sources: it returns these only, in this order.

    A model with the source `other` returns it too, as the last one. The model itself where it
    cannot be conditioned (no `active_sources` in its config). ValueError for a name that is not one
    of its sources.
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


def player_pairs(sources: Sequence[str]) -> list[tuple[int, int]]:
    """The indices of the two players of each instrument that has two, `violin` and `violin-2`."""
    places = {name: place for place, name in enumerate(sources)}
    return [(places[n], places[f"{n}-2"]) for n in sources if f"{n}-2" in places]


def draw_players(
    stems: Tensor, sources: Sequence[str], share: float, left_out: float = 0.0, extra: float = 0.03
) -> tuple[Tensor, Tensor, Tensor]:
    """The players that a model is given for each example, bool (B, S); the stems; which are given.

    As `draw_active_sources`, with players and `other` as sources: `other` is always active, and a
    second player never without the first. In the share `left_out` of the conditioned examples with
    several instruments, one of them, with all its players, is not among the active ones, not even
    as one that rests, and its stems (B, S, C, T) are in `other`. The last value, bool (B,), is true
    for conditioned examples.
    """
    count, device = len(stems), stems.device
    given = torch.rand(count, device=device) < share
    active = stems.square().sum((2, 3)) > TINY
    leave = given & (torch.rand(count, device=device) < left_out)
    gone = torch.zeros_like(active)  # the players who are left out
    other = sources.index(OTHER) if OTHER in sources else None
    if other is not None and leave.any():
        stems = stems.clone()
        for example in leave.nonzero().flatten().tolist():
            players = _instrument_to_leave_out(active[example], sources, other)
            if players:
                stems[example, other] += stems[example, players].sum(0)
                stems[example, players] = 0.0
                gone[example, players] = True
    active = active | (torch.rand(active.shape, device=device) < extra)
    for first, second in player_pairs(sources):
        active[:, first] |= active[:, second]
    active &= ~gone
    if other is not None:
        active[:, other] = True
    return active | ~active.any(1, keepdim=True) | ~given[:, None], stems, given


def _instrument_to_leave_out(
    sounding: Tensor, sources: Sequence[str], other: int
) -> list[int] | None:
    """All players of one of the instruments that sound (S,), None where there is only one."""
    second = {b: a for a, b in player_pairs(sources)}
    places = [place for place in sounding.nonzero().flatten().tolist() if place != other]
    instruments = sorted({second.get(place, place) for place in places})
    if len(instruments) < 2:
        return None
    chosen = instruments[int(torch.randint(len(instruments), ()))]
    return [place for place in range(len(sources)) if second.get(place, place) == chosen]
