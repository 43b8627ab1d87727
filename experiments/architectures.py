"""HT-Demucs and the mask network at equal budget, on the same mixtures.

    python -m experiments.architectures
    python -m experiments.architectures --minutes 60 --seeds 0 1

Each is trained for some minutes of one processor core (the seconds per step are measured first) on
the data of step 06 of `experiments/realism.py`, and measured on the real excerpts of Bach10, which
are not in the training data. Systems whose rows are in the table are skipped.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import torch
from torch.utils.data import DataLoader

from experiments.realism import (
    CORPUS,
    Job,
    ablation_recipes,
    baselines,
    budget,
    known_rows,
    measure,
)
from helpers import runtime
from helpers.evaluation import results
from helpers.recipes.schema import Recipe, read_recipe
from helpers.recipes.train import build_model, mixtures
from helpers.training.losses import negative_snr

TABLE = "04_architectures"
STEP = "06 spectral tilt"
#: Architecture, its configuration (None: that of the recipe) and its learning rate.
SYSTEMS = {
    "mask network": ("mask_net.MaskNet", None, 2e-3),
    "HT-Demucs": (
        "ht_demucs.HTDemucs",
        {"width": 24, "bottleneck": 128, "layers": 3, "heads": 4, "segment_seconds": 3.0},
        1e-3,
    ),
}


def recipe_of(system: str, seed: int) -> Recipe:
    """The recipe of STEP with the system's network."""
    root = runtime.repository_root()
    step = ablation_recipes(read_recipe(root / "recipes" / "realism.toml"))[STEP]
    architecture, model, rate = SYSTEMS[system]
    return replace(
        step,
        name="architectures",
        architecture=architecture,
        model=step.model if model is None else model,
        training=replace(step.training, learning_rate=rate, seed=seed),
    )


def seconds_a_step(recipe: Recipe, steps: int = 4) -> float:
    """Processor time of a training step on one core, with mixing; the first step is ignored."""
    torch.set_num_threads(1)
    model, (training, _) = build_model(recipe), mixtures(recipe)
    batches = iter(DataLoader(training, recipe.training.batch_size))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    times = []
    for _ in range(steps):
        start = time.process_time()
        mixture, stems = next(batches)
        with torch.autocast("cpu", torch.bfloat16):
            estimates = model(mixture)
        negative_snr(estimates.float(), stems).backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.process_time() - start)
    return sum(times[1:]) / (steps - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="of each training (5)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    chosen = parser.parse_args()
    root = runtime.data_root()
    if root is None:
        raise SystemExit("DIVISI_DATA is not set; set it to the folder of real recordings.")
    corpus, table = root / CORPUS, results.results_path(TABLE)
    results.append(table, baselines(table, corpus))
    for seed in chosen.seeds:
        for system in SYSTEMS:
            done = {(row.system, row.seed) for row in known_rows(table, corpus)}
            if (system, seed) in done:
                continue
            recipe = recipe_of(system, seed)
            seconds = seconds_a_step(recipe)
            steps = max(1, round(60 * chosen.minutes / seconds))
            print(f"{system}, seed {seed}: {steps} steps of {seconds:.2f} s", flush=True)
            recipe = replace(recipe, training=budget(recipe.training, steps, seed))
            results.append(table, measure(Job(system, recipe), corpus, progress=True))
    print(results.markdown(results.summary(table)))
    print(f"SI-SDR in dB; the rows are in {table}.")


if __name__ == "__main__":
    main()
