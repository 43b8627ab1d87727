"""`divisi train` on a toy recipe: it trains, resumes, restarts, and its model separates."""

from __future__ import annotations

import csv

import pytest

from helpers.synthesis.soundfonts import find_soundfonts

RECIPE = """
name = "toy"
architecture = "wave_unet.WaveUNet"
segment_seconds = 0.5
validation_examples = 2
max_pieces = 1
use_note_samples = false
use_solos = false

[model]
levels = 2
width = 2
segment_seconds = 1.0

[rendering]
instruments = ["violin", "clarinet", "saxophone", "bassoon"]
sample_rate = 4000
soundfonts = ["TimGM6mb"]
note_samples = 0
tones = 0
timbre_substitution = 0
max_seconds = 2.0

[mixing]
reverb = 0.0

[training]
steps = STEPS
batch_size = 2
validate_every = 2
checkpoint_every = 2
log_every = 1
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Write the recipe with a number of steps."""
    if "TimGM6mb" not in {font.stem for font in find_soundfonts()}:
        pytest.skip("there is no soundfont: apt-get install timgm6mb-soundfont")
    monkeypatch.chdir(tmp_path)

    def write(steps):
        (tmp_path / "toy.toml").write_text(RECIPE.replace("STEPS", str(steps)))
        return tmp_path / "toy.toml"

    return write


def steps_logged(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_training_resumes_where_it_stopped(divisi, recipe, recording, tmp_path):
    code, out, _ = divisi("train", recipe(2))
    assert code == 0 and "toy.safetensors" in out[-1]
    assert divisi("train", recipe(4))[0] == 0
    log = tmp_path / "runs" / "toy" / "log.csv"
    assert steps_logged(log) == [1, 2, 3, 4]
    assert divisi("train", recipe(2), "--restart")[0] == 0
    assert steps_logged(log) == [1, 2]
    model = tmp_path / "runs" / "toy" / "toy.safetensors"
    assert divisi("separate", recording(), "-o", tmp_path / "out", "--model", model)[0] == 0
    assert len(list((tmp_path / "out" / "quartet").glob("*.wav"))) == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("[training", "TOML"), ("[mixing]\ncolour = 1", "colour"), ("name = 'x'", "incomplete")],
)
def test_an_invalid_recipe_is_refused(divisi, tmp_path, monkeypatch, text, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text(text)
    code, out, err = divisi("train", "bad.toml")
    assert code == 2 and out == []
    assert len(err) == 1 and "bad.toml" in err[0] and sentence in err[0]
    assert {path.name for path in tmp_path.iterdir()} == {"bad.toml"}


def test_a_missing_recipe_is_refused(divisi, tmp_path):
    code, _, err = divisi("train", tmp_path / "none.toml")
    assert code == 2 and len(err) == 1 and "none.toml" in err[0]
