"""Levels of known signals."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.audio.levels import CEILING, Flatness, Level, safe_gain


def test_a_full_sine_peaks_at_zero_and_has_an_rms_of_minus_three_db():
    level = Level()
    sine = np.sin(2 * np.pi * np.arange(48000) / 100)
    for block in np.split(sine.astype(np.float32), 7 * [0] + [48, 5000]):
        level.update(block[None])
    assert level.describe()["peak_dbfs"] == pytest.approx(0, abs=0.01)
    assert level.describe()["rms_dbfs"] == pytest.approx(-3.01, abs=0.01)
    assert level.describe(gain=0.1)["peak_dbfs"] == pytest.approx(-20, abs=0.01)


def test_silence_has_no_level():
    level = Level()
    level.update(np.zeros((2, 10), dtype=np.float32))
    assert level.describe() == {"peak_dbfs": None, "rms_dbfs": None}


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_the_spectrum_of_noise_is_flat_and_that_of_tones_is_not(rate):
    rng, values = np.random.default_rng(0), {}
    noise = np.stack([1, -1])[:, None] * rng.normal(size=4 * rate)
    chord = sum(np.sin(2 * np.pi * hertz * np.arange(4 * rate) / rate) for hertz in (220, 330, 550))
    for name, sound in {"noise": noise, "chord": np.stack([chord, -chord]) + 0.1}.items():
        flatness = Flatness(rate)
        for block in (sound[:, :rate], sound[:, rate:rate], sound[:, rate:]):
            flatness.update(block.astype(np.float32))
        values[name] = flatness.value
    assert values["noise"] == pytest.approx(0.56, abs=0.02)
    assert values["chord"] < 1e-3
    silent = Flatness(rate)
    silent.update(np.zeros((1, rate), np.float32))
    assert silent.value == 0.0


def test_the_gain_is_one_where_nothing_clips():
    assert safe_gain(0.2) == safe_gain(1.0) == 1.0
    assert safe_gain(4.0) * 4.0 == CEILING
