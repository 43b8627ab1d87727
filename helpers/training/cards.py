"""Cards: the JSON beside the weights of a model, read and checked.

A card comes from anywhere: nothing in it is trusted. Its names become names of files, its numbers
sizes of arrays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ..files import check_names, read_text
from .renamed_fields import current_card

Card = dict[str, Any]
KINDS = {"architecture": str, "config": dict, "sha256": str, "sources": list, "sample_rate": int}
SAMPLE_RATES = (1000, 384_000)  # Hz
SHORTEST = 0.1  # seconds of a segment; shorter ones would take more time than the music
#: Numbers in the spectrograms of all sources of one segment, or in its samples: at most 1 GiB.
MOST_NUMBERS = 1 << 27
#: Other files beside the stems have these names.
NOT_SOURCES = ("residual", "mixture", "recording")


class CheckpointError(ValueError):
    """One sentence: the file, what is wrong with it, and what would be right."""


def read_card(path: Path) -> Card:
    """The JSON beside the weights; CheckpointError where it is missing, incomplete or invalid."""
    try:
        card = json.loads(read_text(path))
        repr(card)  # ValueError for a whole number of thousands of digits
    except FileNotFoundError:
        raise CheckpointError(
            f"{path}: this file is missing; weights need the JSON they were saved with beside them."
        ) from None
    except (OSError, ValueError, RecursionError) as error:  # no JSON, or endless numbers or lists
        raise CheckpointError(
            f"{path}: cannot be read as JSON ({error}); fetch it again."
        ) from error
    for key, kind in KINDS.items():
        if not isinstance(card, dict) or type(card.get(key)) is not kind:
            raise CheckpointError(
                f"{path}: it has no usable '{key}'; it must be a card that save_model wrote."
            )
    if not SAMPLE_RATES[0] <= card["sample_rate"] <= SAMPLE_RATES[1]:
        raise CheckpointError(
            f"{path}: 'sample_rate' is {card['sample_rate']}; it must be from {SAMPLE_RATES[0]} to "
            f"{SAMPLE_RATES[1]} Hz."
        )
    if not isinstance(card.get("licence", ""), str):
        raise CheckpointError(f"{path}: 'licence' is not a text; fetch the card again.")
    materials = card.get("learned_from", [])
    if not isinstance(materials, list) or not all(isinstance(name, str) for name in materials):
        raise CheckpointError(f"{path}: 'learned_from' is no list of names; fetch the card again.")
    check_sources(card["sources"], path)
    try:
        card = current_card(card)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    _check_provenance(card, path)
    return card


def is_other_json(path: Path) -> bool:
    """Whether a file is whole, but the table of another program or command."""
    try:
        table = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(table, dict) and not KINDS.keys() & table.keys()


def check_sources(sources: Sequence[object], owner: object) -> None:
    """CheckpointError where the stems of these sources could not lie in one folder."""
    try:
        check_names(sources, NOT_SOURCES)
    except ValueError as error:
        raise CheckpointError(
            f"{owner}: 'sources' must be a list of different names of files; {error}."
        ) from error
    if not sources:
        raise CheckpointError(f"{owner}: 'sources' is empty; it must be a list of names.")


def check_sizes(model: nn.Module, path: Path) -> None:
    """CheckpointError where the segments of a card's model are too short to end, or too large."""
    config, seconds = model.config, model.segment_seconds
    if seconds < SHORTEST:
        raise CheckpointError(
            f"{path}: segment_seconds is {seconds:g}; it must be {SHORTEST:g} or more."
        )
    numbers = round(seconds * model.sample_rate) * model.channels * len(model.sources)
    if hop := getattr(config, "hop", 0):
        numbers = numbers // hop * (config.window // 2 + 1)
    buffers = sum(buffer.numel() for buffer in model.buffers())
    if max(numbers, buffers) > MOST_NUMBERS:
        raise CheckpointError(
            f"{path}: its segment_seconds, sample_rate and further sizes make arrays of "
            f"{max(numbers, buffers):,} numbers; a card may have {MOST_NUMBERS:,}."
        )


def _check_provenance(card: Card, path: Path) -> None:
    """CheckpointError where what a card records of its training is no table."""
    provenance = card.get("provenance", {})
    recipe = provenance.get("recipe", {}) if isinstance(provenance, dict) else {}
    tables = {"provenance": provenance, "recipe": recipe}
    if isinstance(recipe, dict):
        tables |= {name: recipe.get(name, {}) for name in ("model", "export", "rendering")}
        tables |= {"training": recipe.get("training", {})}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise CheckpointError(f"{path}: '{name}' is not a table; fetch the card again.")
    rate = tables.get("rendering", {}).get("sample_rate", card["sample_rate"])
    if type(rate) is not int or not SAMPLE_RATES[0] <= rate <= SAMPLE_RATES[1]:
        raise CheckpointError(
            f"{path}: 'sample_rate' of its recipe is {rate!r}; it must be a whole number from "
            f"{SAMPLE_RATES[0]} to {SAMPLE_RATES[1]} Hz."
        )
