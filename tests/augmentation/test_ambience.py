"""Noise and applause have their level, begin when they should, and are the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.augmentation.ambience import RISE, Ambience

RATE = 22050
NOISE = Ambience(level=-30.0, slope=-6.0, claps=0.0, start=0.0, seed=1)
APPLAUSE = Ambience(level=-10.0, slope=0.0, claps=100.0, start=0.5, seed=1)


@pytest.mark.parametrize("ambience", [NOISE, APPLAUSE])
def test_the_rms_is_one_and_the_sound_is_the_same_again(ambience):
    sound = ambience.sound(2 * RATE, RATE)
    assert sound.shape == (1, 2 * RATE) and sound.dtype == np.float32
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(1.0, rel=1e-4)
    np.testing.assert_array_equal(sound, ambience.sound(2 * RATE, RATE))


def test_noise_falls_by_its_slope():
    power = np.abs(np.fft.rfft(NOISE.sound(4 * RATE, RATE)[0])) ** 2
    octaves = [power[4 * hertz : 8 * hertz].mean() for hertz in (500, 1000, 2000)]
    assert np.diff(10 * np.log10(octaves)) == pytest.approx([-6.0, -6.0], abs=0.5)


def test_an_applause_is_silent_before_it_starts_and_claps_as_often_as_it_says():
    sparse = Ambience(level=0.0, slope=0.0, claps=8.0, start=0.25, seed=2)
    sound = sparse.sound(12 * RATE, RATE)[0]
    assert np.abs(sound[: 3 * RATE]).max() < 1e-6
    blocks = np.abs(sound[: 12 * RATE // 100 * 100].reshape(-1, 100)).max(axis=1) > 0.1
    claps = (blocks[1:] & ~blocks[:-1]).sum()
    assert claps == pytest.approx(8 * (9 - RISE / 2), rel=0.25)


def test_draws_are_of_both_kinds():
    rng = np.random.default_rng(0)
    drawn = [Ambience.draw(rng) for _ in range(300)]
    assert np.mean([ambience.claps > 0 for ambience in drawn]) == pytest.approx(0.3, abs=0.07)
    assert all(-45 <= ambience.level <= 0 for ambience in drawn)


def test_drums_are_struck_on_their_steps_and_come_in_their_share():
    rng = np.random.default_rng(0)
    drawn = [Ambience.draw(rng, drums=0.4) for _ in range(300)]
    assert np.mean([ambience.steps > 0 for ambience in drawn]) == pytest.approx(0.4, abs=0.07)
    drums = Ambience(level=-10.0, slope=0.0, claps=0.0, start=0.0, seed=3, steps=2.0)
    sound = drums.sound(4 * RATE, RATE)
    np.testing.assert_array_equal(sound, drums.sound(4 * RATE, RATE))
    power = np.square(sound[0]).reshape(8, -1)  # half a second from step to step
    assert power.mean() == pytest.approx(1.0, rel=1e-4)
    assert power[:, : RATE // 8].sum() > 0.7 * power.sum()
