"""Loudness in blocks is pyloudnorm's of the whole, and BS.1770's of a sine."""

import numpy as np
import pyloudnorm
import pytest

from helpers.audio.loudness import Loudness


def measured(audio, rate, block=65_536):
    loudness = Loudness(rate, len(audio))
    for start in range(0, audio.shape[1], block):
        loudness.update(audio[:, start : start + block])
    return loudness.integrated()


def noise(rate, seconds, channels=2):
    """Noise that is loud, soft and silent in turn."""
    rng = np.random.default_rng(0)
    audio = rng.normal(0, 0.1, (channels, round(rate * seconds))).astype(np.float32)
    times = np.arange(audio.shape[1]) / rate
    return audio * np.select([times % 9 < 4, times % 9 < 7], [1.0, 0.05], 0.0).astype(np.float32)


def test_a_sine_of_1_khz_at_full_scale_has_minus_3_lufs():
    """BS.1770-4, annex 1: 0 dBFS in one front channel, 997 Hz."""
    sine = np.sin(2 * np.pi * 997 * np.arange(48_000 * 5) / 48_000).astype(np.float32)
    assert measured(sine[None], 48_000) == pytest.approx(-3.01, abs=0.05)
    assert measured(np.stack([sine, sine]), 48_000) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("seconds", [0.4, 3.0, 9.95, 11.05, 34.3])
@pytest.mark.parametrize(("rate", "channels"), [(8000, 2), (11_025, 1), (22_050, 5)])
def test_loudness_in_blocks_is_that_of_the_whole(rate, channels, seconds):
    audio = noise(rate, seconds, channels)
    whole = pyloudnorm.Meter(rate).integrated_loudness(audio.T.astype(np.float64))
    assert measured(audio, rate, block=7001) == pytest.approx(whole, abs=0.005)
    assert measured(audio, rate, block=10**9) == pytest.approx(whole, abs=0.005)


def test_memory_does_not_grow_with_the_length():
    loudness = Loudness(8000, 1)
    for _ in range(40):
        loudness.update(noise(8000, 5, 1))
        assert loudness._kept.shape[1] <= 16 * 8000


@pytest.mark.parametrize("audio", [np.zeros((1, 0)), np.zeros((2, 16_000)), np.ones((1, 3199)),
                                   np.full((1, 16_000), 1e-5), np.ones((6, 16_000))])  # fmt: skip
def test_silence_short_sounds_and_six_channels_have_no_loudness(audio):
    assert measured(audio.astype(np.float32), 8000) is None
