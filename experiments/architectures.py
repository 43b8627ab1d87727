"""HT-Demucs (with and without masks) and the mask network, with equal budgets and mixtures.

    python -m experiments.architectures
    python -m experiments.architectures --minutes 60 --seeds 0 1

Each is trained for some minutes of one processor core (its seconds per step are measured first) on
step 06 of the ablation of `experiments/realism.py`, and measured on the real excerpts of Bach10,
which are not in the training data. A system in the table is not trained again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from experiments import realism
from experiments.costs import seconds_a_step
from experiments.jobs import Job, baseline_job, corpus_folder, report, run
from helpers import runtime
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation import results
from helpers.evaluation.rows import Provenance, Row
from helpers.recipes.schema import Recipe, read_recipe
from helpers.recipes.train import build_model, mixtures

TABLE = "04_architectures"
STEP = "06 spectral tilt"
#: Architecture, the entries of its configuration (None: as in the recipe), and learning rate.
SYSTEMS = {
    "mask network": ("mask_net.MaskNet", None, 2e-3),
    "HT-Demucs": (
        "ht_demucs.HTDemucs",
        {"width": 24, "bottleneck": 128, "layers": 3, "heads": 4, "segment_seconds": 3.0},
        1e-3,
    ),
    "HT-Demucs with masks": (
        "ht_demucs.HTDemucs",
        {"width": 24, "bottleneck": 128, "layers": 3, "heads": 4, "segment_seconds": 3.0,
         "masks": True},
        1e-3,
    ),
}  # fmt: skip


def recipe_of(system: str, seed: int) -> Recipe:
    """The recipe of the ablation step, with another network."""
    root = runtime.repository_root()
    step = realism.ablation_recipes(read_recipe(root / "recipes" / "realism.toml"))[STEP]
    architecture, model, rate = SYSTEMS[system]
    return replace(
        step,
        name="architectures",
        architecture=architecture,
        model=step.model if model is None else model,
        training=replace(step.training, learning_rate=rate, seed=seed),
    )


def measure(system: str, seed: int, minutes: float, corpus: Path) -> list[Row]:
    """Train a system for its minutes and measure it."""
    recipe = recipe_of(system, seed)
    seconds = seconds_a_step(build_model(recipe), mixtures(recipe)[0], recipe.training.batch_size)
    steps = max(1, round(60 * minutes / seconds))
    print(f"{system}, seed {seed}: {steps} steps of {seconds:.2f} s", flush=True)
    recipe = replace(recipe, training=realism.budget(recipe.training, steps, seed))
    return realism.measure(system, recipe, corpus, progress=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="of each training (5)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    arguments = parser.parse_args()
    corpus, table = corpus_folder(realism.CORPUS), results.results_path(TABLE)
    folders = find_tracks(corpus)
    jobs = [baseline_job(Provenance(realism.NOTEBOOK, corpus.name), folders)]
    for seed in arguments.seeds:
        for system in SYSTEMS:
            columns = {"system": system, "seed": seed, "test_data": corpus.name}
            work = partial(measure, system, seed, arguments.minutes, corpus)
            jobs.append(Job(columns, [folder.name for folder in folders], work))
    run(jobs, table)
    report(table)


if __name__ == "__main__":
    main()
