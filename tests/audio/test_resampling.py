"""Resampling keeps length, level and pitch, and does not depend on the block sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.audio.resampling import ResampleStream, resample, resampled_length

RATES = (4000, 16000, 22050, 44100, 48000, 192000)


def tone(hertz: float, rate: int, samples: int) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(samples) / rate)[None].astype(np.float32)


def test_resampled_tone_is_the_tone_at_the_other_rate():
    away_from_the_ends = slice(2000, -2000)
    resampled = resample(tone(440, 48000, 48000), 48000, 44100)
    expected = tone(440, 44100, 44100)
    assert np.abs(resampled - expected)[:, away_from_the_ends].max() < 1e-5


def test_frequencies_above_the_new_nyquist_frequency_are_removed():
    resampled = resample(tone(10_000, 44100, 44100), 44100, 16000)
    assert np.abs(resampled)[:, 2000:-2000].max() < 1e-4


def test_the_same_rate_changes_nothing():
    audio = tone(440, 8000, 100)
    np.testing.assert_array_equal(resample(audio, 8000, 8000), audio)


@pytest.mark.parametrize(
    ("samples", "rates", "expected"),
    [
        (44100, (44100, 22050), 22050),
        (100_001, (44100, 22050), 50_001),  # half a sample is rounded up
        (1, (44100, 16000), 1),  # a sample does not vanish
        (0, (44100, 16000), 0),
        (3600 * 192_000, (192_000, 44_100), 3600 * 44_100),
    ],
)
def test_length_is_rounded_and_never_lost(samples, rates, expected):
    assert resampled_length(samples, *rates) == expected


@settings(max_examples=40, deadline=None)
@given(
    rates=st.tuples(st.sampled_from(RATES), st.sampled_from(RATES)),
    sizes=st.lists(st.integers(0, 1500), min_size=1, max_size=6),
    seed=st.integers(0, 99),
)
def test_stream_equals_resampling_the_whole(rates, sizes, seed):
    audio = np.random.default_rng(seed).normal(0, 0.1, (2, sum(sizes))).astype(np.float32)
    stream = ResampleStream(*rates, channels=2)
    blocks = [stream.push(block) for block in np.split(audio, np.cumsum(sizes)[:-1], axis=1)]
    streamed = np.concatenate([*blocks, stream.flush()], axis=1)
    whole = resample(audio, *rates)
    assert streamed.shape == whole.shape == (2, resampled_length(sum(sizes), *rates))
    np.testing.assert_allclose(streamed, whole, atol=1e-6)


def test_memory_of_the_stream_does_not_grow():
    stream = ResampleStream(48000, 44100, channels=1)
    length = sum(stream.push(np.zeros((1, 48000), np.float32)).shape[1] for _ in range(20))
    assert 20 * 44100 - length < 44100  # less than a second is held back
