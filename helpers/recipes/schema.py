"""Recipes: one training as a TOML file, its fields, and what they must be.

`recipes/*.toml` are the examples. The tables `rendering`, `mixing`, `training` and `score_errors`
hold fields of `RenderingConfig`, `MixingConfig`, `TrainingConfig` and `ScoreErrors`; `model` and
`export` hold fields of the model's `Config`. All other entries are fields of `Recipe`.
Chapters: 02, 04, 08.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from ..datasets.mixing import VARIANT_WEIGHTS, MixingConfig
from ..datasets.players import OTHER
from ..datasets.renderings import RenderingConfig
from ..files import is_plain_name, read_text
from ..music.score_errors import ScoreErrors
from ..training.checkpoints import card_of
from ..training.config import TrainingConfig
from ..training.renamed_fields import current_recipe
from .entries import RecipeError, build

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VOICES = 4  # of a chorale
NOTES = "philharmonia_notes"  # the folder of recorded notes where a recipe names none

#: Whole chorales, one voice for each of four instruments; random pieces; excerpts of chorales,
#: quartets and piano music, arranged for the instruments of the recipe; excerpts of piano music
#: alone; and excerpts of quartets and chorales for ensembles, drawn from the instruments.
SCORES = ("chorales", "random", "works", "piano", "ensembles")

#: `negative_snr` of all stems, or Open-Unmix's error of the target's magnitudes.
LOSSES = ("negative_snr", "magnitude_mse")


@dataclass(frozen=True)
class Recipe:
    """One training.

    architecture: module and class under `models/`, such as `mask_net.MaskNet`.
    model: fields of the model's configuration, beside `sources` and `sample_rate`. export: those
        that differ in the checkpoint, such as the sample rate.
    segment_seconds: the length of an example. validation_examples: how many examples validate.
    sources: of the model: players such as `violin` and `violin-2`, and `other` for all else that is
        heard (see `PlayerMixer`); by default the instruments of `rendering`, one player each.
        counted_as: the source of instruments with another name, such as an alto saxophone.
    max_pieces: of each kind of score; 0 uses all. max_excerpts: of `works`, `piano`, `ensembles`
        and `chorale_instruments`, evenly spread over the works; all where there is no entry.
    start_from: the checkpoint to start from, matched by source; without it, random weights.
        start_as: for new sources, the source of that checkpoint whose weights they begin near.
    blind: for a model that takes a score, a checkpoint of a `MaskNet` that has a say in its masks.
    interpolate: checkpoints, and how far the trained weights move towards each at the end.
    joint_loss_weight: share of `joint_snr` in the loss. inactive_source_weight: of the leakage into
        silent stems in `negative_snr`. For players: left_out: share of the conditioned examples in
        which an instrument is left out of the conditioning and belongs to `other`;
        fundamentals_weight: of the loss of which source sounds at which pitches, for a model with
        `fundamentals`; identity_weight: of `identity_loss`.
    use_note_samples, use_solos: whether recorded notes and solos under `DIVISI_DATA` are used.
    note_collections: folders of recorded notes, or sets in them as `FOLDER/SET`; `all` for every
        folder that has an index.csv. Of a folder, sets are left out whose terms nobody states,
        unless they are named. Solo passages in these folders count as solos.
    scores: of `SCORES`. chorale_instruments: some of the instruments, which also play excerpts of
        chorales on their own.
    corpora: folders of multitrack pieces, or names of `divisi corpora` under `DIVISI_DATA`; the
        share `real_share` of the mixtures comes from them. `max_pieces` limits each of them too.
        microphone: which one, where a corpus has several; by default its usual one.
    target: the only source of the model, beside `rest`, the sum of all other stems; it sounds in
        `target_share` of the examples. loss: of LOSSES. With a target, `stems` may name a folder of
        pieces, each a folder with any stems: these alone are the data, and the target may have any
        name. bleed: whether pieces are used whose stems hold other instruments too.
    doubles: share of the mixtures of unrelated stems with two players of one instrument, where the
        sources are players or the model takes a score. score_errors: how far scores are wrong.
    """

    name: str
    architecture: str
    rendering: RenderingConfig
    mixing: MixingConfig
    training: TrainingConfig
    model: dict[str, Any] = field(default_factory=dict)
    export: dict[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    counted_as: dict[str, str] = field(default_factory=dict)
    segment_seconds: float = 4.0
    validation_examples: int = 48
    max_pieces: int = 0
    max_excerpts: dict[str, int] = field(default_factory=dict)
    start_from: str = ""
    start_as: dict[str, str] = field(default_factory=dict)
    blind: str = ""
    interpolate: dict[str, float] = field(default_factory=dict)
    joint_loss_weight: float = 0.0
    inactive_source_weight: float = 1.0
    left_out: float = 0.0
    fundamentals_weight: float = 0.1
    identity_weight: float = 0.0
    use_note_samples: bool = True
    use_solos: bool = True
    note_collections: tuple[str, ...] = (NOTES,)
    scores: tuple[str, ...] = ("chorales",)
    chorale_instruments: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    microphone: str = ""
    target: str = ""
    target_share: float = 0.85
    stems: str = ""
    bleed: bool = True
    loss: str = "negative_snr"
    doubles: float = 0.0
    score_errors: ScoreErrors = ScoreErrors()

    def __post_init__(self) -> None:
        if not is_plain_name(self.name):
            raise ValueError(
                f"name is {self.name!r}; it must be a name that a file can have, such as 'quartet'."
            )
        if unknown := sorted(set(self.scores) - set(SCORES)):
            raise ValueError(f"There are no scores '{unknown[0]}'; choose {', '.join(SCORES)}.")
        players = self.rendering.instruments
        if len(set(players)) < len(players):
            raise ValueError("instruments has one instrument twice; name each only once.")
        if unknown := [name for name in self.chorale_instruments if name not in players]:
            raise ValueError(f"'{unknown[0]}' of chorale_instruments is no instrument; add it.")
        if unknown := sorted(set(self.mixing.variant_weights) - set(VARIANT_WEIGHTS)):
            known = ", ".join(VARIANT_WEIGHTS)
            raise ValueError(f"variant_weights has no kind '{unknown[0]}'; choose from {known}.")
        rendering = self.rendering
        note_samples = self.use_note_samples and rendering.note_samples
        played = rendering.soundfonts or rendering.tones or note_samples
        if (self.scores or self.chorale_instruments) and not played:
            raise ValueError("nothing plays the scores; list soundfonts, or set tones to 1.")
        if self.corpora and not self.mixing.real_share:
            raise ValueError("corpora is set, but 'real_share' of mixing is 0; raise it.")
        if self.loss not in LOSSES:
            raise ValueError(f"There is no loss '{self.loss}'; choose {', '.join(LOSSES)}.")
        self._check_sources()
        if self.target:
            self._check_target()
        elif self.stems or self.loss == "magnitude_mse":
            raise ValueError("stems and magnitude_mse are for a target; name one.")

    def _check_sources(self) -> None:
        """ValueError where the sources are no players of the instruments."""
        players = {self.counted_as.get(name, name) for name in self.rendering.instruments}
        for source in self.sources:
            first = source.removesuffix("-2")
            if source != OTHER and first not in players:
                raise ValueError(
                    f"'{source}' of sources is no player of an instrument; write it as the"
                    f" instrument, such as '{sorted(players)[0]}', or with '-2' behind, or {OTHER}."
                )
            if first not in self.sources or self.sources.count(source) > 1:
                raise ValueError(
                    f"sources has '{source}' twice, or without '{first}'; name each player once."
                )
        for table, unknown in (
            ("start_as", [name for name in self.start_as if name not in self.sources]),
            ("counted_as", [n for n in self.counted_as.values() if n not in self.sources]),
        ):
            if unknown:
                raise ValueError(f"'{unknown[0]}' of {table} is no source; add it to sources.")

    def _check_target(self) -> None:
        if not is_plain_name(self.target) or self.target == "rest":
            raise ValueError(f"target is {self.target!r}; it must be a name such as 'violin'.")
        if self.stems:
            return
        if self.target not in self.rendering.instruments:
            raise ValueError(
                f"target is '{self.target}', which is none of the instruments; add it, or name a"
                " folder of pieces that have it as stems."
            )
        if self.rendering.tones or self.rendering.timbre_substitution:
            raise ValueError(
                "tones and timbre_substitution change the timbre by which a target is known; set"
                " both to 0."
            )


TABLES = {
    "rendering": RenderingConfig,
    "mixing": MixingConfig,
    "training": TrainingConfig,
    "score_errors": ScoreErrors,
}


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a TOML file; RecipeError where it is missing or invalid."""
    path = Path(path)
    try:
        entries = tomllib.loads(read_text(path))
        repr(entries)  # ValueError for a long hexadecimal number, which no sentence could show
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); name a recipe.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: is not TOML ({error}).") from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(
            f"{path}: has a number of thousands of digits, or as many brackets in each other, or "
            "is far too long; shorten it."
        ) from error
    try:
        entries = current_recipe(entries)
    except ValueError as error:
        raise RecipeError(f"{path}: {error}") from error
    tables = {  # first those that the file has, so that what is written is checked first
        name: build(TABLES[name], entries.get(name, {}), path, name)
        for name in sorted(TABLES, key=lambda name: name not in entries)
    }
    recipe = build(Recipe, {**entries, **tables}, path, "the recipe")
    if "chorales" in recipe.scores and (count := len(recipe.rendering.instruments)) != VOICES:
        raise RecipeError(f"{path}: it lists {count} instruments; a chorale has four voices.")
    architecture(dataclasses.replace(recipe, blind=""), path)  # which `build_model` looks for
    return recipe


