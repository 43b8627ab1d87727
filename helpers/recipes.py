"""Trainings written down as TOML: from the sources of sound to a checkpoint, wired together.

`recipes/*.toml` are the examples: the tables `takes` (how chorales are played), `mixing`, `model`
and `training` hold the fields of the dataclasses of those names.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import sys
import typing
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lightning.fabric import Fabric
from torch import nn

from helpers import runtime
from helpers.banks import SCORES, RecipeError, stem_bank
from helpers.data.datasets import MixtureDataset, TrackDataset
from helpers.data.mixing import Mixer, MixingConfig
from helpers.data.renderings import TakesConfig
from helpers.sound.track import Track
from helpers.training.averaging import blend
from helpers.training.checkpoints import changed, load_model, save_model
from helpers.training.losses import Loss, joint_snr, negative_snr, weighted_sum
from helpers.training.runs import start_from
from helpers.training.trainer import TrainingConfig, fit

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VOICES = 4  # of a chorale

#: What TOML may say where a dataclass has a field of that type.
KINDS = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
    str: (str, "a text"),
    tuple: (tuple, "a list"),
    dict: (dict, "a table"),
}


@dataclass(frozen=True)
class Recipe:
    """One training, as its file says it.

    architecture: module and class under `helpers.models`, such as `mask_net.MaskNet`.
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
    takes: TakesConfig
    mixing: MixingConfig
    training: TrainingConfig
    model: dict[str, Any] = field(default_factory=dict)
    shipped: dict[str, Any] = field(default_factory=dict)
    segment_seconds: float = 4.0
    validation: int = 48
    pieces: int = 0
    start: str = ""
    blend: dict[str, float] = field(default_factory=dict)
    joint: float = 0.0
    silence: float = 1.0
    notes: bool = True
    solos: bool = True
    scores: tuple[str, ...] = ("chorales",)
    chorus: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    microphone: str = ""

    def __post_init__(self) -> None:
        if strange := sorted(set(self.scores) - set(SCORES)):
            raise ValueError(f"there are no scores '{strange[0]}'; choose {', '.join(SCORES)}.")
        if strange := [name for name in self.chorus if name not in self.takes.instruments]:
            raise ValueError(f"'{strange[0]}' of the chorus is none of the instruments; add it.")
        for name, share in self.blend.items():
            if not (isinstance(share, float) and 0.0 < share < 1.0):
                raise ValueError(f"the blend with '{name}' is {share!r}; it takes 0 to 1.")
        if self.corpora and not self.mixing.recorded:
            raise ValueError("corpora are given, but 'recorded' of mixing is 0; raise it.")


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a TOML file; RecipeError where it is missing or says what cannot be."""
    path = Path(path)
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); name a recipe.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: is not TOML ({error}).") from error
    tables = {"takes": TakesConfig, "mixing": MixingConfig, "training": TrainingConfig}
    built = {name: _fill(kind, said.pop(name, {}), path, name) for name, kind in tables.items()}
    recipe = _fill(Recipe, {**said, **built}, path, "the recipe")
    if "chorales" in recipe.scores and (count := len(recipe.takes.instruments)) != VOICES:
        raise RecipeError(f"{path}: {count} instruments are given; a chorale has four voices.")
    _architecture(recipe, path)
    return recipe


def build_model(recipe: Recipe) -> nn.Module:
    """The model of a recipe before it is trained: from `start`, or drawn from the seed."""
    model, config = _architecture(recipe, recipe.name)
    runtime.seed_everything(recipe.training.seed)
    built = model(config)
    if recipe.start:
        start_from(built, load_model(recipe.start), Path(recipe.start))
    return built


def mixtures(
    recipe: Recipe, recordings: Sequence[Track] = (), held_out: Sequence[Track] = ()
) -> tuple[MixtureDataset, MixtureDataset | TrackDataset]:
    """The mixtures that train and those that validate; renders the stem bank that they need.

    recordings: real tracks that train too, at the recipe's sample rate, mono. held_out: others,
    which then validate instead of rendered pieces.
    """
    if runtime.data_root() is None and (recipe.notes or recipe.solos):
        warnings.warn(
            "DIVISI_DATA names no folder, so neither recorded notes nor solos are used; "
            "the model will know rendered sound only.",
            stacklevel=2,
        )
    sources, seconds, seed = recipe.takes.instruments, recipe.segment_seconds, recipe.training.seed
    mix = partial(Mixer, sources=sources, seconds=seconds)
    bank = stem_bank(recipe, "training", recordings)
    training = MixtureDataset(mix(bank, config=recipe.mixing), seed)
    if held_out:
        return training, TrackDataset(list(held_out), sources, seconds)
    coherent = dataclasses.replace(recipe.mixing, coherent=1.0, recorded=0.0, absent=0.0)
    rendered = mix(stem_bank(recipe, "validation"), config=coherent)
    return training, MixtureDataset(rendered, seed, recipe.validation)


def train(
    recipe: Recipe | str | Path,
    folder: Path | None = None,
    fabric: Fabric | None = None,
    recordings: Sequence[Track] = (),
    held_out: Sequence[Track] = (),
    provenance: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Path:
    """Train what a recipe (or its file) describes, or go on with it; returns the weights' path.

    folder: of the run, `runs/NAME` by default; the checkpoint lies there beside the log.
    recordings, held_out: see `mixtures`. provenance: what else the checkpoint is to say of itself.
    Raises KeyboardInterrupt after Ctrl-C, when the state to go on from has been saved.
    """
    command = "helpers.recipes.train" if isinstance(recipe, Recipe) else f"divisi train {recipe}"
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    folder = folder or runtime.repository_root() / "runs" / recipe.name
    model = build_model(recipe)
    training, validation = mixtures(recipe, recordings, held_out)
    history = fit(
        model, _loss(recipe), training, validation,
        config=recipe.training, folder=folder, fabric=fabric, progress=progress,
    )  # fmt: skip
    if not history.finished:
        raise KeyboardInterrupt
    for name, share in recipe.blend.items():
        blend(model, load_model(name), share)
    best = history.best or history.rows[-1]
    told = {
        "command": command,
        "recordings": [track.name for track in recordings],
        "held_out": [track.name for track in held_out],
        "recipe": json.loads(json.dumps(dataclasses.asdict(recipe))),
        "commit": runtime.commit(),
        "device": runtime.describe_device(next(model.parameters()).device),
        "step": int(best["step"]),
        "val_si_sdr": best["val_si_sdr"],
        "seconds": history.rows[-1]["seconds"],
        "validation": [
            [int(row["step"]), round(row["val_si_sdr"], 3)]
            for row in history.rows
            if not math.isnan(row["val_si_sdr"])
        ],
        **(provenance or {}),
    }
    shipped = changed(model, **recipe.shipped)
    weights, _ = save_model(shipped, folder, recipe.name, told, half=True)
    return weights


def _loss(recipe: Recipe) -> Loss:
    each = partial(negative_snr, silence=recipe.silence)
    if not recipe.joint:
        return each
    return weighted_sum((1.0 - recipe.joint, each), (recipe.joint, joint_snr))


def _architecture(recipe: Recipe, path: str | Path) -> tuple[type[nn.Module], Any]:
    """The class of a recipe's model and its configuration; RecipeError where they cannot be."""
    module, _, name = recipe.architecture.rpartition(".")
    try:
        model = getattr(importlib.import_module(f"helpers.models.{module}"), name)
        kind = model.Config
    except (ImportError, AttributeError) as error:
        raise RecipeError(
            f"{path}: there is no architecture '{recipe.architecture}'; "
            "it is a module and a class of helpers/models, such as 'mask_net.MaskNet'."
        ) from error
    said = {"sources": recipe.takes.instruments, "sample_rate": recipe.takes.sample_rate}
    config = _fill(kind, {**said, **recipe.model}, path, "model")
    _fill(kind, {**said, **recipe.model, **recipe.shipped}, path, "shipped")
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
