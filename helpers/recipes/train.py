"""From a recipe to a checkpoint: stem bank, mixtures, model and training. Chapters: 02, 04."""

from __future__ import annotations

import dataclasses
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import nn
from torch.utils.data import Dataset

from .. import runtime
from ..audio.track import Track
from ..datasets.mixing import Mixer, MixingConfig
from ..datasets.players import PlayerDataset, PlayerMixer
from ..datasets.scored_mixtures import PartMixer, ScoredDataset
from ..datasets.torch_datasets import MixtureDataset, TrackDataset
from ..datasets.variable_sources import TargetDataset, VariableMixer
from ..inference.score_following import takes_score
from ..training.averaging import interpolate
from ..training.checkpoints import load_model, save_model
from ..training.conditioning import with_config
from ..training.execution import default_fabric
from ..training.history import History
from ..training.losses import Loss, joint_snr, magnitude_mse, negative_snr, weighted_sum
from ..training.objectives import PlayersObjective
from ..training.runs import RunFolder
from ..training.trainer import fit
from ..training.transfer import start_from
from ..training.validation import Validator
from .entries import RecipeError
from .schema import Recipe, architecture, read_recipe
from .settings import keep_settings
from .stem_banks import collections, stem_bank, stem_pieces

STATISTICS = 64  # mixtures from which a model takes the scaling of its input


def build_model(recipe: Recipe) -> nn.Module:
    """The untrained model of a recipe: with the weights of `start_from`, or random ones."""
    model, config = architecture(recipe, recipe.name)
    runtime.seed_everything(recipe.training.seed)
    built = model(config)
    if recipe.start_from:
        start = load_model(recipe.start_from)
        start_from(built, start, Path(recipe.start_from), recipe.start_as)
    if recipe.blind:
        built.blind.load_state_dict(load_model(recipe.blind).state_dict())
    return built


def mixtures(
    recipe: Recipe, recordings: Sequence[Track] = (), held_out: Sequence[Track] = ()
) -> tuple[Dataset, Dataset]:
    """Training and validation mixtures; renders the stem bank that they need.

    recordings: real tracks for training too, at the recipe's sample rate, mono. held_out: others,
    which then validate instead of rendered pieces.
    """
    if runtime.data_root() is None and (recipe.use_note_samples or recipe.use_solos):
        warnings.warn(
            "DIVISI_DATA is not set, so neither recorded notes nor solos are used; the model is "
            "trained on rendered sound only.",
            stacklevel=2,
        )
    sources = recipe.sources or recipe.rendering.instruments
    seconds, seed = recipe.segment_seconds, recipe.training.seed

    def dataset(
        split: str, config: MixingConfig, recordings: Sequence[Track] = (), length: int = 2**31
    ) -> Dataset:
        bank = stem_bank(recipe, split, recordings)
        try:
            model, model_config = architecture(recipe, recipe.name)
            if takes_score(model):
                parts = PartMixer(bank, config, seconds, recipe.doubles)
                return ScoredDataset(parts, sources, recipe.score_errors, seed, length)
            if recipe.sources:
                mixer = PlayerMixer(
                    bank, recipe.sources, config, seconds, recipe.doubles, recipe.counted_as
                )
                validates = split == "validation"
                with_notes = model_config.fundamentals and not validates
                return PlayerDataset(mixer, seed, length, validates, with_notes)
            if recipe.stems:
                mixer = VariableMixer(bank, recipe.target, config, seconds)
            else:
                mixer = Mixer(bank, sources, config, seconds)
            if not recipe.target:
                return MixtureDataset(mixer, seed, length)
            share = recipe.target_share if split == "training" else 1.0
            return TargetDataset(mixer, recipe.target, share, seed, length)
        except ValueError as error:
            raise RecipeError(
                f"{recipe.name}: {error.args[0]} Change scores, corpora, or players and "
                "variant_weights of mixing."
            ) from error

    training = dataset("training", recipe.mixing, recordings)
    if held_out:
        return training, TrackDataset(list(held_out), sources, seconds)
    coherent = dataclasses.replace(
        recipe.mixing, coherent=1.0, real_share=0.0, inactive=0.0, solos=0.0, subsets=0.0,
        ambience=0.0,
    )  # fmt: skip
    return training, dataset("validation", coherent, length=recipe.validation_examples)


def standardise(model: nn.Module, training: Dataset) -> None:
    """Give a model that scales its input (`standardise`) its first STATISTICS mixtures."""
    if hasattr(model, "standardise"):
        model.standardise(torch.stack([training[index][0] for index in range(STATISTICS)]))


