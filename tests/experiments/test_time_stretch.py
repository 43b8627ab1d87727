"""Stretching tones and clicks, whose pitch and place are known."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.nussl.time_stretch import Stretch

RATE = 22050


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[None]


def pitch(audio: np.ndarray) -> float:
    """The loudest frequency in Hz, between the bins too."""
    middle = audio[0, len(audio[0]) // 4 : -len(audio[0]) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    return spectrum.argmax() * RATE / (1 << 18)


@pytest.mark.parametrize("time", [0.8, 1.0, 1.2])
@pytest.mark.parametrize("semitones", [-2.0, 0.0, 1.5])
def test_time_and_pitch_change_independently(time, semitones):
    stretched = Stretch(time, semitones).apply(tone(440.0), RATE)
    assert stretched.shape == (1, round(time * RATE))
    assert stretched.dtype == np.float32
    assert pitch(stretched) == pytest.approx(440.0 * 2 ** (semitones / 12), rel=2e-3)
    middle = stretched[0, 4000:-4000]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.11)  # a decibel


def test_the_default_stretch_changes_nothing():
    stem = tone(440.0)
    np.testing.assert_array_equal(Stretch().apply(stem, RATE), stem)


def test_a_click_moves_to_its_new_time():
    click = np.zeros((1, RATE), np.float32)
    click[0, 10_000] = 1.0
    stretched = Stretch(1.2, -2.0).apply(click, RATE)
    assert abs(np.abs(stretched[0]).argmax() - 12_000) < 0.01 * RATE


def test_draws_stay_within_their_bounds():
    rng = np.random.default_rng(0)
    draws = [Stretch.draw(rng) for _ in range(500)]
    assert 0.8 <= min(d.time for d in draws) < 0.81 < 1.19 < max(d.time for d in draws) <= 1.2
    assert -2.0 <= min(d.semitones for d in draws) < -1.9
    assert 1.9 < max(d.semitones for d in draws) <= 2.0
