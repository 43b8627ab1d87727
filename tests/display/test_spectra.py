"""Spectrograms of signals whose spectrum is known."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.display.spectra import log_bands, spectrogram

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 1.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * hertz * times)).astype(np.float32)[None]


def test_full_scale_tone_has_power_one_at_its_frequency():
    power, _ = spectrogram(tone(1000.0), RATE)
    middle = power[:, power.shape[1] // 2]
    bins = np.linspace(0, RATE / 2, len(middle))
    assert bins[middle.argmax()] == pytest.approx(1000.0)
    assert middle.max() == pytest.approx(1.0, rel=1e-3)


def test_click_is_seen_at_its_time():
    click = np.zeros((1, 2 * RATE), np.float32)
    click[0, RATE // 2] = 1.0
    power, step = spectrogram(click, RATE)
    assert power.sum(axis=0).argmax() * step == pytest.approx(0.5, abs=step)


def test_power_is_the_mean_of_the_channels():
    both, one = np.vstack([tone(500.0), 0 * tone(500.0)]), tone(500.0)
    assert np.allclose(spectrogram(both, RATE)[0], spectrogram(one, RATE)[0] / 2)


def test_long_audio_is_drawn_with_at_most_a_thousand_frames():
    power, step = spectrogram(np.zeros((1, 300 * RATE), np.float32), RATE)
    assert power.shape[1] <= 1000
    assert power.shape[1] * step == pytest.approx(300, abs=2 * step)


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_short_audio_has_a_spectrogram(samples):
    power, _ = spectrogram(np.ones((1, samples), np.float32), RATE)
    assert power.shape[1] >= 1 and np.isfinite(power).all()


def test_band_of_a_logarithmic_axis_is_its_strongest_bin():
    values = np.zeros((1001, 1))  # a bin at every Hz
    values[[150, 160, 500]] = [[1.0], [3.0], [2.0]]
    edges = np.array([99.6, 200.6, 800.6])
    assert log_bands(values, 1000.0, edges)[:, 0].tolist() == [3.0, 2.0]


def test_a_band_narrower_than_a_bin_is_the_nearest_bin():
    values = np.arange(11.0)[:, None]  # a bin every 100 Hz
    edges = np.array([110.0, 120.0, 180.0, 190.0])
    assert log_bands(values, 1000.0, edges)[:, 0].tolist() == [1.0, 1.0, 2.0]
