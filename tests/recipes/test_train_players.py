"""A recipe whose sources are players, from its bank to a checkpoint that separates."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.cli import main
from helpers.datasets.players import NOTES
from helpers.inference.players import chosen_sources
from helpers.recipes import stem_banks
from helpers.recipes.entries import RecipeError
from helpers.recipes.schema import read_recipe
from helpers.recipes.train import build_model, mixtures
from helpers.runtime import repository_root
from helpers.training.checkpoints import load_model
from helpers.training.conditioning import condition_on

SOURCES = '["violin", "violin-2", "clarinet", "other"]'
NET = """
[counted_as]
saxophone = "violin"

[model]
conditioned = true
window = 512
hop = 128
highest = 1900.0
resolution = 12
width = 4
pitch_channels = 2
hidden = 8
layers = 1
"""


@pytest.fixture
def players(recipe):
    """The recipe of two violins (one of them a saxophone), a clarinet, and a bassoon in `other`."""

    def write(*changes):
        return recipe(
            ('"wave_unet.WaveUNet"', f'"mask_net.MaskNet"\nsources = {SOURCES}\nleft_out = 0.5'),
            ("[model]\nlevels = 2\nwidth = 2\nsegment_seconds = 1.0\n", NET),
            ("[training]\n", "[training]\nconditioned_share = 0.5\n"),
            *changes,
        )

    return write


def test_players_are_trained_from_a_recipe_and_separate(players, tmp_path):
    assert main(["train", str(players()), "-o", str(tmp_path / "run")]) == 0
    model = load_model(tmp_path / "run" / "tiny.safetensors")
    assert model.sources == ("violin", "violin-2", "clarinet", "other")
    assert model.card["provenance"]["validation"]
    assert chosen_sources(model, "saxophone, violin") == ("violin", "violin-2")
    mixture = 0.1 * torch.randn(1, 1, 9000)
    duo = condition_on(model, ["violin", "violin-2"])
    with torch.no_grad():
        torch.testing.assert_close(duo(mixture).sum(1), mixture, atol=1e-5, rtol=0)


def test_validation_is_conditioned_and_has_the_stems_of_the_pieces(players):
    training, validation = mixtures(read_recipe(players()))
    mixture, stems, active = validation[0]
    np.testing.assert_array_equal(mixture, stems.sum(0))
    assert active.tolist() == [True] * 4 and stems.flatten(1).any(1).all()
    assert len(training[0]) == 2


def test_fundamentals_are_a_target_where_the_model_has_them(players, tmp_path):
    path = players(("[model]\n", "[model]\nfundamentals = true\n"))
    mixture, stems, notes = mixtures(read_recipe(path))[0][0]
    assert notes.shape == (4, NOTES, 3) and (notes[-1] == -1).all()
    sounding = stems.flatten(1).any(1)
    assert ((notes[:-1, 0, 2] > 0) == sounding[:-1]).all()
    assert main(["train", str(path), "-o", str(tmp_path / "run")]) == 0
    assert load_model(tmp_path / "run" / "tiny.safetensors").played.weight.any()


def test_sources_are_players_of_a_mask_net_only(recipe):
    path = recipe(("max_pieces", 'sources = ["violin", "clarinet"]\nmax_pieces'))
    with pytest.raises(RecipeError, match="the sources of WaveUNet cannot be players"):
        read_recipe(path)


def test_new_sources_begin_near_the_weights_of_others(players, tmp_path):
    main(["train", str(players()), "-o", str(tmp_path / "run")])
    start = tmp_path / "run" / "tiny.safetensors"
    changes = (
        ('"other"]', '"bassoon", "other"]'),
        ("max_pieces", f'start_from = "{start}"\nmax_pieces'),
        ("[counted_as]", '[start_as]\nbassoon = "clarinet"\n[counted_as]'),
    )
    begun, trained = build_model(read_recipe(players(*changes))), load_model(start)
    _, _, clarinet, bassoon, other = begun.decide.weight
    assert torch.equal(clarinet, trained.decide.weight[2])
    assert torch.equal(other, trained.decide.weight[3])
    change = (bassoon - clarinet).norm() / clarinet.norm()
    assert 0.03 < change < 0.3


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"violin-2"', '"viola"', "'viola' of sources is no player of an instrument"),
        ('"violin-2"', '"clarinet-3"', "'clarinet-3' of sources is no player"),
        ('"violin", "violin-2"', '"violin-2"', "without 'violin'"),
        ('"violin", "violin-2"', '"violin", "violin"', "'violin' twice"),
        ('saxophone = "violin"', 'saxophone = "tuba"', "'tuba' of counted_as is no source"),
        ("[counted_as]", '[start_as]\ntuba = "violin"\n[counted_as]', "'tuba' of start_as is no"),
    ],
)
def test_sources_that_do_not_fit_are_refused(players, old, new, sentence):
    with pytest.raises(RecipeError, match=sentence) as refused:
        read_recipe(players((old, new)))
    assert str(refused.value).startswith(str(players()))


def test_two_of_one_instrument_are_drawn_where_the_model_of_the_repository_has_two():
    recipe = read_recipe(repository_root() / "recipes" / "ensemble.toml")
    names = {recipe.counted_as.get(name, name) for name in recipe.rendering.twice}
    assert names == {name.removesuffix("-2") for name in recipe.sources if name.endswith("-2")}


def test_excerpts_are_spread_over_the_works(recipe, monkeypatch):
    monkeypatch.setattr(stem_banks, "_excerpts", lambda works, *_: [*works, *works])
    read = read_recipe(
        recipe(
            ("max_pieces = 2", 'scores = ["ensembles", "works"]\nmax_pieces = 4'),
            ("[model]", "[max_excerpts]\nensembles = 4\n[model]"),
        )
    )
    few, every = (group.pieces for group in stem_banks._score_groups(read, "training", []))
    assert len(every) == 16 and few == every[::4]  # four quartets, four chorales, each twice
