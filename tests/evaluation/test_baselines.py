"""Floor and ceiling of signals whose masks are known, and of real recordings already measured."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import runtime
from helpers.audio.audio import load
from helpers.audio.track import Track
from helpers.evaluation.baselines import mixture_baseline, oracle_binary_mask, oracle_ratio_mask
from helpers.evaluation.metrics import si_sdr

QUARTET = ("bassoon", "clarinet", "saxophone", "violin")
PUBLISHED = {  # floors and ratio masks in dB, as measured before this code was written
    "bach10_excerpts/01-excerpt05": (QUARTET, (-4.2, -5.1, -4.7, -5.1), (8.5, 11.3, 11.3, 11.7)),
    "bach10_excerpts/02-excerpt03": (QUARTET, (-5.3, -3.2, -6.2, -4.6), (8.8, 12.7, 8.0, 10.0)),
    "bach10_excerpts/02-excerpt12": (QUARTET, (-5.0, -4.7, -4.7, -4.8), (5.6, 9.8, 8.6, 10.1)),
    "bach10_excerpts/03-excerpt06": (QUARTET, (-6.3, -2.3, -4.2, -6.5), (7.5, 16.4, 11.4, 11.7)),
    "bach10_excerpts/08-excerpt04": (QUARTET, (-7.1, -7.0, -3.1, -3.5), (1.7, 4.9, 8.3, 10.8)),
    "bach10_excerpts/10-excerpt02": (QUARTET, (-4.2, -3.8, -5.0, -6.1), (4.6, 11.6, 8.8, 5.5)),
    "bach10_excerpts/10-excerpt11": (QUARTET, (-4.6, -4.1, -4.7, -4.6), (6.4, 7.2, 10.6, 8.1)),
    "trios/brahms": (("horn", "piano", "violin"), (0.0, -1.6, -10.0), (13.6, 11.8, 14.3)),
    "urmp_excerpts/12": (("cello", "violin"), (-1.2, 1.2), (16.9, 18.2)),
}


def tones(*frequencies: float, rate: int = 44100, seconds: float = 1.0) -> Track:
    time = np.arange(round(rate * seconds)) / rate
    stems = {
        f"{frequency:g} Hz": 0.1 * np.sin(2 * np.pi * frequency * time, dtype=np.float32)[None]
        for frequency in frequencies
    }
    return Track("tones", rate, stems)


@pytest.mark.parametrize("mask", [oracle_ratio_mask, oracle_binary_mask])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_mask_of_two_distant_tones_separates_them(mask, rate):
    track = tones(440, 2500, rate=rate)
    for name, estimate in mask(track).items():
        assert si_sdr(estimate[0], track.stems[name][0]) > 40


def test_mixture_of_two_equal_tones_is_zero_db():
    track = tones(440, 2500)
    for name, estimate in mixture_baseline(track).items():
        assert si_sdr(estimate[0], track.stems[name][0]) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("mask", [oracle_ratio_mask, oracle_binary_mask])
@pytest.mark.parametrize("samples", [1, 100, 44101])
def test_masked_stems_sum_to_the_mixture(mask, samples):
    stems = np.random.default_rng(0).normal(0, 0.1, (3, 2, samples)).astype(np.float32)
    track = Track("noise", 44100, dict(zip("abc", stems, strict=True)))
    np.testing.assert_allclose(sum(mask(track).values()), track.mixture, atol=1e-5)


@pytest.mark.parametrize("mask", [oracle_ratio_mask, oracle_binary_mask])
def test_mask_of_silence_is_silence(mask):
    track = Track("rest", 44100, {name: np.zeros((1, 5000), np.float32) for name in "ab"})
    assert not any(estimate.any() for estimate in mask(track).values())


@pytest.mark.real_audio
@pytest.mark.parametrize("folder", PUBLISHED)
def test_floor_and_ceiling_of_real_recordings_are_as_published(folder):
    place = runtime.data_root() / folder
    names, floors, ceilings = PUBLISHED[folder]
    stems = {name: load(place / f"{name}.flac")[0] for name in names}
    mixture, rate = load(place / "mix.flac")
    track = Track(folder, rate, stems, mixture)
    floor, ceiling = mixture_baseline(track), oracle_ratio_mask(track)
    for name, low, high in zip(names, floors, ceilings, strict=True):
        reference = stems[name].reshape(-1)
        assert si_sdr(floor[name].reshape(-1), reference) == pytest.approx(low, abs=0.1)
        assert si_sdr(ceiling[name].reshape(-1), reference) == pytest.approx(high, abs=0.1)