def check_recipe(recipe: Recipe, owner: str) -> None:
    """RecipeError where an entry of a recipe that was built in Python is of a wrong kind."""
    for table, kind in {"the recipe": Recipe, **TABLES}.items():
        part = recipe if kind is Recipe else getattr(recipe, table)
        build(
            kind,
            {each.name: getattr(part, each.name) for each in dataclasses.fields(kind)},
            owner,
            table,
        )
    architecture(recipe, owner)


def architecture(recipe: Recipe, path: str | Path) -> tuple[type[nn.Module], Any]:
    """The class of a recipe's model and its configuration; RecipeError where one is invalid."""
    module, _, name = recipe.architecture.rpartition(".")
    try:
        model = getattr(importlib.import_module(f"..models.{module}", __package__), name)
        kind = model.Config
    except (ImportError, AttributeError) as error:
        raise RecipeError(
            f"{path}: there is no architecture '{recipe.architecture}'; "
            "it is a module and a class of helpers/models, such as 'mask_net.MaskNet'."
        ) from error
    for table in ("model", "export"):
        if "sources" in getattr(recipe, table):
            raise RecipeError(
                f"{path}: {table} has no entry 'sources'; list them at the top of the recipe, or as"
                " instruments of rendering."
            )
    if recipe.target and "target" not in {each.name for each in dataclasses.fields(kind)}:
        raise RecipeError(
            f"{path}: {name} has no target; leave 'target' out, or choose 'open_unmix.OpenUnmix'."
        )
    if recipe.sources and "fundamentals" not in {each.name for each in dataclasses.fields(kind)}:
        raise RecipeError(
            f"{path}: the sources of {name} cannot be players; leave 'sources' out, or choose"
            " 'mask_net.MaskNet'."
        )
    sources = recipe.sources or recipe.rendering.instruments
    shared = {"sources": sources, "sample_rate": recipe.rendering.sample_rate}
    if recipe.counted_as:
        shared["counted_as"] = recipe.counted_as
    if recipe.target:
        shared = {"target": recipe.target, "sample_rate": recipe.rendering.sample_rate}
    if recipe.blind:
        shared["blind"] = _blind_config(recipe, kind, path)
    config = build(kind, {**shared, **recipe.model}, path, "model")
    build(kind, {**shared, **recipe.model, **recipe.export}, path, "export")
    return model, config


def _blind_config(recipe: Recipe, kind: type, path: str | Path) -> dict[str, Any]:
    """The configuration of the checkpoint `blind`; RecipeError where it does not fit."""
    if "blind" not in {each.name for each in dataclasses.fields(kind)}:
        raise RecipeError(
            f"{path}: {recipe.architecture} has no blind network; leave 'blind' out, or choose "
            "'score_net.ScoreNet'."
        )
    card = card_of(recipe.blind)
    if card["architecture"] != "mask_net.MaskNet":
        raise RecipeError(
            f"{path}: blind is '{recipe.blind}', a {card['architecture']}; name a checkpoint of a "
            "mask_net.MaskNet, such as 'chamber'."
        )
    return card["config"]
