"""Wiener filtering: stems that sum to the recording, and the filter of known spectra."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.evaluation.metrics import si_sdr
from helpers.inference.wiener import wiener_filter

RATE = 8000
WINDOW = {"window": 512, "hop": 128}


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.1, shape).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("iterations", [1, 2])
def test_filtered_stems_sum_to_the_recording(channels, iterations):
    stems = noise(4, channels, RATE)
    mixture = stems.sum(axis=0)
    estimates = 0.5 * stems + 0.2 * mixture  # they do not
    assert np.abs(estimates.sum(axis=0) - mixture).max() > 0.1
    filtered = wiener_filter(estimates, mixture, iterations, **WINDOW)
    assert filtered.shape == stems.shape and filtered.dtype == np.float32
    np.testing.assert_allclose(filtered.sum(axis=0), mixture, atol=1e-4)


def test_in_mono_each_bin_is_divided_in_the_ratio_of_the_powers():
    stems = noise(3, 1, RATE)
    mixture = stems.sum(axis=0)
    filtered = wiener_filter(stems, mixture, **WINDOW)
    hann = torch.hann_window(512)
    options = {"n_fft": 512, "hop_length": 128, "window": hann}
    spectra = torch.stft(
        torch.from_numpy(stems[:, 0]), **options, pad_mode="constant", return_complex=True
    )
    power = spectra.abs() ** 2
    expected = torch.istft(power / power.sum(0) * spectra.sum(0), **options, length=RATE)
    np.testing.assert_allclose(filtered[:, 0], expected.numpy(), atol=1e-4)


def test_what_nobody_claims_is_shared_equally():
    mixture = noise(1, RATE)
    filtered = wiener_filter(np.zeros((4, 1, RATE), np.float32), mixture, **WINDOW)
    np.testing.assert_allclose(filtered, np.stack([mixture / 4] * 4), atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_softer_recording_is_divided_in_the_same_way(channels):
    stems = noise(3, channels, RATE)
    mixture = stems.sum(axis=0)
    estimates = stems + 0.3 * (mixture - stems)
    filtered = wiener_filter(estimates, mixture, 2, **WINDOW)
    softer = wiener_filter(1e-4 * estimates, 1e-4 * mixture, 2, **WINDOW)
    np.testing.assert_allclose(1e4 * softer, filtered, atol=1e-4)


def test_tones_at_other_pitches_lose_what_leaked_from_each_other():
    time = np.arange(2 * RATE) / RATE
    stems = 0.1 * np.sin(2 * np.pi * np.array([[[440.0]], [[1000.0]]]) * time).astype(np.float32)
    leaking = stems + 0.3 * stems[::-1]
    before = [si_sdr(leaking[place, 0], stems[place, 0]) for place in (0, 1)]
    filtered = wiener_filter(leaking, stems.sum(axis=0), **WINDOW)
    after = [si_sdr(filtered[place, 0], stems[place, 0]) for place in (0, 1)]
    assert np.allclose(before, 10.46, atol=0.1)  # the leak is -20 log10(0.3) dB lower
    assert np.allclose(after, 2 * 10.46, atol=0.5)  # its power ratio is squared


def test_in_stereo_the_place_of_a_source_helps():
    left, right = noise(2, RATE)
    stems = np.stack([[left, 0 * left], [0 * right, right]])
    mixture = stems.sum(axis=0)
    estimates = np.stack([0.6 * mixture, 0.4 * mixture])
    estimates[0, 1] *= 0.5
    estimates[1, 0] *= 0.5
    filtered = wiener_filter(estimates, mixture, 2, **WINDOW)
    assert si_sdr(filtered[0].ravel(), stems[0].ravel()) > 5 + si_sdr(
        estimates[0].ravel(), stems[0].ravel()
    )


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="must be .sources, channels, samples"):
        wiener_filter(noise(2, 1, 100), noise(1, 101))
    with pytest.raises(ValueError, match="1 or more"):
        wiener_filter(noise(2, 1, 100), noise(1, 100), 0)
