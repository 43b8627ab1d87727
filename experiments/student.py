"""Does a data set of separated recordings help the model that made it? Results/10_dataset.csv.

    DIVISI_DATA=... python -m experiments.student

`divisi dataset build` makes a data set of the mixtures of real recordings alone (URMP, TRIOS, the
live quintet: 77 s with both of its channels): `chamber` detects who plays, separates, and estimates
the quality of each stem. Then `chamber` is fine-tuned with the recipe of `divisi finetune`, with
half of its examples mixed from the stems of that set (pseudo-labels) and half rendered: from all
stems (`student, all stems`), or from those whose estimated quality is not `do not trust` (`student,
confident stems`). The control is fine-tuned for as many steps on rendered ensembles alone
(`student, no recordings`). Measured on Bach10, of which nothing is in the set, told who plays, with
two seeds.

Xie et al., "Self-training with noisy student improves ImageNet classification", CVPR 2020.

These recordings are for measuring: the students are not published, and the splits of the set do
not matter. What the table holds is not trained again, and stopped trainings continue. A step takes
about 2 s of one idle core, all six trainings half an hour; the data set takes 80 s, the rendered
pieces as long again, and then each system is measured.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from experiments.adaptation import rows_of_model
from experiments.jobs import Job, baseline_job, corpus_folder, report, run
from experiments.realism import config_of
from experiments.scored_pieces import BACH10, TRIOS, URMP
from helpers import runtime
from helpers.audio.track import Track
from helpers.cli import main as divisi
from helpers.datasets.collections import Collection
from helpers.datasets.stem_folders import StemFolder, find_tracks
from helpers.evaluation.quality_estimate import DO_NOT_TRUST, WORDS
from helpers.evaluation.results import output_folder, results_path
from helpers.evaluation.rows import Provenance, Row
from helpers.recipes.finetune import finetuning_recipe
from helpers.recipes.schema import Recipe
from helpers.recipes.train import train
from helpers.training.checkpoints import load_model

TABLE = NOTEBOOK = "10_dataset"
MODEL = "chamber"
QUINTET = "live_quintet"
TRUSTED = next(least for least, words in WORDS[::-1] if words != DO_NOT_TRUST)
#: The least estimated SI-SDR in dB of the stems that a variant learns from.
VARIANTS = {"all stems": -np.inf, "confident stems": TRUSTED, "no recordings": np.inf}
SEEDS = (0, 1)
STEPS, BATCH = 150, 4
SHARE = 0.5  # of the examples of a student that are mixed from stems of the set
COHERENT, PLAYERS = 0.6, (2, 5)  # of all variants, whatever their stems
PIECES = 40  # rendered, for training and for validation
SOUNDFONTS = ("FluidR3_GM", "MuseScore_General_Lite")


def smoke() -> bool:
    return runtime.profile() == "smoke"


def mixtures() -> dict[str, Path]:
    """The recordings without their stems, by name; the two channels of the quintet are two."""
    found = {
        f"{corpus}-{folder.name}": folder.mixture
        for corpus in (URMP, TRIOS)
        for folder in find_tracks(corpus_folder(corpus))
    }
    for path in sorted(corpus_folder(QUINTET).glob("*.flac")):
        found[f"{QUINTET}-{path.stem}"] = path
    return {name: found[name] for name in list(found)[:: 2 if smoke() else 1]}


@cache
def built(folder: Path) -> Collection:
    """The data set of the mixtures; what is in the folder is not separated again."""
    recordings, output = folder / "recordings", folder / "set"
    recordings.mkdir(parents=True, exist_ok=True)
    for name, path in mixtures().items():
        shutil.copyfile(path, recordings / f"{name}{path.suffix}")
    words = ["dataset", "build", recordings, "-o", output, "--model", MODEL]
    words += ["--source", "DIVISI_DATA, see docs/data.md", "--licence", "not to be published"]
    if divisi([str(word) for word in words]):
        raise SystemExit("The data set is not complete, so nothing is trained.")
    return Collection(output)


def pseudo_tracks(data: Collection, least: float, sample_rate: int) -> list[Track]:
    """The recordings of a data set, in mono, with their stems of at least this estimated quality.

    Stems without an estimate, which nowhere sound, are left out.
    """
    tracks = []
    for track in data.load_tracks():
        quality = {name: player["estimated_si_sdr"] for name, player in track.players.items()}
        kept = [name for name, value in quality.items() if value is not None and value >= least]
        if kept:
            stems = track.audio(sample_rate, channels=1).stems
            tracks.append(Track(track.id, sample_rate, {name: stems[name] for name in kept}))
    return tracks


def recipe_of(variant: str, steps: int, seed: int) -> Recipe:
    """That of `divisi finetune` with rendered ensembles beside recordings; variants differ in the
    share of the recordings alone."""
    name = f"student-{variant.replace(' ', '-')}"
    recipe = finetuning_recipe(load_model(MODEL).card, name, MODEL, ())
    share = SHARE if VARIANTS[variant] < np.inf else 0.0
    return replace(
        recipe,
        scores=("random",) if smoke() else ("ensembles",),
        max_pieces=2 if smoke() else PIECES,
        max_excerpts={"ensembles": PIECES},
        validation_examples=2 if smoke() else 16,
        rendering=replace(
            recipe.rendering, soundfonts=SOUNDFONTS[: 1 if smoke() else None], max_seconds=12.0
        ),
        mixing=replace(recipe.mixing, coherent=COHERENT, players=PLAYERS, real_share=share),
        training=replace(
            recipe.training, steps=steps, batch_size=BATCH, validate_every=steps, seed=seed
        ),
    )


def measured(
    variant: str, folder: Path, steps: int, seed: int, tests: Sequence[StemFolder]
) -> list[Row]:
    """Build the data set, train a variant, or finish both, and measure it."""
    recipe = recipe_of(variant, steps, seed)
    tracks = pseudo_tracks(built(folder), VARIANTS[variant], recipe.rendering.sample_rate)
    run_name = f"{recipe.name}-{steps}-seed{seed}"
    model = load_model(train(recipe, folder / run_name, recordings=tracks))
    where = Provenance.of_model(model.card, BACH10, notebook=NOTEBOOK)
    where = replace(where, config=config_of(recipe))
    return rows_of_model(f"student, {variant}", model, tests, where)


def jobs(steps: int, seeds: Sequence[int]) -> Iterator[Job]:
    """Floor and ceilings, the model as it is, and the variants with each seed."""
    model = load_model(MODEL)
    tests = find_tracks(corpus_folder(BACH10))[: 1 if smoke() else None]
    names = [test.name for test in tests]
    where = Provenance.of_model(model.card, BACH10, notebook=NOTEBOOK)
    yield baseline_job(where, tests)
    columns = {"test_data": BACH10, "system": MODEL}
    yield Job(columns, names, partial(rows_of_model, MODEL, model, tests, where))
    folder = output_folder("runs") / "student" / model.card["sha256"][:12]
    for seed in seeds:
        for variant in VARIANTS:
            config = config_of(recipe_of(variant, steps, seed))
            columns = {"test_data": BACH10, "system": f"student, {variant}"}
            columns |= {"seed": seed, "config": config}
            yield Job(columns, names, partial(measured, variant, folder, steps, seed, tests))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2 if smoke() else STEPS, help="a training")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS[: 1 if smoke() else None])
    arguments = parser.parse_args()
    table = results_path(TABLE)
    try:
        run(list(jobs(arguments.steps, arguments.seeds)), table, title="students")
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    report(table)


if __name__ == "__main__":
    main()
