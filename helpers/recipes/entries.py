"""A dataclass from the entries of a table of a recipe, and the sentence for what is wrong."""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ..training.renamed_fields import DROPPED

SHARE, COUNT, DECIBELS = (0.0, 1.0), (0, 10**9), (0.0, 60.0)

#: Closed ranges of the numbers of a dataclass, by its name, also of those in a list or a table.
#: `TrainingConfig` and the models' configurations check their own.
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "Recipe": {
        "segment_seconds": (0.1, 600.0), "validation_examples": (1, 10**6), "max_pieces": COUNT,
        "max_excerpts": COUNT, "interpolate": SHARE, "joint_loss_weight": SHARE,
        "inactive_source_weight": (0.0, 100.0), "left_out": SHARE,
        "fundamentals_weight": (0.0, 100.0), "identity_weight": (0.0, 100.0),
        "target_share": SHARE, "doubles": SHARE,
    },
    "RenderingConfig": {
        "sample_rate": (1000, 192_000), "note_samples": (0, 100), "tones": (0, 100),
        "timbre_substitution": (0, 100), "max_seconds": (0.5, 3600.0),
        "shuffled_registers": SHARE, "piano_texture": SHARE, "piano_figures": SHARE,
        "seed": (0, 2**32 - 1),
        "timing": (0.0, 1.0), "accent": (0.0, 127.0), "lag": (0.0, 1.0), "tuning": (0.0, 100.0),
        "vibrato_depth": (0.0, 100.0), "onset_noise": SHARE, "release": (0.0, 2.0),
        "doubles": SHARE, "most_players": (2, 7), "doubled_lines": SHARE,
    },
    "MixingConfig": {
        "coherent": SHARE, "real_share": SHARE, "inactive": SHARE, "players": (1, 64),
        "variant_weights": (0.0, 1e6), "gain": DECIBELS, "tilt": (-60.0, 60.0),
        "equaliser": DECIBELS, "detune": (0.0, 1200.0), "transpose_range": (0.0, 12.0),
        "reverb": SHARE, "compression": SHARE, "rooms": (1, 100_000), "featured": SHARE,
        "solos": SHARE, "subsets": SHARE, "ambience": SHARE, "drums": SHARE,
    },
    "ScoreErrors": {
        "timing": (0.0, 10.0), "shift": (0.0, 10.0), "length": (0.0, 5.0), "tuning": (0.0, 1200.0),
        "wrong": SHARE, "missing": SHARE, "extra": SHARE, "octaves": SHARE, "drift": (0.0, 10.0),
        "ornaments": SHARE,
    },
}  # fmt: skip
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


class RecipeError(ValueError):
    """One sentence: the recipe, what is wrong with it, and what would be right."""


def build(kind: type, entries: Any, path: str | Path, table: str):
    """A dataclass from the entries of a table; RecipeError names the entry that is wrong."""
    if not isinstance(entries, dict):
        raise RecipeError(f"{path}: {table} is not a table; write its entries under [{table}].")
    for name, value in DROPPED.get(table, {}).items():
        if name in entries:
            raise RecipeError(
                f"{path}: '{name}' of {table} is {entries[name]!r}, but this version has only "
                f"{value!r}; leave it out."
            )
    entries = {name: _tuples(value) for name, value in entries.items()}
    try:
        _schema(kind).model_validate(entries)
        return kind(**entries)
    except ValidationError as errors:
        error = min(errors.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise RecipeError(f"{path}: {_sentence(kind, entries, table, error)}") from errors
    except (KeyError, ValueError) as error:
        raise RecipeError(f"{path}: {table} is invalid: {error.args[0]}") from error


def _sentence(kind: type, entries: dict[str, Any], table: str, error: Any) -> str:
    """What is wrong with an entry of a table, and what would be right."""
    name = error["loc"][0]
    if error["type"] == "extra_forbidden":
        known = ", ".join(sorted(_schema(kind).model_fields))
        return f"{table} has no entry {name!r}; choose from {known}."
    if name not in entries:
        return f"{table} is incomplete; it needs '{name}'."
    value = list(entries[name]) if isinstance(entries[name], tuple) else entries[name]
    hint = typing.get_type_hints(kind)[name]
    expected = _expected(hint, RANGES.get(kind.__name__, {}).get(name))
    return f"'{name}' of {table} is {value!r}; it must be {expected}."


@cache
def _schema(kind: type) -> type[BaseModel]:
    """The pydantic model of a dataclass, with the ranges of its numbers."""
    fields = {}
    for entry in dataclasses.fields(kind):
        hint = typing.get_type_hints(kind)[entry.name]
        if not dataclasses.is_dataclass(hint):
            hint = _bounded(hint, RANGES.get(kind.__name__, {}).get(entry.name))
        missing = entry.default is dataclasses.MISSING
        required = missing and entry.default_factory is dataclasses.MISSING
        fields[entry.name] = (hint, ... if required else None)
    config = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True
    )
    return create_model(kind.__name__, __config__=config, **fields)


def _bounded(hint: Any, limits: tuple[float, float] | None) -> Any:
    """A type hint whose numbers lie within the limits, in a list, a table or an option too."""
    if hint in (int, float) and limits:
        return Annotated[hint, Field(ge=limits[0], le=limits[1])]
    arguments = tuple(_bounded(each, limits) for each in typing.get_args(hint))
    origin = typing.get_origin(hint)
    if origin is types.UnionType:
        return typing.Union[arguments]  # noqa: UP007
    return origin[arguments] if arguments and origin in (tuple, dict) else hint


def _expected(hint: Any, limits: tuple[float, float] | None) -> str:
    """A type hint in words, for the error message."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return _expected(arguments[0], limits)
    if origin is dict:
        value = arguments[1]
        return "a table" + (f", each value {_expected(value, limits)}" if value in KINDS else "")
    if origin is tuple:
        count = "" if Ellipsis in arguments else f"{len(arguments)} values, "
        return f"a list of {count}each {_expected(arguments[0], limits)}"
    words = KINDS.get(hint, "something else")
    return f"{words} from {limits[0]:g} to {limits[1]:g}" if limits else words


def _tuples(value: Any) -> Any:
    """TOML has lists, dataclasses tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
