"""The study of a data set of separated recordings, at toy size and for real."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from experiments import student
from helpers.audio.track import Track
from helpers.datasets.collections import Collection
from helpers.evaluation import results
from helpers.recipes.schema import check_recipe

RATE = 8000


@pytest.fixture
def study(detector, monkeypatch, tmp_path):
    """Tiny corpora, and a tiny model instead of `chamber`; returns the table."""
    rng, data = np.random.default_rng(0), tmp_path / "data"
    for corpus in (student.URMP, student.TRIOS, student.BACH10):
        folder = data / corpus / "01-piece"
        folder.mkdir(parents=True)
        stems = {name: 0.1 * rng.normal(size=4 * RATE) for name in ("violin", "horn")}
        for name, sound in {**stems, "mix": sum(stems.values())}.items():
            soundfile.write(folder / f"{name}.wav", sound, RATE)
    (data / student.QUINTET).mkdir()
    soundfile.write(data / student.QUINTET / "left.flac", 0.1 * rng.normal(size=4 * RATE), RATE)
    for name, value in {"PROFILE": "smoke", "DATA": data, "CACHE": tmp_path / "cache"}.items():
        monkeypatch.setenv(f"DIVISI_{name}", str(value))
    monkeypatch.setattr("sys.argv", ["student"])
    monkeypatch.setattr(student, "MODEL", str(detector))
    monkeypatch.setattr(student, "output_folder", lambda name: tmp_path / name)
    monkeypatch.setattr(student, "results_path", lambda name: tmp_path / f"{name}.csv")
    monkeypatch.setitem(student.VARIANTS, "confident stems", -9.0)
    student.built.cache_clear()
    return tmp_path / f"{student.TABLE}.csv"


def test_the_study_runs_once_and_resumes(study, monkeypatch, capsys):
    student.main()
    rows = [row for row in results.read(study) if row.metric == "SI-SDR"]
    systems = {f"student, {variant}" for variant in student.VARIANTS}
    assert systems < {row.system for row in rows} and {row.seed for row in rows} == {0}
    assert {"mixture", "oracle-irm", student.MODEL} < {row.system for row in rows}
    assert {row.config for row in rows if row.system in systems} == {
        "mask_net.MaskNet 2 steps of 4x4s"
    }
    assert "student, confident stems" in capsys.readouterr().out
    monkeypatch.setattr(student, "train", None)
    student.main()
    (made,) = (study.parent / "runs" / "student").glob("*/set")
    assert Collection(made).track_ids == ["live_quintet-left", "urmp_excerpts-01-piece"]


def test_variants_differ_in_the_recordings_alone():
    recipes = [student.recipe_of(variant, 150, 1) for variant in student.VARIANTS]
    for recipe in recipes:
        check_recipe(recipe, recipe.name)
        assert (recipe.start_from, recipe.training.steps, recipe.training.seed) == (
            "chamber",
            150,
            1,
        )
    assert [recipe.mixing.real_share for recipe in recipes] == [0.5, 0.5, 0.0]


def test_only_stems_of_the_least_quality_or_better_are_learned_from():
    made = {
        "duo": {"violin": 6.0, "cello": 0.0, "flute": -0.1},
        "solo": {"horn": -4.0, "piano": None},
    }
    tracks = [recording(name, quality) for name, quality in made.items()]
    data = SimpleNamespace(load_tracks=lambda: tracks)

    def kept(least):
        return {t.name: list(t.stems) for t in student.pseudo_tracks(data, least, RATE)}

    assert student.TRUSTED == 0.0
    assert kept(student.TRUSTED) == {"duo": ["violin", "cello"]}
    assert kept(-np.inf) == {"duo": ["violin", "cello", "flute"], "solo": ["horn"]}
    assert kept(np.inf) == {}


def recording(name, quality):
    """A recording of a data set, its stems with these estimates."""
    players = {stem: {"estimated_si_sdr": value} for stem, value in quality.items()}
    sound = Track(name, RATE, {stem: np.ones((1, RATE), np.float32) for stem in quality})
    return SimpleNamespace(id=name, players=players, audio=lambda rate, channels: sound)
