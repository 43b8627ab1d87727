"""The ladder of realism at toy size: one ingredient a rung, one budget, and what resumes."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from experiments import realism
from experiments.realism import LADDER, Job, budget, climb, remaining, run
from helpers.audio.audio import save
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate
from helpers.evaluation.rows import Provenance
from helpers.recipes.schema import read_recipe
from helpers.recipes.train import build_model
from helpers.runtime import repository_root
from helpers.synthesis.soundfonts import PACKAGES

RATE = 8000
TONES = {"violin": 1760.0, "clarinet": 880.0, "saxophone": 440.0, "bassoon": 220.0}


@pytest.fixture(scope="module")
def base():
    return read_recipe(repository_root() / "recipes" / "realism.toml")


@pytest.fixture
def corpus(tmp_path) -> Path:
    """Two pieces of a tone an instrument."""
    folder = tmp_path / "bach10_toy"
    time = np.arange(RATE // 2) / RATE
    for name in ("01-excerpt05", "02-excerpt03"):
        (folder / name).mkdir(parents=True)
        for instrument, hertz in TONES.items():
            tone = 0.1 * np.sin(2 * np.pi * hertz * time).astype(np.float32)
            save(folder / name / f"{instrument}.wav", tone[None], RATE)
    return folder


def flat(recipe) -> dict:
    """The entries of takes and mixing, each with its name."""
    return {
        f"{table}.{name}": value
        for table in ("takes", "mixing")
        for name, value in asdict(getattr(recipe, table)).items()
    }


def test_every_rung_adds_its_own_ingredient_and_nothing_else(base):
    below = flat(base)
    for rung, recipe in zip(LADDER, climb(base).values(), strict=True):
        changed = {name for name, value in flat(recipe).items() if value != below[name]}
        asked = {f"takes.{name}" for name in rung.takes} | {f"mixing.{n}" for n in rung.mixing}
        assert changed == asked | ({"mixing.kinds"} if rung.kinds else set())
        assert bool(changed) == (rung is not LADDER[0])
        below = flat(recipe)


def test_the_first_rung_is_one_soundfont_as_written_and_dry(base):
    assert base.takes.soundfonts == ("FluidR3_GM",) and base.mixing.kinds == {"soundfont": 1.5}
    assert (base.takes.timing, base.takes.accent, base.takes.swell) == (0.0, 0.0, 0.0)
    shares = (base.mixing.reverb, base.mixing.compression, base.mixing.noise, base.mixing.codec)
    assert not any(shares) and base.mixing.coherent == 1.0


def test_the_last_rung_plays_from_every_soundfont_and_kind(base):
    (*_, last) = climb(base).values()
    assert set(last.takes.soundfonts) == set(PACKAGES)
    assert set(last.mixing.kinds) == {"soundfont", "notes", "solo", "foreign", "tones"}


def test_all_rungs_have_one_budget_and_few_banks(base):
    recipes = list(climb(base).values())
    trainings = {budget(recipe.training, 7, seed=1) for recipe in recipes}
    assert len(trainings) == 1
    (training,) = trainings
    assert training.steps == training.validate_every == 7  # so nothing is chosen on the way
    assert len({recipe.takes for recipe in recipes}) == 4
    assert len({(recipe.pieces, recipe.segment_seconds) for recipe in recipes}) == 1


@pytest.fixture
def climbed(base, corpus, tmp_path, monkeypatch):
    """Runs two rungs of untrained networks, without banks; returns the table and who was run."""
    measured = []

    def measure(job, corpus, progress):
        measured.append((job.rung, job.seed))
        model = build_model(job.recipe).eval()
        where = Provenance.here(
            realism.NOTEBOOK, corpus.name,
            train_data="realism", seed=job.seed, config=job.config, checkpoint_sha256="sha",
        )  # fmt: skip
        tracks = [folder.load() for folder in realism.find_tracks(corpus)]
        separator = realism.model_separator(model)
        return evaluate(job.rung, separator, tracks, where, sources=model.sources)

    monkeypatch.setattr(realism, "measure", measure)
    monkeypatch.setattr(realism, "stem_bank", lambda recipe, split: None)
    table = tmp_path / "Results" / "table.csv"

    def climbed(seeds, steps=3):
        measured.clear()
        jobs = [
            Job(rung, replace(recipe, training=budget(recipe.training, steps, seed)))
            for seed in seeds
            for rung, recipe in climb(base, LADDER[:2]).items()
        ]
        assert [job.rung for job in run(jobs, table, corpus)] == [rung for rung, _ in measured]
        assert remaining(jobs, table, corpus) == []
        return table, list(measured)

    return climbed


def test_every_rung_and_seed_is_measured_on_every_excerpt_with_floor_and_ceiling(climbed):
    table, _ = climbed((0, 1))
    rows = [row for row in results.read(table) if row.metric == "SI-SDR"]
    rungs = {row.system for row in rows} - {"mixture", "oracle-ibm", "oracle-irm"}
    assert rungs == {"01 one soundfont", "02 several soundfonts"}
    for rung in rungs:
        measured = [(row.seed, row.track, row.instrument) for row in rows if row.system == rung]
        assert len(measured) == len(set(measured)) == 2 * 2 * len(TONES)
    assert {row.system for row in rows} > {"mixture", "oracle-irm"}


def test_what_the_table_holds_is_not_trained_again(climbed):
    _, first = climbed((0,))
    assert [seed for _, seed in first] == [0, 0]
    _, more = climbed((0, 1))
    assert [seed for _, seed in more] == [1, 1]
    _, longer = climbed((0,), steps=4)
    assert len(longer) == 2