def train(
    recipe: Recipe | str | Path,
    folder: Path | None = None,
    fabric: Fabric | None = None,
    recordings: Sequence[Track] = (),
    held_out: Sequence[Track] = (),
    provenance: Mapping[str, Any] | None = None,
    progress: bool = True,
    restart: bool = False,
) -> Path:
    """Train a recipe (or its file), or resume its training; returns the path of the weights.

    folder: of the run, `runs/NAME` by default; the checkpoint is written there, beside the log.
    recordings, held_out: see `mixtures`. provenance: further entries for the checkpoint's card.
    restart: delete an earlier run there.
    Raises TrainingError where another process trains in the folder, KeyboardInterrupt after Ctrl-C,
    when the state to resume from has been saved.
    """
    command = "helpers.recipes.train" if isinstance(recipe, Recipe) else f"divisi train {recipe}"
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    folder = folder or runtime.repository_root() / "runs" / recipe.name
    fabric = fabric or default_fabric(recipe.training.precision)
    files = RunFolder(folder)
    with files.locked() if fabric.is_global_zero else nullcontext():
        if restart and fabric.is_global_zero:
            files.forget()
        if recipe.stems and fabric.is_global_zero:
            pieces = {
                split: {piece.name: piece.sha256 for piece in stem_pieces(recipe, split)}
                for split in ("training", "validation")
            }
            keep_settings(files, "stems.json", pieces, "other stems", "--output")
        return _train(
            recipe,
            files.folder,
            fabric,
            recordings,
            held_out,
            progress,
            {"command": command, **(provenance or {})},
        )


def _train(
    recipe: Recipe,
    folder: Path,
    fabric: Fabric,
    recordings: Sequence[Track],
    held_out: Sequence[Track],
    progress: bool,
    provenance: Mapping[str, Any],
) -> Path:
    """Build, train, and save the checkpoint."""
    model = build_model(recipe)
    try:
        with_config(model, **recipe.export)  # not only when all is trained
    except (ValueError, RuntimeError) as error:
        raise RecipeError(
            f"{recipe.name}: export does not fit the weights of the model; change only entries that"
            " keep their sizes, such as sample_rate."
        ) from error
    others = [(_like(model, name, recipe), share) for name, share in recipe.interpolate.items()]
    training, validation = mixtures(recipe, recordings, held_out)
    if not recipe.start_from:
        standardise(model, training)
    history = fit(
        model, _objective(recipe), training, validation,
        config=recipe.training, folder=folder, fabric=fabric, progress=progress,
    )  # fmt: skip
    if not history.finished:
        raise KeyboardInterrupt
    record = {
        "recordings": [track.name for track in recordings]
        + [piece.name for piece in stem_pieces(recipe, "training")],
        "held_out": [track.name for track in held_out],
        "recipe": json.loads(json.dumps(dataclasses.asdict(recipe))),
        "collections": collections(recipe),
        "commit": runtime.commit(),
        "device": runtime.describe_device(next(model.parameters()).device),
        "precision": fabric.strategy.precision.precision,
        **_measured(history),
    }
    if others:
        for other, share in others:
            interpolate(model, other, share)
        record["val_si_sdr"] = Validator(validation, fabric, recipe.training.workers)(model)
    export = with_config(model, **recipe.export)
    weights, _ = save_model(export, folder, recipe.name, {**record, **provenance}, half=True)
    return weights


def _like(model: nn.Module, name: str, recipe: Recipe) -> nn.Module:
    """The checkpoint `name` of `interpolate`; RecipeError where it has another architecture."""
    other = load_model(name)
    if type(other) is not type(model):
        raise RecipeError(
            f"{recipe.name}: '{name}' of interpolate is a {type(other).__name__}; it must be a "
            f"{type(model).__name__}, as the model of the recipe."
        )
    return other


def _measured(history: History) -> dict[str, Any]:
    """Step and validation SI-SDR in dB of the best weights, all validations, and the seconds."""
    if not history.rows:
        return {}
    best = history.best
    record = {"step": int((best or history.rows[-1])["step"])}
    if best:
        record["val_si_sdr"] = best["val_si_sdr"]
    validations = [
        [int(row["step"]), round(row["val_si_sdr"], 3)]
        for row in history.rows
        if not math.isnan(row["val_si_sdr"])
    ]
    return {**record, "seconds": history.rows[-1]["seconds"], "validation": validations}


def _objective(recipe: Recipe) -> Loss | PlayersObjective:
    """The loss of a recipe; for players, with what its model is given."""
    if not recipe.sources:
        return _loss(recipe)
    config = architecture(recipe, recipe.name)[1]
    return PlayersObjective(
        _loss(recipe),
        recipe.sources,
        recipe.training.conditioned_share,
        recipe.left_out,
        recipe.fundamentals_weight if config.fundamentals else 0.0,
        recipe.identity_weight,
    )


def _loss(recipe: Recipe) -> Loss:
    if recipe.loss == "magnitude_mse":
        config = architecture(recipe, recipe.name)[1]
        return partial(magnitude_mse, window=config.window, hop=config.hop, source=0)
    each = partial(negative_snr, inactive_source_weight=recipe.inactive_source_weight)
    if not recipe.joint_loss_weight:
        return each
    return weighted_sum(
        (1.0 - recipe.joint_loss_weight, each), (recipe.joint_loss_weight, joint_snr)
    )
