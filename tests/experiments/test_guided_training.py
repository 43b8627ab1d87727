"""Which network chapter 8 shows: that of the course, or the combs where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from experiments.guided_training import PLAYERS, guided, recipe_of
from experiments.score_informed import combs
from helpers.recipes.schema import architecture, check_recipe
from helpers.training.checkpoints import save_model
from helpers.training.conditioning import with_config


@pytest.fixture
def checkpoints(monkeypatch, tmp_path):
    monkeypatch.setenv("DIVISI_PROFILE", "smoke")
    monkeypatch.setenv("DIVISI_CHECKPOINTS", str(tmp_path))
    return tmp_path


def test_without_weights_the_network_is_the_mask_of_the_combs_and_says_so(checkpoints):
    model, origin = guided(4, trains=False)
    assert not model.decide.weight.any() and model.sharpness == 1.0
    assert "not here" in origin and model.sample_rate == 44_100


def test_the_weights_of_the_course_are_taken_where_they_are(checkpoints):
    trained = combs(recipe_of(4))
    torch.nn.init.ones_(trained.decide.weight)
    save_model(trained, checkpoints, "guided", {})
    model, origin = guided(4, trains=False)
    assert model.decide.weight.all() and "come with the course" in origin


@pytest.mark.parametrize("profile", ["smoke", "reader"])
def test_the_quick_recipe_is_valid_and_small(monkeypatch, profile):
    monkeypatch.setenv("DIVISI_PROFILE", profile)
    whole, quick = recipe_of(), recipe_of(8)
    check_recipe(quick, "quick")
    assert quick.training.steps == 8 and quick.rendering.instruments == PLAYERS
    assert quick.max_pieces < whole.max_pieces and quick.score_errors == whole.score_errors
    kind, config = architecture(quick, "quick")
    assert with_config(kind(config), **quick.export).sample_rate == 44_100
    if profile == "reader":  # the same network
        expected = architecture(whole, "whole")[1]
        assert config == replace(expected, sources=PLAYERS)
