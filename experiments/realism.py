"""What makes rendered training data realistic: an ablation, one ingredient after another.

    python -m experiments.realism
    python -m experiments.realism --only 01 06 --seeds 0 1 2 --steps 1000 --workers 2

Step 01 is `recipes/realism.toml`; each further step adds one ingredient. A small network is trained
on each of them with the same budget and measured on the real excerpts of Bach10, which are not in
the training data. Steps whose rows are in the table are skipped and an interrupted training
continues, so that the same command resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from experiments.ingredients import RealismMixing, RealismRendering
from helpers import runtime
from helpers.datasets.stem_folders import find_tracks
from helpers.display.charts import plot_ablation
from helpers.display.plots import save_figure
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
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
    """An ingredient: the fields that it changes; `variant_weights` are added to earlier ones."""

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
        "05 foreign and synthetic timbres",
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
    """The same for all steps; the last averaged weights are the result, not the best."""
    return replace(training, steps=steps, seed=seed, validate_every=steps)


@dataclass(frozen=True)
class Job:
    """A step of the ablation and a seed."""

    step: str
    recipe: Recipe

    @property
    def seed(self) -> int:
        return self.recipe.training.seed

    @property
    def config(self) -> str:
        """The column `config`: the budget."""
        training, seconds = self.recipe.training, self.recipe.segment_seconds
        batch = f"{training.batch_size}x{seconds:g}s"
        return f"{self.recipe.architecture} {training.steps} steps of {batch}"

    @property
    def folder(self) -> Path:
        """Of its training."""
        run = f"{self.step.replace(' ', '-')}-{self.recipe.training.steps}-seed{self.seed}"
        return runtime.repository_root() / "runs" / self.recipe.name / run


def measure(job: Job, corpus: Path, progress: bool) -> list[Row]:
    """Train a job's network, or finish its training, and measure it."""
    torch.set_num_threads(1)  # the same result for any number of workers
    model = load_model(train(job.recipe, job.folder, progress=progress))
    provenance = Provenance.here(
        NOTEBOOK, corpus.name,
        train_data=job.recipe.name, seed=job.seed, config=job.config,
        checkpoint_sha256=model.card["sha256"],
        device=runtime.describe_device(runtime.pick_device()),
    )  # fmt: skip
    tracks = [folder.load() for folder in find_tracks(corpus)]
    return evaluate(job.step, model_separator(model), tracks, provenance, sources=model.sources)


def known_rows(table: Path, corpus: Path) -> list[Row]:
    """The rows of a corpus in the table, in this profile."""
    rows = results.read(table) if table.exists() else []
    wanted = (corpus.name, runtime.profile())
    return [row for row in rows if (row.test_data, row.profile) == wanted]


def remaining(jobs: Iterable[Job], table: Path, corpus: Path) -> list[Job]:
    """The jobs that have not every excerpt in the table."""
    tracks = {folder.name for folder in find_tracks(corpus)}
    rows = known_rows(table, corpus)

    def wanted(job: Job) -> set[tuple]:
        return {(job.step, job.seed, job.config, track) for track in tracks}

    done = {(row.system, row.seed, row.config, row.track) for row in rows}
    return [job for job in jobs if not wanted(job) <= done]


def baselines(table: Path, corpus: Path) -> list[Row]:
    """Mixture and oracles, unless they are in the table."""
    if any(row.system == "mixture" for row in known_rows(table, corpus)):
        return []
    tracks = [folder.load() for folder in find_tracks(corpus)]
    return evaluate_baselines(tracks, Provenance.here(NOTEBOOK, corpus.name))


def run(jobs: Sequence[Job], table: Path, corpus: Path, workers: int = 1) -> Iterator[Job]:
    """Each job that the table lacks, after its rows are written; stem banks are rendered first."""
    results.append(table, baselines(table, corpus))
    missing = remaining(jobs, table, corpus)
    for recipe in {job.recipe.rendering: job.recipe for job in missing}.values():
        for split in ("training", "validation"):
            stem_bank(recipe, split)
    measured = Parallel(workers, return_as="generator")(
        delayed(measure)(job, corpus, progress=workers == 1) for job in missing
    )
    for job, rows in zip(missing, tqdm(measured, total=len(missing), desc="ablation"), strict=True):
        results.append(table, rows)
        yield job


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = [step.name[:2] for step in ABLATION]
    parser.add_argument("--only", nargs="+", choices=numbers, default=numbers, help="steps")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--steps", type=int, help="of each training (300)")
    parser.add_argument("--workers", type=int, default=1, help="parallel trainings (1)")
    chosen = parser.parse_args()
    root = runtime.data_root()
    if root is None:
        raise SystemExit("DIVISI_DATA is not set; set it to the folder of real recordings.")
    base = read_recipe(runtime.repository_root() / "recipes" / "realism.toml")
    steps = chosen.steps or base.training.steps
    jobs = [
        Job(step, replace(recipe, training=budget(recipe.training, steps, seed)))
        for seed in chosen.seeds
        for step, recipe in ablation_recipes(base).items()
        if step[:2] in chosen.only
    ]
    table = results.results_path(TABLE)
    try:
        for job in run(jobs, table, root / CORPUS, chosen.workers):
            tqdm.write(f"{job.step}, seed {job.seed}: measured")
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command continues.") from None
    images = table.parent.parent / "Images"
    print(save_figure(plot_ablation(table, config=jobs[0].config), images / f"{TABLE}.png"))
    print(results.markdown(results.summary(table)))
    print(f"SI-SDR in dB; the rows are in {table}.")


if __name__ == "__main__":
    main()
