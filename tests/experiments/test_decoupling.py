"""The ablation of the decoupled mask at toy size: one part a step, one budget, and resuming."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from experiments import decoupling
from experiments.decoupling import DUO, STEPS, Ablation, base_recipe, network, recipe_of
from experiments.jobs import run
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.recipes.schema import architecture
from helpers.training.checkpoints import save_model

PARTS = ("magnitude", "phase", "residual")


def parts_of(step: str) -> tuple[list[str], int]:
    _, config = architecture(recipe_of(base_recipe(), step), step)
    return [part for part in PARTS if getattr(config, part)], config.subbands


def test_every_step_adds_one_part_and_the_last_takes_the_subbands_away():
    assert parts_of("01 magnitude") == (["magnitude"], 4)
    assert parts_of("02 phase") == (["magnitude", "phase"], 4)
    assert parts_of("03 residual") == (["magnitude", "phase", "residual"], 4)
    assert parts_of("04 no subbands") == (["magnitude", "phase", "residual"], 1)


def test_the_steps_differ_in_nothing_else():
    widths = {architecture(recipe_of(base_recipe(), step), step)[1].widths for step in STEPS}
    data = {
        (recipe.rendering, recipe.segment_seconds, recipe.training)
        for recipe in (recipe_of(base_recipe(), step) for step in STEPS)
    }
    assert len(widths) == len(data) == 1


@pytest.fixture
def ablation(tmp_path, monkeypatch):
    """Networks that are not trained, and a step that takes one second, or two without subbands."""
    small = {"widths": (2, 2), "bottlenecks": 0, "segment_seconds": 1.0}
    base = replace(base_recipe(), model={**base_recipe().model, **small})
    trained = []

    def train(recipe, folder):
        trained.append((folder.name, recipe.training.steps))
        return save_model(network(recipe), folder, recipe.name, {"recipe": asdict(recipe)})[0]

    seconds = lambda recipe: 2.0 / recipe.model["subbands"] ** 0.5  # noqa: E731
    monkeypatch.setattr(decoupling, "train", train)
    monkeypatch.setattr(decoupling, "cost", seconds)
    rng = np.random.default_rng(0)
    stems = {name: rng.normal(size=(1, 22050)).astype(np.float32) for name in DUO}
    tests = {test: [Track(test, 22050, stems)] for test in ("rendered", "real")}
    made = Ablation(base, tests, tmp_path / "runs", minutes=1.0)
    made.__dict__["trained"] = trained
    return made


def test_a_cheaper_step_gets_more_steps_from_the_same_budget(ablation):
    assert ablation.recipe("01 magnitude", 0).training.steps == 60
    assert ablation.recipe("04 no subbands", 0).training.steps == 30


def test_seconds_are_measured_once_so_that_a_stopped_training_resumes(ablation, monkeypatch):
    before = ablation.recipe("01 magnitude", 0).training.steps
    monkeypatch.setattr(decoupling, "cost", lambda recipe: 9.0)
    assert ablation.recipe("01 magnitude", 1).training.steps == before


def test_every_step_and_seed_is_measured_on_every_test_and_once(ablation, tmp_path):
    table = tmp_path / "table.csv"
    jobs = ablation.jobs(["01 magnitude", "04 no subbands"], [0, 1])
    run(jobs, table)
    rows = results.read_table(table).query("metric == 'SI-SDR'")
    counts = rows.groupby(["test_data", "system", "seed"]).size()
    assert set(counts) == {2}
    assert counts["real"]["04 no subbands"].index.tolist() == [0, 1]
    assert {"mixture", "oracle-irm"} < set(rows["system"])
    assert len(ablation.trained) == 4
    run(jobs, table)
    assert len(ablation.trained) == 4
