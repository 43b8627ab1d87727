"""Levels that are known."""

import numpy as np
import pytest

from helpers.playing.dynamics import dynamics_coupling, level_curve, note_levels, sounding
from helpers.playing.onsets import PlayedPart
from helpers.playing.pitch import FRAME

RATE = 8000


def swells(seed, seconds=200):
    """Slow random changes of level, with a standard deviation of 1, and a second of silence."""
    rng = np.random.default_rng(seed)
    knots = rng.normal(size=seconds)
    curve = np.interp(np.arange(0, seconds - 1, FRAME), np.arange(seconds), knots)
    return curve / curve.std()


def test_a_full_sine_has_minus_three_decibels_and_silence_minus_a_hundred():
    sound = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    curve = level_curve(np.concatenate([sound, np.zeros(RATE)])[None], RATE)
    assert len(curve) == 100
    assert curve[5:45] == pytest.approx(-3.01, abs=0.05)
    assert curve[55:] == pytest.approx(-100.0)


def test_half_of_the_variance_in_common_is_a_correlation_of_a_half():
    common, one, other = swells(0), swells(1), swells(2)
    plays = np.ones(len(common), bool)
    found = dynamics_coupling([common + one, common + other], [plays, plays])
    assert found.correlation == pytest.approx(0.5, abs=0.12)
    alone = dynamics_coupling([one, other], [plays, plays])
    assert abs(alone.correlation) < 0.2


def test_the_player_who_follows_a_fifth_of_a_second_later_is_seen():
    common = swells(3)
    late = np.roll(common, round(0.2 / FRAME))
    plays = np.ones(len(common), bool)
    assert dynamics_coupling([common, late], [plays, plays]).lag == pytest.approx(0.2)
    assert dynamics_coupling([late, common], [plays, plays]).lag == pytest.approx(-0.2)


def test_rests_do_not_count():
    """Both rest at once: with the silence, their levels would agree almost entirely."""
    one, other = swells(1), swells(2)
    plays = np.arange(len(one)) // 250 % 2 == 0
    levels = [np.where(plays, curve, -100.0) for curve in (one, other)]
    assert abs(dynamics_coupling(levels, [plays, plays]).correlation) < 0.25
    assert dynamics_coupling(levels, [plays, ~plays]) is None


def test_notes_have_the_level_of_their_time():
    part = PlayedPart("violin", "violin", np.array([0, 1.0]), np.array([0.5, 1.5]),
                      np.array([1.4, 2.4]), ((60.0,), (62.0,)))  # fmt: skip
    level = np.where(np.arange(150) < 75, -20.0, -30.0)
    assert note_levels(part, level) == pytest.approx([-20, -30])
    assert sounding(part, 150).sum() == 90
