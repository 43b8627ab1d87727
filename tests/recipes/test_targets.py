"""Recipes with a target: the model's sources, its data, and stems of the reader's own."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from helpers.cli import main
from helpers.recipes import train
from helpers.recipes.entries import RecipeError
from helpers.recipes.schema import read_recipe
from helpers.recipes.targets import with_target
from helpers.runtime import repository_root
from helpers.training.checkpoints import load_model

RATE = 4000
TARGET = (
    ('architecture = "wave_unet.WaveUNet"', 'architecture = "open_unmix.OpenUnmix"'),
    ('name = "tiny"', 'name = "tiny"\ntarget = "violin"\nloss = "magnitude_mse"'),
    ("levels = 2\n", ""),
    ("width = 2\n", "hidden = 8\nlayers = 1\nwindow = 256\nhop = 64\nbandwidth = 2e3\n"),
    ("tones = 1\ntimbre", "tones = 0\ntimbre"),
    ("soundfonts = []", 'soundfonts = ["TimGM6mb"]'),
    ("{ tones", "{ soundfont"),
)  # fmt: skip


@pytest.fixture
def recipe_of_target(recipe):
    """The tiny recipe with Open-Unmix and a target, with further words replaced."""
    return lambda *changes: recipe(*TARGET, *changes)


@pytest.fixture
def band(tmp_path):
    """Three pieces of noises: the theremin in two of them, in one of these twice."""
    pieces = {"one": ["theremin_1", "theremin_2", "guitar"], "two": ["theremin", "my synth", "b"]}
    rng = np.random.default_rng(0)
    for piece, names in {**pieces, "three": ["piano", "voice"]}.items():
        (tmp_path / "band" / piece).mkdir(parents=True)
        for channels, name in enumerate(names, start=1):
            samples = rng.normal(0.0, 0.1, (3 * RATE, min(channels, 2)))
            soundfile.write(tmp_path / "band" / piece / f"{name}.wav", samples, RATE)
    return tmp_path / "band"


def test_the_sources_are_the_target_and_the_rest(recipe_of_target):
    recipe = read_recipe(recipe_of_target())
    model = train.build_model(recipe)
    assert with_target(recipe).name == "tiny-violin"
    training, validation = train.mixtures(recipe)
    mixture, stems = training[0]
    assert model.sources == ("violin", "rest")
    assert mixture.shape == (1, 2 * RATE) and stems.shape == (2, 1, 2 * RATE)
    assert len(validation) == 2 and validation.share == 1.0


def test_another_target_of_the_same_recipe(recipe_of_target):
    recipe = with_target(read_recipe(recipe_of_target()), "Fagott")
    assert (recipe.name, recipe.target) == ("tiny-bassoon", "bassoon")
    assert train.build_model(recipe).sources == ("bassoon", "rest")


def test_a_model_is_trained_from_a_folder_of_stems_and_separates(
    recipe_of_target, band, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["train", str(recipe_of_target()), "--target", "theremin", "--stems", str(band)]
    assert main(words) == 0
    weights = tmp_path / "runs" / "tiny-theremin" / "tiny-theremin.safetensors"
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["sources"] == ["theremin", "rest"]
    assert card["learned_from"] == ["own recordings"]
    assert sorted(card["provenance"]["recordings"]) == ["one", "three"]  # `two` validates
    assert card["provenance"]["command"].startswith("divisi train ")
    assert load_model(weights).card["half"]
    soundfile.write(tmp_path / "song.wav", np.random.default_rng(1).normal(0, 0.1, 3 * RATE), RATE)
    assert main(["separate", "song.wav", "--model", str(weights), "-o", "out"]) == 0
    parts = [soundfile.read(tmp_path / f"out/song/{name}.wav")[0] for name in ("theremin", "rest")]
    mixture, _ = soundfile.read(tmp_path / "song.wav")
    np.testing.assert_allclose(sum(parts), mixture, atol=1e-3)


def test_a_stopped_training_on_stems_resumes_with_the_same_weights(
    recipe_of_target, band, tmp_path
):
    whole = with_target(read_recipe(recipe_of_target()), "theremin", band)
    half = replace(whole, training=replace(whole.training, steps=2))
    weights = train.train(whole, tmp_path / "whole", progress=False)
    training = whole.training

    class Stop(Exception):
        pass

    def stopping(model, loss, *data, config, **kwargs):
        def interrupted(estimates, stems):
            interrupted.steps += 1
            if interrupted.steps > half.training.steps:
                raise Stop
            return loss(estimates, stems)

        interrupted.steps = 0
        return fit(model, interrupted, *data, config=config, **kwargs)

    fit, train.fit = train.fit, stopping
    try:
        with pytest.raises(Stop):
            train.train(whole, tmp_path / "resumed", progress=False)
    finally:
        train.fit = fit
    resumed = train.train(whole, tmp_path / "resumed", progress=False)
    assert training.checkpoint_every == 2
    assert resumed.read_bytes() == weights.read_bytes()


def test_a_training_on_other_stems_is_not_resumed(recipe_of_target, band, tmp_path):
    recipe = with_target(read_recipe(recipe_of_target()), "theremin", band)
    train.train(recipe, tmp_path / "run", progress=False)
    soundfile.write(band / "three" / "piano.wav", np.full(3 * RATE, 0.1), RATE)
    with pytest.raises(RecipeError, match="run: this training was begun with other stems; choose"):
        train.train(recipe, tmp_path / "run", progress=False)
    train.train(recipe, tmp_path / "run", progress=False, restart=True)


def test_pieces_that_do_not_do_are_refused_in_a_sentence(recipe_of_target, band, capsys):
    words = ["train", str(recipe_of_target()), "--stems", str(band), "--target"]
    assert main([*words, "harp"]) == 2
    assert "none of its 3 pieces has a stem of harp" in capsys.readouterr().err
    assert main([*words[:3], str(band / "none"), "--target", "theremin"]) == 2
    assert "there is no such folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('target = "violin"', 'target = "harp"'), "'harp', which is none of the instruments"),
        (('target = "violin"', 'target = "rest"'), "it must be a name such as 'violin'"),
        (("tones = 0\ntimbre", "tones = 1\ntimbre"), "tones and timbre_substitution change"),
        (("magnitude_mse", "mse"), "no loss 'mse'; choose negative_snr, magnitude_mse"),
        (('target = "violin"\n', ""), "are for a target; name one"),
        (("open_unmix.OpenUnmix", "wave_unet.WaveUNet"), "OpenUnmix|has no entry 'hidden'"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(recipe_of_target, change, sentence):
    with pytest.raises(RecipeError, match=sentence):
        read_recipe(recipe_of_target(change))


def test_a_recipe_without_a_target_cannot_be_given_one(recipe):
    with pytest.raises(RecipeError, match="tiny: this recipe has no target; choose one such as"):
        with_target(read_recipe(recipe()), "violin")


@pytest.mark.parametrize("name", ["open-unmix"])
def test_the_recipes_of_the_course_are_valid(name):
    recipe = read_recipe(repository_root() / "recipes" / f"{name}.toml")
    assert recipe.architecture == "open_unmix.OpenUnmix"
    assert with_target(recipe).name == f"open-unmix-{recipe.target}"
    assert "TimGM6mb" not in recipe.rendering.soundfonts  # it tests
