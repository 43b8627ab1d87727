"""The ablation at toy size: one ingredient a step, one budget, and what is resumed."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from experiments import realism
from experiments.realism import ABLATION, ablation_recipes, budget, config_of, run_ablation
from helpers.audio.wav import save
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, model_separator
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
    """The entries of rendering and mixing by name."""
    return {
        f"{table}.{name}": value
        for table in ("rendering", "mixing")
        for name, value in asdict(getattr(recipe, table)).items()
    }


def test_every_step_adds_its_own_ingredient_and_nothing_else(base):
    first = next(iter(ablation_recipes(base).values()))
    below = flat(first)
    assert flat(base).items() <= below.items()
    for step, recipe in zip(ABLATION, ablation_recipes(base).values(), strict=True):
        changed = {name for name, value in flat(recipe).items() if value != below[name]}
        expected = {f"rendering.{name}" for name in step.rendering} | {
            f"mixing.{n}" for n in step.mixing
        }
        assert changed == expected | ({"mixing.variant_weights"} if step.variant_weights else set())
        assert bool(changed) == (step is not ABLATION[0])
        below = flat(recipe)


def test_the_first_step_is_one_soundfont_as_written_and_dry(base):
    assert base.rendering.soundfonts == ("FluidR3_GM",) and base.mixing.variant_weights == {
        "soundfont": 1.5
    }
    first = ablation_recipes(base)["01 one soundfont"]
    rendering, mixing = first.rendering, first.mixing
    assert (rendering.timing, rendering.accent, rendering.swell) == (0.0, 0.0, 0.0)
    assert not any((mixing.reverb, mixing.compression, mixing.noise, mixing.codec))
    assert mixing.coherent == 1.0


def test_the_last_step_uses_every_soundfont_and_variant(base):
    (*_, last) = ablation_recipes(base).values()
    assert set(last.rendering.soundfonts) == set(PACKAGES) - {"sf_GMbank"}  # found later
    assert set(last.mixing.variant_weights) == {
        "soundfont",
        "notes",
        "solo",
        "timbre_substitution",
        "tones",
    }


def test_all_steps_have_one_budget_and_few_banks(base):
    recipes = list(ablation_recipes(base).values())
    trainings = {budget(recipe.training, 7, seed=1) for recipe in recipes}
    assert len(trainings) == 1
    (training,) = trainings
    assert training.steps == training.validate_every == 7  # so nothing is chosen on the way
    assert len({recipe.rendering for recipe in recipes}) == 4
    assert len({(recipe.max_pieces, recipe.segment_seconds) for recipe in recipes}) == 1


@pytest.fixture
def run_steps(base, corpus, tmp_path, monkeypatch):
    """Runs two steps of untrained networks without banks; returns the table and what it ran."""
    measured = []

    def measure(step, recipe, corpus):
        measured.append((step, recipe.training.seed))
        model = build_model(recipe).eval()
        where = Provenance(
            realism.NOTEBOOK, corpus.name, train_data="realism", seed=recipe.training.seed,
            config=config_of(recipe), checkpoint_sha256="sha",
        )  # fmt: skip
        tracks = [folder.load() for folder in realism.find_tracks(corpus)]
        return evaluate(step, model_separator(model), tracks, where, sources=model.sources)

    monkeypatch.setattr(realism, "measure", measure)
    monkeypatch.setattr(realism, "stem_bank", lambda recipe, split: None)
    table = tmp_path / "Results" / "table.csv"

    def steps_run(seeds, steps=3):
        measured.clear()
        recipes = [
            (step, replace(recipe, training=budget(recipe.training, steps, seed)))
            for seed in seeds
            for step, recipe in ablation_recipes(base, ABLATION[:2]).items()
        ]
        run_ablation(recipes, table, corpus)
        return table, list(measured)

    return steps_run


def test_every_step_and_seed_is_measured_on_every_excerpt_with_floor_and_ceiling(run_steps):
    table, _ = run_steps((0, 1))
    rows = [row for row in results.read(table) if row.metric == "SI-SDR"]
    systems = {row.system for row in rows} - {"mixture", "oracle-ibm", "oracle-irm"}
    assert systems == {"01 one soundfont", "02 several soundfonts"}
    for step in systems:
        measured = [(row.seed, row.track, row.instrument) for row in rows if row.system == step]
        assert len(measured) == len(set(measured)) == 2 * 2 * len(TONES)
    assert {row.system for row in rows} > {"mixture", "oracle-irm"}


def test_what_the_table_holds_is_not_trained_again(run_steps):
    _, first = run_steps((0,))
    assert [seed for _, seed in first] == [0, 0]
    _, more = run_steps((0, 1))
    assert [seed for _, seed in more] == [1, 1]
    _, longer = run_steps((0,), steps=4)
    assert len(longer) == 2


def test_the_command_line_selects_steps(monkeypatch, corpus, tmp_path):
    chosen = []
    monkeypatch.setattr("sys.argv", ["realism", "--only", "02", "--seeds", "7", "--steps", "3"])
    monkeypatch.setattr(realism, "corpus_folder", lambda name: corpus)
    monkeypatch.setattr(realism, "run_ablation", lambda recipes, *_: chosen.extend(recipes))
    for name in ("publish", "plot_ablation", "report"):
        monkeypatch.setattr(realism, name, lambda *_, **__: None)
    realism.main()
    assert [(step, recipe.training.seed) for step, recipe in chosen] == [
        ("02 several soundfonts", 7)
    ]
