"""A network that takes a score is trained by a recipe like any other."""

from __future__ import annotations

import json

import pytest
import torch

from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.recipes.entries import RecipeError
from helpers.recipes.schema import read_recipe
from helpers.recipes.train import build_model, mixtures, train
from helpers.training.cards import CheckpointError
from helpers.training.checkpoints import load_model, save_model

MODEL = """[model]
window = 512
hop = 128
highest = 1900.0
width = 4
part_width = 4
pitch_channels = 2
"""
CHANGES = {
    "wave_unet.WaveUNet": "score_net.ScoreNet",
    "[model]\nlevels = 2\nwidth = 2\nsegment_seconds = 1.0\n": MODEL,
    "[mixing]": "[score_errors]\ntiming = 0.1\n\n[mixing]\nplayers = [2, 3]",
}


def test_a_score_network_learns_from_mixtures_with_their_notes(recipe):
    path = recipe(*CHANGES.items())
    chosen = read_recipe(path)
    assert chosen.score_errors.timing == 0.1
    training, validation = mixtures(chosen)
    mixture, stems, notes, players = training[0]
    assert stems.shape == (4, 1, 8000)
    assert notes.shape[0] == players.shape[0] == 3
    assert len(validation) == 2
    before = build_model(chosen).sharpness.item()
    weights = train(path, path.parent / "run")
    model = load_model(weights)
    assert model.takes_score
    assert model.sharpness.item() != before
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["provenance"]["recipe"]["score_errors"]["timing"] == 0.1


def test_errors_of_a_score_have_a_range(recipe):
    path = recipe(*CHANGES.items(), ("timing = 0.1", "timing = -1.0"))
    with pytest.raises(RecipeError, match="'timing' of score_errors is -1.0; it must be a number"):
        read_recipe(path)


def test_a_blind_network_comes_into_the_model_and_its_materials_into_the_card(recipe, tmp_path):
    config = MaskNetConfig(("violin", "flute"), 4000, window=512, hop=128, highest=1900.0, hidden=8)
    sounds = {"learned_from": ["music21"]}
    blind, _ = save_model(MaskNet(config), tmp_path / "blind", "blind", sounds)
    path = recipe(
        *CHANGES.items(), ('"score_net.ScoreNet"', f'"score_net.ScoreNet"\nblind = "{blind}"')
    )
    model = load_model(train(path, path.parent / "run"))
    assert model.blind.sources == ("violin", "flute")
    assert model.blind.sample_rate == model.sample_rate
    for name, weight in load_model(blind).state_dict().items():
        torch.testing.assert_close(model.blind.state_dict()[name], weight, atol=1e-3, rtol=1e-3)
    assert "music21" in model.card["learned_from"]


@pytest.mark.parametrize(
    ("blind", "architecture", "sentence"),
    [
        ("nowhere", "score_net.ScoreNet", "There is no model 'nowhere'"),
        ("violin-piano", "score_net.ScoreNet", "blind is no network of this rate: highest is 8000"),
        ("guided", "score_net.ScoreNet", "a score_net.ScoreNet; name a checkpoint of a mask_net"),
        ("chamber", "wave_unet.WaveUNet", "has no blind network; leave 'blind' out"),
    ],
)
def test_only_a_mask_network_can_be_the_blind_one(recipe, blind, architecture, sentence):
    changes = CHANGES if "score" in architecture else {}
    line = f'architecture = "{architecture}"'
    path = recipe(*changes.items(), (line, f'{line}\nblind = "{blind}"'))
    with pytest.raises((RecipeError, CheckpointError), match=sentence):
        build_model(read_recipe(path))
