"""Microphone, noise and codec: effects on all stems of a mixture, on known signals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from helpers.augmentation.recording_chain import (
    GRANULE,
    OLD_RECORD,
    TELEPHONE,
    Codec,
    Microphone,
    Noise,
    inverse,
    transform,
)

RATE = 22050
KINDS = (Microphone, Noise, Codec)


def noises(sources: int = 3, channels: int = 1, samples: int = RATE) -> np.ndarray:
    """White noises of -20 dB, (sources, channels, samples)."""
    rng = np.random.default_rng(0)
    return rng.normal(0.0, 0.1, (sources, channels, samples)).astype(np.float32)


def decibels(sound: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) + 1e-30))


def band(sound: np.ndarray, low: float, high: float) -> float:
    """The level between two frequencies, dB."""
    hertz, power = signal.welch(sound, RATE, nperseg=4096)
    inside = (hertz >= low) & (hertz < high)
    return float(10 * np.log10(power[..., inside].mean() + 1e-30))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_draws_the_same(kind):
    once, again = (kind.draw(np.random.default_rng(5)) for _ in range(2))
    assert once == again
    assert once != kind.draw(np.random.default_rng(6))
    np.testing.assert_array_equal(once.apply(noises(), RATE), again.apply(noises(), RATE))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("channels", "samples"), [(1, 4001), (2, GRANULE), (1, 1)])
def test_stems_keep_their_shape_and_dtype(kind, channels, samples):
    stems = noises(3, channels, samples)
    kept = stems.copy()
    changed = kind.draw(np.random.default_rng(5)).apply(stems, RATE)
    assert (changed.shape, changed.dtype) == (stems.shape, np.float32)
    np.testing.assert_array_equal(stems, kept)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sounding", [0, 1, 2])
def test_a_silent_stem_stays_silent(kind, sounding):
    stems = noises()
    stems[sounding:] = 0.0
    changed = kind.draw(np.random.default_rng(5)).apply(stems, RATE)
    assert not changed[sounding:].any()
    assert np.isfinite(changed).all()


@pytest.mark.parametrize("kind", [Microphone, Codec])
def test_the_processed_stems_sum_to_the_processed_mixture(kind):
    effect, stems = kind.draw(np.random.default_rng(3)), noises()
    whole = effect.apply(stems.sum(axis=0, keepdims=True), RATE)[0]
    np.testing.assert_allclose(effect.apply(stems, RATE).sum(axis=0), whole, atol=2e-6)


def test_a_microphone_has_the_same_gain_for_every_stem():
    microphone = Microphone((250.0, 1000.0, 4000.0), (6.0, 0.0, -12.0))
    stems = noises() * np.array([1.0, 0.1, 0.01], np.float32)[:, None, None]
    changed = microphone.apply(stems, RATE)
    for stem, coloured in zip(stems, changed, strict=True):
        for hertz, change in ((150, 6.0), (1000, 0.0), (2000, -6.0), (8000, -12.0)):
            edges = (0.97 * hertz, 1.03 * hertz)
            assert band(coloured, *edges) - band(stem, *edges) == pytest.approx(change, abs=0.4)


def test_a_microphone_has_no_delay():
    click = np.zeros((1, 1, RATE), np.float32)
    click[..., 5000] = 1.0
    changed = Microphone.draw(np.random.default_rng(1)).apply(click, RATE)
    assert np.argmax(np.abs(changed)) == 5000


@pytest.mark.parametrize("seed", range(10))
def test_drawn_microphones_attenuate_both_ends_of_the_spectrum(seed):
    microphone = Microphone.draw(np.random.default_rng(seed))
    assert list(microphone.hertz) == sorted(microphone.hertz)
    assert microphone.decibels[0] < microphone.decibels[1]
    assert microphone.decibels[-1] < microphone.decibels[-2]


@pytest.mark.parametrize("level", [-60.0, -40.0, -20.0])
@pytest.mark.parametrize("silent", [0, 2])
def test_noise_has_its_level_relative_to_the_mixture(level, silent):
    stems = noises()
    stems[:silent] = 0.0
    floor = Noise(level, -3.0, seed=1).apply(stems, RATE) - stems
    mixture = decibels(stems.sum(axis=0))
    assert decibels(floor.sum(axis=0)) - mixture == pytest.approx(level, abs=0.3)
    share = level - 10 * np.log10(3 - silent)
    for noise in floor[silent:]:
        assert decibels(noise) - mixture == pytest.approx(share, abs=0.3)


def test_each_stem_has_a_noise_of_its_own():
    floor = (Noise(-20.0, 0.0, seed=1).apply(noises(), RATE) - noises())[:, 0]
    likeness = np.corrcoef(floor) - np.eye(3)
    assert np.abs(likeness).max() < 0.05


def test_noise_falls_by_its_slope():
    floor = Noise(-20.0, -6.0, seed=1).apply(noises(), RATE) - noises()
    fall = band(floor, 3900, 4100) - band(floor, 975, 1025)
    assert fall == pytest.approx(-12.0, abs=1.0)


@pytest.mark.parametrize("samples", [1, GRANULE - 1, GRANULE, 5 * GRANULE + 7])
def test_the_inverse_cosine_transform_is_exact(samples):
    sound = noises(2, 1, samples)
    np.testing.assert_allclose(inverse(transform(sound), samples), sound, atol=1e-6)


def test_the_cosine_transform_keeps_the_energy():
    sound = noises(1)
    assert np.sum(transform(sound) ** 2) == pytest.approx(np.sum(sound**2), rel=1e-4)


def test_a_codec_leaves_nothing_above_its_cutoff():
    stems = noises()
    coded = Codec(cutoff=6000.0, ratio=20.0).apply(stems, RATE)
    assert band(coded, 6200, 11000) < band(stems, 6200, 11000) - 60
    assert band(coded, 500, 5500) == pytest.approx(band(stems, 500, 5500), abs=0.5)


def test_a_codec_has_no_delay():
    stems = noises()
    coded = Codec(cutoff=8000.0, ratio=12.0).apply(stems, RATE)
    for stem, decoded in zip(stems[:, 0], coded[:, 0], strict=True):
        likeness = signal.correlate(decoded, stem, mode="full", method="fft")
        assert np.argmax(likeness) == len(stem) - 1


@pytest.mark.parametrize("ratio", [12.0, 18.0, 24.0])
def test_codec_noise_has_its_level_relative_to_the_mixture(ratio):
    mixture = noises(1)
    lost = Codec(cutoff=RATE, ratio=ratio).apply(mixture, RATE) - mixture
    assert decibels(lost) - decibels(mixture) == pytest.approx(-ratio, abs=0.5)


@pytest.mark.parametrize(
    ("channel", "inside", "outside"),
    [(TELEPHONE, (350, 3200), (5000, 10_000)), (OLD_RECORD, (120, 4800), (10_000, 11_000))],
)
def test_a_channel_keeps_its_band_and_little_else(channel, inside, outside):
    noise = noises()
    heard = channel.apply(noise, RATE)
    assert abs(band(heard, *inside) - band(noise, *inside)) < 0.2
    assert band(heard, *outside) - band(noise, *outside) < -35
    np.testing.assert_allclose(heard.sum(0), channel.apply(noise.sum(0)[None], RATE)[0], atol=1e-5)
