"""A recipe is read as its dataclasses say, or refused in one sentence."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from helpers.datasets.mixing import MixingConfig
from helpers.datasets.renderings import RenderingConfig
from helpers.music.score_errors import ScoreErrors
from helpers.recipes.entries import RANGES, RecipeError
from helpers.recipes.schema import Recipe, check_recipe, read_recipe
from helpers.recipes.train import build_model
from helpers.runtime import repository_root
from helpers.training.renamed_fields import DROPPED

QUARTET = ("violin", "clarinet", "saxophone", "bassoon")


@pytest.mark.parametrize("path", sorted((repository_root() / "recipes").glob("*.toml")), ids=str)
def test_the_recipes_of_the_repository_are_read(path):
    assert read_recipe(path).name == path.stem


def test_a_recipe_is_read_into_its_dataclasses(recipe):
    read = read_recipe(recipe())
    assert (read.name, read.max_pieces, read.use_solos) == ("tiny", 2, False)
    assert read.rendering.instruments == QUARTET
    assert read.mixing.variant_weights == {"tones": 1.0, "real": 1.0}
    assert (read.training.steps, read.training.batch_size) == (4, 2)
    model = build_model(read)
    assert model.sources == QUARTET and model.sample_rate == 4000
    assert model.config.levels == 2 and model.segment_seconds == 1.0


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("max_pieces = 2", "max_pieces = 2\ncolour = 'red'", "the recipe has no entry 'colour'"),
        ("[mixing]", "[mixing]\nabsence = 0.1", "mixing has no entry 'absence'.*coherent"),
        ("[mixing]", '[mixing]\n"a\\nb" = 1', r"mixing has no entry 'a\\nb'"),
        ("width = 2", "breadth = 2", "model has no entry 'breadth'.*width"),
        ("segment_seconds = 3.0", "sgment = 3.0", "export has no entry 'sgment'"),
        ('name = "tiny"', "", "the recipe is incomplete; it needs 'name'"),
        ("steps = 4", "", "training is incomplete; it needs 'steps'"),
        ("steps = 4", 'steps = "four"', "'steps' of training is 'four'; .* a whole number"),
        ("steps = 4", "steps = 0", "training is invalid: steps is 0"),
        (
            "use_solos = false",
            'use_solos = "no"',
            "'use_solos' of the recipe is 'no'; .* true or false",
        ),
        ("[mixing]", "[[mixing]]", r"mixing is not a table; .* under \[mixing\]"),
        ('"vn"', '"violinne"', "rendering is invalid: .* did you mean 'violin'"),
        ('"vn", ', "", "3 instruments"),
        ("tones = 1.0, real", "tone = 1.0, real", "variant_weights has no kind 'tone'"),
        ("tones = 1", "tones = 0", "nothing plays the scores; list soundfonts"),
        ("soundfonts = []", "soundfonts = 3", "'soundfonts' of rendering is 3; it must be a list"),
        (
            "timbre_substitution = 0",
            "timbre_substitution = 1",
            "rendering is invalid: timbre substitution needs a soundfont",
        ),
        ("width = 2", 'normalisation = "brutal"', "no normalisation 'brutal'"),
        ("wave_unet.WaveUNet", "wave_unet.WaveNet", "no architecture 'wave_unet.WaveNet'"),
        ("wave_unet.WaveUNet", "wave_net.WaveUNet", "no architecture 'wave_net.WaveUNet'"),
        ("wave_unet.WaveUNet", "WaveUNet", "no architecture 'WaveUNet'; it is a module and"),
        ("wave_unet.WaveUNet", "wave_unet.Tensor", "no architecture"),
        ("[model]", "[model", "is not TOML"),
        ("[mixing]", "[takes]\nseed = 1\n\n[mixing]", "'takes' and 'rendering' are one entry"),
        ("steps = 4", "steps = 4\nnamed = 0.1\nconditioned_share = 0.1", "'named' and 'cond"),
        ("width = 2", 'sources = ["../../x"]', "model has no entry 'sources'"),
        ("segment_seconds = 3.0", 'sources = ["../../x"]', "export has no entry 'sources'"),
        ('name = "tiny"', 'name = "nul"', "name is 'nul'; it must be a name"),
        ('name = "tiny"', 'name = "a\\u0000b"', "it must be a name"),
    ],
)
def test_an_invalid_recipe_is_refused_in_a_sentence_with_its_file(recipe, old, new, sentence):
    path = recipe((old, new))
    with pytest.raises(RecipeError, match=sentence) as refused:
        read_recipe(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert str(refused.value).count("\n") == 0


def test_the_mark_that_some_editors_write_first_is_no_part_of_a_recipe(recipe):
    path = recipe()
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert read_recipe(path).name == "tiny"


def test_a_recipe_without_end_is_refused():
    with pytest.raises(RecipeError, match="/dev/zero: .*far too long"):
        read_recipe("/dev/zero")


@pytest.mark.parametrize(
    "changes",
    [{"joint_loss_weight": "x"}, {"segment_seconds": 1e9}, {"export": {"segment_seconds": "x"}}],
    ids=str,
)
def test_a_recipe_that_was_built_in_python_is_checked_as_one_of_a_file(recipe, changes):
    with pytest.raises(RecipeError, match="^mine: .*(joint_loss_weight|segment_seconds)"):
        check_recipe(dataclasses.replace(read_recipe(recipe()), **changes), "mine")


def test_a_missing_recipe_is_refused_by_a_sentence_that_names_it(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml: cannot be read"):
        read_recipe(tmp_path / "none.toml")


def test_bytes_that_are_no_text_are_refused_by_name(tmp_path):
    (tmp_path / "noise.toml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(RecipeError, match=r"noise\.toml: is not TOML"):
        read_recipe(tmp_path / "noise.toml")


@pytest.mark.parametrize(
    "value", ["9" * 6000, "0x" + "f" * 6000, "[" * 3000 + "]" * 3000], ids=lambda value: value[:3]
)
def test_a_number_or_a_nesting_without_end_is_refused_in_a_sentence(recipe, value):
    path = recipe(("[mixing]", f"[mixing]\ncoherent = {value}"))
    with pytest.raises(RecipeError, match="thousands of digits") as refused:
        read_recipe(path)
    assert str(refused.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[mixing]", "[mixing]\ncoherent = 7.0", "'coherent' of mixing is 7.0; .* from 0 to 1"),
        (
            "[mixing]",
            "[mixing]\ntilt = [0.0]",
            r"'tilt' of mixing is \[0.0\]; .* 2 values, each",
        ),
        ("[mixing]", "[mixing]\ngain = -3", "'gain' of mixing is -3; .* a number from 0 to 60"),
        ("[mixing]", "[mixing]\ntilt = [1, -1]", r"tilt is \[1, -1\]; the first value must not"),
        ("[mixing]", "[mixing]\nplayers = [3, 2]", r"players is \[3, 2\]; the first value must"),
        (
            "[mixing]",
            "[mixing]\nplayers = [0, 2]",
            r"'players' of mixing is .*; .* from 1 to",
        ),
        ("tones = 1.0, real", "tones = -1.0, real", "'variant_weights' of mixing is .* from 0"),
        ("steps = 4", "steps = true", "'steps' of training is True; .* a whole number"),
        ("steps = 4", "steps = 4.0", "'steps' of training is 4.0; .* a whole number"),
        ("steps = 4", "steps = 4\nseed = -1", "seed is -1; .* a whole number from 0 to"),
        (
            "steps = 4",
            "steps = 4\nlearning_rate = nan",
            "'learning_rate' of training is nan; ",
        ),
        ("steps = 4", "steps = 4\nprecision = 'bf16'", "precision is 'bf16'; choose auto, 32-true"),
        (
            'name = "tiny"',
            'name = "../../evil"',
            r"name is '../../evil'; it must be a name",
        ),
        (
            '["vn", "cl", "sax", "bn"]',
            "[1, 2]",
            r"'instruments' of rendering is \[1, 2\]; .* text",
        ),
        ('"vn", "cl"', '"vn", "vn"', "instruments has one instrument twice"),
        ("tones = 1\n", "tones = 1.5\n", "'tones' of rendering is 1.5; it must be a whole number"),
        (
            "width = 2",
            "width = 0",
            "model is invalid: width is 0; it must be a whole number",
        ),
        ("width = 2", "width = true", "'width' of model is True; it must be a whole number"),
        ("segment_seconds = 3.0", "segment_seconds = 0", "export is invalid: segment_seconds is 0"),
        ("[model]", "[interpolate]\nx = 2\n\n[model]", "'interpolate' of .* is {'x': 2}; .* to 1"),
        (
            "[mixing]",
            "[mixing]\nvibrato = 0.3",
            "'vibrato' of mixing is 0.3, but .* only 0.0;",
        ),
    ],
)
def test_a_value_out_of_range_is_refused_with_file_key_value_and_range(recipe, old, new, sentence):
    path = recipe((old, new))
    with pytest.raises(RecipeError, match=sentence) as refused:
        read_recipe(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert str(refused.value).count("\n") == 0


def test_dropped_fields_with_their_neutral_value_are_ignored(recipe):
    rest = "vibrato = 0.0\ncodec = 0\n"
    read = read_recipe(recipe(("[mixing]", f"swell = 0.0\n\n[mixing]\n{rest}")))
    assert read == read_recipe(recipe())


@pytest.mark.parametrize(
    "kind", [Recipe, RenderingConfig, MixingConfig, ScoreErrors], ids=lambda kind: kind.__name__
)
def test_every_number_of_a_recipe_has_a_range(kind):
    dropped = DROPPED["rendering"].keys() | DROPPED["mixing"].keys()
    hints = typing.get_type_hints(kind)
    numbers = {
        field.name
        for field in dataclasses.fields(kind)
        if {int, float} & {hints[field.name], *typing.get_args(hints[field.name])}
        or "int" in str(hints[field.name])
    }
    assert numbers - dropped == RANGES[kind.__name__].keys()
