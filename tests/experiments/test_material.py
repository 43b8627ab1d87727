"""The ablation of the model for any ensemble: its recipes, its rendered pieces, its rows."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from experiments import material
from experiments.material import CORPORA, RENDERED, ablation, material_recipes, trials
from helpers.audio.track import Track
from helpers.recipes.schema import check_recipe, read_recipe
from helpers.runtime import repository_root


@pytest.fixture(scope="module")
def whole():
    return read_recipe(repository_root() / "recipes" / "ensemble.toml")


def test_every_step_is_a_valid_recipe_with_the_same_start(whole):
    for alone in (False, True):
        for step, recipe in material_recipes(whole, alone).items():
            check_recipe(recipe, step)
            assert recipe.start_from == material.START


def test_a_step_alone_adds_its_own_ingredients_to_the_first(whole):
    added, alone = material_recipes(whole), material_recipes(whole, alone=True)
    assert len(added) == len(alone) and set(added) & set(alone) == {"01 old notes"}
    first, pitches = alone["01 old notes"], alone["07 pitches as targets, alone"]
    assert pitches == replace(first, model={**first.model, "fundamentals": True})
    assert added["07 pitches as targets"].mixing.featured and not pitches.mixing.featured


def test_the_ninth_step_is_the_recipe_but_for_what_the_docstring_names(whole):
    recipes = list(material_recipes(whole).values())
    assert all(one != other for one, other in zip(recipes, recipes[1:], strict=False))
    assert len(recipes) == len(ablation(whole)) + len(trials(whole))
    ninth = recipes[8]
    entries = asdict(ninth)
    different = {name for name, value in asdict(whole).items() if entries[name] != value}
    assert different == {
        "name", "start_from", "max_excerpts", "interpolate", "rendering", "mixing", "model",
        "training",
    }  # fmt: skip
    assert ninth.rendering == replace(whole.rendering, shuffled_registers=0.5)
    assert ninth.training == replace(whole.training, workers=0)
    assert ninth.mixing == replace(
        whole.mixing, featured={"piano": 0.4}, tilt=(-3.0, 1.5), equaliser=1.5
    )
    assert ninth.model == {**whole.model, "fundamentals": True}


def test_trials_are_added_to_the_base_each_by_itself(whole):
    recipes = material_recipes(whole)
    base, identity = recipes[material.BASE], recipes["12 loss on identity"]
    assert identity == replace(base, identity_weight=1.0)
    assert recipes["13 complex masks"].identity_weight == 0.0


def test_the_attacks_are_as_long_at_the_rate_of_the_export(whole):
    recipe = material_recipes(whole, alone=True)["11 attacks, alone"]
    seconds = recipe.model["attack_window"] / recipe.rendering.sample_rate
    assert recipe.export["attack_window"] / recipe.export["sample_rate"] == seconds


def test_string_quartets_have_two_violins():
    quartet = next(material.string_quartets())
    assert list(quartet.stems) == ["violin-1", "violin-2", "viola", "cello"]
    assert quartet.name in next(iter(material.floor_job("string-quartets").tracks))


def test_a_model_with_one_violin_is_measured_on_all_but_string_quartets(whole, monkeypatch):
    noise = np.random.default_rng(0).normal(0.0, 0.1, (2, 1, 44_100)).astype(np.float32)
    track = Track("noise", 44_100, {"violin": noise[0], "piano": noise[1]})
    monkeypatch.setattr(material, "train", lambda *_: "chamber")
    monkeypatch.setattr(material, "tracks", lambda _: [track])
    rows = material.measure("01 old notes", material_recipes(whole)["01 old notes"])
    assert {row.test_data for row in rows} == {*CORPORA, *RENDERED} - {"string-quartets"}
    assert {row.instrument for row in rows if row.metric == "SI-SDR"} == {"violin", "piano"}
    steps = whole.training.steps
    assert {row.config for row in rows} == {f"mask_net.MaskNet {steps} steps of 8x4s"}
