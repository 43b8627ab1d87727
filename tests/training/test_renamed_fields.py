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
def test_earlier_cards_are_read_under_todays_names(name):
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
    content = json.loads(card.read_text())
    content["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    content["config"]["voices"] = content["config"].pop("pitch_channels")
    content["config"]["told"] = content["config"].pop("conditioned")
    card.write_text(json.dumps(content))
    mixture = torch.randn(1, 1, 8000)
    with torch.inference_mode():
        assert torch.equal(load_model(weights)(mixture), model(mixture))


def test_current_names_are_unchanged():
    recipe = {"name": "x", "rendering": {"note_samples": 1}, "mixing": {"inactive": 0.1}}
    assert current_recipe(recipe) == recipe
    card = {"config": {"pitch_channels": 2}, "provenance": {"recipe": recipe}}
    assert current_card(card) == card


def test_a_card_keeps_the_record_of_a_dropped_field_that_was_in_use():
    mixing = {"vibrato": 0.3, "codec": 0.0, "absent": 0.1}
    recipe = {"takes": {"swell": 0.0, "asynchrony": [0.0, 0.0]}, "mixing": mixing}
    record = current_card({"provenance": {"recipe": recipe}})["provenance"]["recipe"]
    assert record == {"rendering": {}, "mixing": {"vibrato": 0.3, "inactive": 0.1}}
