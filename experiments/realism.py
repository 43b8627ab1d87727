"""Ablation of realistic training data: one ingredient after another, with the same budget.

    python -m experiments.realism
    python -m experiments.realism --only 01 06 --seeds 0 1 2 --steps 1000 --workers 2

The first step is `recipes/realism.toml`; every other step adds one ingredient to the one before. A
small network is trained for each and measured on the real excerpts of Bach10, which are not in the
training data. Steps in the table are skipped and stopped trainings continue, so the same command
resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from experiments.charts import plot_ablation
from experiments.ingredients import RealismMixing, RealismRendering
from experiments.jobs import Job, baseline_job, corpus_folder, missing, report, run
from helpers import runtime
from helpers.datasets.stem_folders import find_tracks
from helpers.display.figures import publish
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.recipes.schema import Recipe, read_recipe
from helpers.recipes.stem_banks import stem_bank
from helpers.recipes.train import train
from helpers.training.checkpoints import load_model
from helpers.training.trainer import TrainingConfig

TABLE = "04_realism"
NOTEBOOK = "04_htdemucs"
CORPUS = "bach10_excerpts"


@dataclass(frozen=True)
class AblationStep:
    """The entries of rendering and mixing that a step changes; `variant_weights` are added."""

    name: str
    rendering: Mapping[str, Any] = field(default_factory=dict)
    mixing: Mapping[str, Any] = field(default_factory=dict)
    variant_weights: Mapping[str, float] = field(default_factory=dict)


ALL_VARIANTS = {
    "soundfonts": ("FluidR3_GM", "MuseScore_General_Lite", "TimGM6mb"),
    "note_samples": 1, "tones": 1, "timbre_substitution": 1,
}  # fmt: skip
ABLATION = (
    AblationStep("01 one soundfont"),
    AblationStep("02 several soundfonts", rendering=ALL_VARIANTS),
    AblationStep("03 recorded notes", variant_weights={"notes": 1.0}),
    AblationStep("04 recorded solos", variant_weights={"solo": 1.0}, mixing={"coherent": 0.8}),
    AblationStep(
        "05 substituted and synthetic timbres",
        variant_weights={"timbre_substitution": 0.6, "tones": 0.4},
    ),
    AblationStep("06 spectral tilt", mixing={"tilt": (-9.0, 3.0)}),
    AblationStep(
        "07 rooms and other effects",
        mixing={
            "equaliser": 4.0, "detune": 8.0, "reverb": 0.5, "compression": 0.3,
            "vibrato": 0.3, "microphone": 0.5, "noise": 0.5, "codec": 0.3,
        },
    ),
    AblationStep(
        "08 dynamics",
        rendering={"accent": 10.0, "swell": 40.0, "softness": 40.0, "darkening": 9.0},
    ),
    AblationStep("09 incoherent mixing", mixing={"coherent": 0.4}),
    AblationStep(
        "10 timing",
        rendering={"timing": 0.01, "asynchrony": (0.027, 0.049), "intonation": 8.0},
    ),
)  # fmt: skip


def ablation_recipes(
    base: Recipe, ablation: Iterable[AblationStep] = ABLATION
) -> dict[str, Recipe]:
    """The recipe of every step, with the ingredients of all steps up to it."""
    rendering = RealismRendering(**vars(base.rendering))
    mixing = RealismMixing(**vars(base.mixing))
    recipes, recipe = {}, replace(base, rendering=rendering, mixing=mixing)
    for step in ablation:
        variant_weights = {**recipe.mixing.variant_weights, **step.variant_weights}
        recipe = replace(
            recipe,
            rendering=replace(recipe.rendering, **step.rendering),
            mixing=replace(recipe.mixing, **{**step.mixing, "variant_weights": variant_weights}),
        )
        recipes[step.name] = recipe
    return recipes


def budget(training: TrainingConfig, steps: int, seed: int) -> TrainingConfig:
    """The same for all; the result is the last averaged weights, without a choice by validation."""
    return replace(training, steps=steps, seed=seed, validate_every=steps)


def config_of(recipe: Recipe) -> str:
    """The column `config`: the architecture and the budget."""
    training = recipe.training
    seconds = recipe.segment_seconds
    return f"{recipe.architecture} {training.steps} steps of {training.batch_size}x{seconds:g}s"


def measure(system: str, recipe: Recipe, corpus: Path, progress: bool = False) -> list[Row]:
    """Train a network, or finish its training, and measure it."""
    torch.set_num_threads(1)  # the same for all, whatever the number of workers
    run_name = f"{system.replace(' ', '-')}-{recipe.training.steps}-seed{recipe.training.seed}"
    folder = runtime.repository_root() / "runs" / recipe.name / run_name
    model = load_model(train(recipe, folder, progress=progress))
    where = Provenance(
        NOTEBOOK, corpus.name,
        train_data=recipe.name, seed=recipe.training.seed, config=config_of(recipe),
        checkpoint_sha256=model.card["sha256"],
        device=runtime.describe_device(runtime.pick_device()),
    )  # fmt: skip
    tracks = [folder.load() for folder in find_tracks(corpus)]
    return evaluate(system, model_separator(model), tracks, where, sources=model.sources)


def ablation_job(step: str, recipe: Recipe, corpus: Path) -> Job:
    """One step with one seed."""
    columns = {
        "system": step, "seed": recipe.training.seed, "config": config_of(recipe),
        "test_data": corpus.name,
    }  # fmt: skip
    tracks = [folder.name for folder in find_tracks(corpus)]
    return Job(columns, tracks, partial(measure, step, recipe, corpus))


def run_ablation(
    recipes: Sequence[tuple[str, Recipe]], table: Path, corpus: Path, workers: int = 1
) -> None:
    """Baselines, stem banks, and then every (step, recipe) that the table lacks."""
    run([baseline_job(Provenance(NOTEBOOK, corpus.name), find_tracks(corpus))], table)
    steps = [(ablation_job(step, recipe, corpus), recipe) for step, recipe in recipes]
    jobs = missing([job for job, _ in steps], table)
    for recipe in {recipe.rendering: recipe for job, recipe in steps if job in jobs}.values():
        for split in ("training", "validation"):
            stem_bank(recipe, split)
    run(jobs, table, workers, "ablation")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = [step.name[:2] for step in ABLATION]
    parser.add_argument("--only", nargs="+", choices=numbers, default=numbers, help="these steps")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--steps", type=int, help="of each training; 300 as the recipe says")
    parser.add_argument("--workers", type=int, default=1, help="trainings at a time (1)")
    arguments = parser.parse_args()
    base = read_recipe(runtime.repository_root() / "recipes" / "realism.toml")
    steps = arguments.steps or base.training.steps
    recipes = [
        (step, replace(recipe, training=budget(recipe.training, steps, seed)))
        for seed in arguments.seeds
        for step, recipe in ablation_recipes(base).items()
        if step[:2] in arguments.only
    ]
    table = results.results_path(TABLE)
    try:
        run_ablation(recipes, table, corpus_folder(CORPUS), arguments.workers)
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    publish(plot_ablation(table, config=config_of(recipes[0][1])), TABLE)
    report(table)


if __name__ == "__main__":
    main()
