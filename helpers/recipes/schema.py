"""A training written down as TOML: its fields, how it is read, and what is refused.

`recipes/*.toml` are the examples: the tables `rendering` (how scores are played), `mixing`, `model`
and `training` hold the fields of the dataclasses of those names.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
import typing
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from ..datasets.mixing import MixingConfig
from ..datasets.renderings import RenderingConfig
from ..training.config import TrainingConfig
from ..training.renamed_fields import current_recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VOICES = 4  # of a chorale

#: Where scores come from: chorales whole, a voice for each of four instruments; random pieces;
#: excerpts of chorales, quartets and piano music, arranged for the instruments of the recipe; and
#: excerpts of quartets and chorales for ensembles of two to four, drawn from the instruments.
SCORES = ("chorales", "random", "works", "ensembles")

#: What TOML may say where a dataclass has a field of that type.
KINDS = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
    str: (str, "a text"),
    tuple: (tuple, "a list"),
    dict: (dict, "a table"),
}


class RecipeError(ValueError):
    """One sentence: the recipe, what is wrong with it, and what would be right."""


@dataclass(frozen=True)
class Recipe:
    """One training, as its file says it.

    architecture: module and class under `models/`, such as `mask_net.MaskNet`.
    segment_seconds: the length of an example. validation: how many examples validate.
    scores: of SCORES. pieces: how many of each train, all where it is 0. chorus: which of the
        instruments play excerpts of chorales besides.
    start: the checkpoint whose weights the training starts from, as far as it knows the same
        sources; random ones where it is empty.
    blend: checkpoints, and how far the trained weights are drawn towards each of theirs at the end.
    joint: the share in the loss of all stems' errors together, beside those of each stem, of
        which the leak into an absent instrument counts `silence` times as much as an error.
    corpora: folders of multitrack pieces, or names of `divisi corpora` under `DIVISI_DATA`, from
        which the share `recorded` of the mixtures is drawn. microphone: which one they are heard
        at, where there are several; each corpus has its usual one.
    notes, solos: whether recorded notes and solos under `DIVISI_DATA` are used.
    shipped: entries of the model's configuration that differ in the checkpoint, such as the rate.
    """

    name: str
    architecture: str
    rendering: RenderingConfig
    mixing: MixingConfig
    training: TrainingConfig
    model: dict[str, Any] = field(default_factory=dict)
    export: dict[str, Any] = field(default_factory=dict)
    segment_seconds: float = 4.0
    validation_examples: int = 48
    max_pieces: int = 0
    start_from: str = ""
    interpolate: dict[str, float] = field(default_factory=dict)
    joint_loss_weight: float = 0.0
    inactive_source_weight: float = 1.0
    use_note_samples: bool = True
    use_solos: bool = True
    scores: tuple[str, ...] = ("chorales",)
    chorale_instruments: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    microphone: str = ""

    def __post_init__(self) -> None:
        if strange := sorted(set(self.scores) - set(SCORES)):
            raise ValueError(f"there are no scores '{strange[0]}'; choose {', '.join(SCORES)}.")
        if strange := [
            name for name in self.chorale_instruments if name not in self.rendering.instruments
        ]:
            raise ValueError(f"'{strange[0]}' of the chorus is none of the instruments; add it.")
        for name, share in self.interpolate.items():
            if not (isinstance(share, float) and 0.0 < share < 1.0):
                raise ValueError(f"the blend with '{name}' is {share!r}; it takes 0 to 1.")
        if self.corpora and not self.mixing.real_share:
            raise ValueError("corpora are given, but 'recorded' of mixing is 0; raise it.")


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a TOML file; RecipeError where it is missing or says what cannot be."""
    path = Path(path)
    try:
        said = current_recipe(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); name a recipe.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: is not TOML ({error}).") from error
    tables = {"rendering": RenderingConfig, "mixing": MixingConfig, "training": TrainingConfig}
    built = {name: _fill(kind, said.pop(name, {}), path, name) for name, kind in tables.items()}
    recipe = _fill(Recipe, {**said, **built}, path, "the recipe")
    if "chorales" in recipe.scores and (count := len(recipe.rendering.instruments)) != VOICES:
        raise RecipeError(f"{path}: {count} instruments are given; a chorale has four voices.")
    architecture(recipe, path)
    return recipe


def architecture(recipe: Recipe, path: str | Path) -> tuple[type[nn.Module], Any]:
    """The class of a recipe's model and its configuration; RecipeError where they cannot be."""
    module, _, name = recipe.architecture.rpartition(".")
    try:
        model = getattr(importlib.import_module(f"..models.{module}", __package__), name)
        kind = model.Config
    except (ImportError, AttributeError) as error:
        raise RecipeError(
            f"{path}: there is no architecture '{recipe.architecture}'; "
            "it is a module and a class of helpers/models, such as 'mask_net.MaskNet'."
        ) from error
    said = {"sources": recipe.rendering.instruments, "sample_rate": recipe.rendering.sample_rate}
    config = _fill(kind, {**said, **recipe.model}, path, "model")
    _fill(kind, {**said, **recipe.model, **recipe.export}, path, "export")
    return model, config


def _fill(kind: type, said: Any, path: str | Path, table: str):
    """A dataclass from the entries of a table; RecipeError names the entry that is at fault."""
    if not isinstance(said, dict):
        raise RecipeError(f"{path}: {table} is no table; write its entries under [{table}].")
    entries = {entry.name: entry for entry in dataclasses.fields(kind)}
    if strange := sorted(set(said) - set(entries)):
        raise RecipeError(
            f"{path}: {table} has no entry '{strange[0]}'; it knows {', '.join(sorted(entries))}."
        )
    needed = [
        name
        for name, entry in entries.items()
        if entry.default is MISSING and entry.default_factory is MISSING and name not in said
    ]
    if needed:
        raise RecipeError(f"{path}: {table} is incomplete; it needs '{needed[0]}'.")
    said = {name: tuple(v) if isinstance(v, list) else v for name, v in said.items()}
    hints = typing.get_type_hints(kind)
    for name, value in said.items():
        types, words = KINDS.get(typing.get_origin(hints[name]) or hints[name], (object, ""))
        if not isinstance(value, types):
            raise RecipeError(f"{path}: '{name}' of {table} is {value!r}; it must be {words}.")
    try:
        return kind(**said)
    except (KeyError, ValueError) as error:
        raise RecipeError(f"{path}: {table} cannot be: {error.args[0]}") from error
