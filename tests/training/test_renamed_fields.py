"""What was written under older names means the same today."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.runtime import repository_root
from helpers.training.checkpoints import load_model, read_card, save_model
from helpers.training.renamed_fields import WEIGHTS, current_card, current_recipe

SIZES = {"window": 512, "hop": 128, "highest": 3000.0, "hidden": 8, "layers": 1}


@pytest.mark.parametrize("name", ["bach-quartet", "chamber", "violin-piano"])
def test_cards_of_older_versions_speak_of_todays_fields(name):
    card = read_card(repository_root() / "Checkpoints" / f"{name}.json")
    assert {"pitch_channels", "chunk_frames"} <= set(card["config"])
    assert not {"voices", "memory", "told", "named", "refined"} & set(card["config"])
    recipe = card["provenance"]["recipe"]
    assert "soundfonts" in recipe["rendering"] and "timbre_substitution" in recipe["rendering"]
    assert "inactive" in recipe["mixing"] and "sample_rate" in recipe["export"]
    assert "foreign" not in recipe["mixing"].get("variant_weights", {})


def test_weights_under_older_parameter_names_give_the_same_estimates(tmp_path):
    torch.manual_seed(0)
    config = MaskNetConfig(("violin", "piano"), 8000, pitch_channels=2, conditioned=True, **SIZES)
    model = MaskNet(config).eval()
    weights, card = save_model(model, tmp_path, "new", {})
    todays = load_file(weights)
    older = {
        next((old + name.removeprefix(new) for old, new in WEIGHTS.items() if name.startswith(new)),
             name): value
        for name, value in todays.items()
    }  # fmt: skip
    assert set(older) != set(todays)
    save_file(older, weights)
    said = json.loads(card.read_text())
    said["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    said["config"]["voices"] = said["config"].pop("pitch_channels")
    said["config"]["told"] = said["config"].pop("conditioned")
    card.write_text(json.dumps(said))
    mixture = torch.randn(1, 1, 8000)
    with torch.inference_mode():
        assert torch.equal(load_model(weights)(mixture), model(mixture))


def test_names_of_today_are_left_alone():
    recipe = {"name": "x", "rendering": {"note_samples": 1}, "mixing": {"inactive": 0.1}}
    assert current_recipe(recipe) == recipe
    card = {"config": {"pitch_channels": 2}, "provenance": {"recipe": recipe}}
    assert current_card(card) == card


def test_removed_fields_are_dropped_at_the_value_that_changed_nothing():
    off = {"sample_rate": 8000, "asynchrony": [0.0, 0.0], "swell": 0.0, "darkening": 0.0}
    recipe = {"rendering": off, "mixing": {"vibrato": 0.0, "noise": 0.25}}
    assert current_recipe(recipe) == {
        "rendering": {"sample_rate": 8000},
        "mixing": {"noise": 0.25},  # had an effect, so that a recipe with it is refused
    }


def test_the_recipe_of_a_shipped_card_has_no_removed_fields():
    card = read_card(repository_root() / "Checkpoints" / "chamber.json")
    recipe = card["provenance"]["recipe"]
    assert not {"asynchrony", "swell", "softness"} & set(recipe["rendering"])
    assert not {"vibrato", "noise", "codec"} & set(recipe["mixing"])
