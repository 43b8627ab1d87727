"""Chapter 02's test pieces and recipes."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from experiments.rendered import (
    RATE,
    Rendered,
    level,
    octaves,
    real_recipe,
    rendering,
    small_recipe,
    test_pieces,
    tiny,
)

test_pieces.__test__ = False  # a function of the chapter, not a test


def tone(hertz, amplitude=0.1):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)[None]


def test_only_the_tracks_asked_for_are_rendered():
    asked = []
    tracks = Rendered([lambda n=n: asked.append(n) or n for n in range(6)])
    assert len(tracks) == 6
    assert len(tracks[::2]) == 3
    assert asked == []
    assert tracks[::2][1] == 2
    assert asked == [2]
    assert list(tracks[4:]) == [4, 5]


def test_pieces_are_performances_of_the_test_split(monkeypatch):
    monkeypatch.setenv("DIVISI_PROFILE", "smoke")
    pieces = test_pieces("TimGM6mb", ("violin", "piano"), 1)
    assert len(pieces) == 1
    assert pieces[0] is pieces[0]
    assert list(pieces[0].stems) == ["violin", "piano"]
    again = test_pieces("TimGM6mb", ("violin", "piano"), 1)[0]
    assert np.array_equal(pieces[0].mixture, again.mixture)


def test_a_tone_is_in_the_band_of_its_octave():
    bands = octaves(tone(3000))
    assert bands[2] == pytest.approx(0.0, abs=0.01)  # 2-4 kHz
    assert max(bands[:2] + bands[3:]) < -60
    both = octaves(tone(700) + tone(3000))
    assert both[0] == pytest.approx(-3.01, abs=0.01)


def test_the_level_of_a_sine_is_three_decibels_below_its_amplitude():
    seconds, decibels = level(tone(1000, amplitude=1.0))
    assert seconds[:3] == pytest.approx([0, 0.05, 0.1])
    assert decibels == pytest.approx(-3.01, abs=0.01)


def test_a_small_recipe_differs_from_the_real_one_as_the_chapter_says():
    recipe = small_recipe(240, seed=2, weight_decay=0.5)
    assert (recipe.training.steps, recipe.training.seed) == (240, 2)
    assert recipe.training.weight_decay == 0.5
    assert small_recipe(240).training.weight_decay == real_recipe().training.weight_decay
    assert not recipe.use_solos
    only = rendering(("FluidR3_GM",), tones=1)
    changed = {k for k, v in asdict(only).items() if v != asdict(real_recipe().rendering)[k]}
    assert changed == {"soundfonts", "tones"}


def test_a_tiny_recipe_keeps_the_model():
    recipe = tiny(real_recipe())
    assert recipe.model == real_recipe().model
    assert recipe.training.steps == 2
    assert recipe.max_pieces == 2
