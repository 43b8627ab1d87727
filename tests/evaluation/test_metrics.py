"""Metrics of signals whose answer is known by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from helpers.evaluation.metrics import (
    Scores,
    museval_ratios,
    museval_sdr,
    si_sar,
    si_sdr,
    si_sir,
    snr,
)
from helpers.models.mask_inference import import_nussl

RATE = 8000


def orthonormal(count: int, samples: int = RATE) -> np.ndarray:
    """Signals of zero mean and unit energy whose products with each other are zero."""
    draws = np.random.default_rng(0).normal(size=(samples, count))
    basis = np.linalg.qr(np.column_stack([np.ones(samples), draws]))[0]
    return basis.T[1:]


def test_si_sdr_of_ten_percent_noise_is_twenty_db():
    stem, noise = orthonormal(2)
    assert si_sdr(stem + 0.1 * noise, stem) == pytest.approx(20)


def test_si_sdr_ignores_scale_sign_and_offset():
    stem, noise = orthonormal(2)
    assert si_sdr(-3 * (stem + 0.1 * noise) + 5, stem) == pytest.approx(20)


def test_si_sdr_agrees_with_torchmetrics():
    estimates, references = np.random.default_rng(1).normal(size=(2, 3, 2, 4000))
    theirs = scale_invariant_signal_distortion_ratio(
        torch.from_numpy(estimates), torch.from_numpy(references), zero_mean=True
    )
    np.testing.assert_allclose(si_sdr(estimates, references), theirs, atol=1e-6)


def test_snr_of_half_the_level_is_six_db():
    stem, _ = orthonormal(2)
    assert snr(0.5 * stem, stem) == pytest.approx(20 * math.log10(2))


def test_perfect_estimate_is_infinitely_good():
    stem = orthonormal(1)[0].astype(np.float32)
    assert si_sdr(0.7 * stem, stem) > 100
    assert si_sdr(stem, stem) == snr(stem, stem) == np.inf


def test_silent_estimate_is_minus_infinity_in_si_sdr_and_zero_in_snr():
    stems = orthonormal(2)
    silence = np.zeros_like(stems[0])
    assert si_sdr(silence, stems[0]) == -np.inf
    assert si_sir(silence, stems, 0) == si_sar(silence, stems, 0) == -np.inf
    assert snr(silence, stems[0]) == 0
    assert museval_sdr(silence[None], stems[:1], RATE) == 0


def test_silent_reference_is_nan_and_does_not_affect_the_others():
    stem, noise = orthonormal(2)
    references = np.stack([stem, np.zeros_like(stem)])
    estimates = references + 0.1 * noise
    np.testing.assert_allclose(si_sdr(estimates, references), [20, np.nan], rtol=1e-9)
    assert math.isnan(si_sir(estimates[1], references, 1))
    assert math.isnan(si_sar(estimates[1], references, 1))
    assert math.isnan(snr(estimates[1], references[1]))
    assert math.isnan(museval_sdr(estimates[1:], references[1:], RATE))
    assert si_sar(estimates[0], references, 0) == pytest.approx(20)


def test_constant_offset_counts_as_silence():
    assert math.isnan(si_sdr(np.ones(100), np.full(100, 0.3)))


def test_interference_and_artifacts_are_separated():
    first, second, noise = orthonormal(3)
    estimate = 2 * (first + 0.1 * second + 0.01 * noise)
    stems = np.stack([first, second])
    assert si_sir(estimate, stems, 0) == pytest.approx(20)
    assert si_sar(estimate, stems, 0) == pytest.approx(40)


def test_si_sir_is_infinite_without_interference_and_si_sar_without_artifacts():
    first, second, noise = orthonormal(3)
    stems = np.stack([first, second])
    assert si_sir(first + 0.1 * noise, stems, 0) == np.inf
    assert si_sar(first + 0.1 * second, stems, 0) == np.inf


def test_distortion_is_the_sum_of_interference_and_artifacts_for_correlated_stems():
    stems = np.random.default_rng(2).normal(size=(3, 5000)) + np.sin(np.arange(5000) / 9)
    estimate = stems[1] + 0.2 * stems[0] + np.random.default_rng(3).normal(0, 0.1, 5000)
    parts = [10 ** (-each(estimate, stems, 1) / 10) for each in (si_sir, si_sar)]
    assert sum(parts) == pytest.approx(10 ** (-si_sdr(estimate, stems[1]) / 10))


def test_same_part_twice_does_not_break_the_projection():
    first, second, noise = orthonormal(3)
    stems = np.stack([first, second, second])
    assert si_sir(first + 0.1 * second + 0.1 * noise, stems, 0) == pytest.approx(20)


def test_sdr_equals_that_of_museval_with_all_sources_and_filters():
    from museval.metrics import bss_eval

    draws = np.random.default_rng(4).normal(size=(2, 2, 2, 2 * RATE + 100))
    references, estimates = draws[0], draws[0] + 0.3 * draws[1]
    theirs = bss_eval(
        references.swapaxes(1, 2), estimates.swapaxes(1, 2), window=RATE, hop=RATE, filters_len=64
    )
    for source in range(2):
        ours = museval_sdr(estimates[source], references[source], RATE)
        assert ours == pytest.approx(np.median(theirs[0][source]))


def test_sdr_leaves_out_frames_of_rest_and_counts_lost_frames_as_zero():
    stem = np.random.default_rng(5).normal(0, 0.1, (1, 5 * RATE))
    stem[:, :RATE] = 0  # a rest
    estimate = 0.9 * stem
    estimate[:, :RATE] = 0.5  # loud where the instrument rests
    assert museval_sdr(estimate, stem, RATE) == pytest.approx(20)
    estimate[:, RATE : 3 * RATE] = 0  # two of four sounding frames are lost
    assert museval_sdr(estimate, stem, RATE) == pytest.approx(10)


@pytest.fixture(scope="module")
def noises():
    """Two stems and a third noise, all of the same power, four seconds: (3, 1, samples)."""
    return np.random.default_rng(7).normal(0, 0.1, (3, 1, 4 * RATE))


def ratios(estimate, noises, **options):
    """SDR, SIR and SAR of an estimate of the first stem; the second one is estimated exactly."""
    stems = noises[:2]
    return museval_ratios(np.stack([estimate, stems[1]]), stems, **options)[:, 0]


def test_museval_gives_an_exact_stem_nothing_but_rounding(noises):
    assert (ratios(noises[0], noises) > 100).all()


def test_museval_counts_another_stem_as_interference_only(noises):
    sdr, sir, sar = ratios(noises[0] + 0.1 * noises[1], noises)
    assert sdr == pytest.approx(20, abs=0.3) and sir == pytest.approx(20, abs=0.3)
    assert sar > 100


def test_museval_counts_noise_of_no_stem_as_artefact(noises):
    """A share of white noise looks like the stems: that of 512 out of 32,000 dimensions a stem."""
    sdr, sir, sar = ratios(noises[0] + 0.1 * noises[2], noises)
    assert sdr == pytest.approx(20, abs=0.3) and sar == pytest.approx(20, abs=0.5)
    assert sir == pytest.approx(20 + 10 * np.log10(4 * RATE / 512), abs=2)


def test_museval_counts_a_filtered_copy_in_the_sdr_only(noises):
    sdr, sir, sar = ratios(0.5 * noises[0], noises)
    assert sdr == pytest.approx(20 * math.log10(2)) and min(sir, sar) > 100
    delayed = np.roll(noises[0], 1, axis=-1)  # white noise: all of it is error, twice its energy
    sdr, sir, sar = ratios(delayed, noises)
    assert sdr == pytest.approx(-10 * math.log10(2), abs=0.2) and min(sir, sar) > 30
    sdr, sir, sar = ratios(delayed, noises, filters=1)  # without filters it is an artefact
    assert sar < -20


def test_museval_ratios_are_those_of_the_definition(noises):
    """Of BSS Eval's four parts, with no filter but a gain of 1: SDR follows from SIR and SAR."""
    first, second, noise = (each[None] for each in orthonormal(3))
    stems = np.stack([first, second])
    estimates = np.stack([first + 0.3 * second + 0.2 * noise, second])
    sdr, sir, sar = museval_ratios(estimates, stems, filters=1)[:, 0]
    assert sdr == pytest.approx(-10 * math.log10(0.09 + 0.04))
    assert sir == pytest.approx(-10 * math.log10(0.09))
    assert sar == pytest.approx(10 * math.log10(1.09 / 0.04))


def test_museval_ratios_of_a_silent_stem_or_estimate_are_nan(noises):
    stems, silent = noises[:2], noises[:2] * np.array([1, 0])[:, None, None]
    assert np.isnan(museval_ratios(stems, silent)).all()
    assert np.isnan(museval_ratios(silent, stems)).all()


def test_a_filter_that_rings_across_frames_costs_nothing_in_one_frame(noises):
    """museval in frames counts the end of the echo of each frame as an artefact of the next."""
    from museval.metrics import bss_eval

    stems = noises[:2]
    estimates = np.stack([stems[0] + np.roll(stems[0], 400, axis=-1), stems[1]])
    assert museval_ratios(estimates, stems)[2, 0] > 15
    signals = [each.swapaxes(1, 2) for each in (stems, estimates)]
    framed = bss_eval(*signals, window=800, hop=800)[3][0]
    assert np.median(framed) < 8


def test_museval_ratios_of_a_single_stem_are_refused(noises):
    with pytest.raises(ValueError, match="need all stems of the mixture"):
        museval_ratios(noises[:1], noises[:1])


def test_leak_at_a_tenth_of_the_mixture_is_minus_twenty_db():
    mixture = np.random.default_rng(6).normal(size=(2, 1000))
    signals = np.stack([0.1 * mixture, 0 * mixture, mixture]).reshape(3, -1)
    scores = Scores.of(signals, signals, [])
    assert scores.level(0, 2) == pytest.approx(-20)
    assert scores.level(1, 2) == -np.inf


def test_si_metrics_of_target_and_rest_are_those_of_nussl():
    nussl = import_nussl()
    rng = np.random.default_rng(2)
    stem, rest = references = orthonormal(2) + 0.2 * orthonormal(2)[::-1]
    mixture = references.sum(0)
    for estimate in (0.6 * stem + 0.3 * rest, 0.5 * stem + 0.01 * rng.normal(size=RATE), mixture):
        estimate = estimate - estimate.mean()
        signals = [
            [
                nussl.AudioSignal(audio_data_array=audio[None].copy(), sample_rate=RATE)
                for audio in pair
            ]
            for pair in (references, (estimate, mixture - estimate))
        ]
        theirs = nussl.evaluation.BSSEvalScale(*signals, source_labels=["stem", "rest"]).evaluate()
        theirs = {name: values[0] for name, values in theirs["stem"].items()}
        assert si_sdr(estimate, stem) == pytest.approx(theirs["SI-SDR"], abs=1e-6)
        assert si_sir(estimate, references, 0) == pytest.approx(theirs["SI-SIR"], abs=1e-6)
        assert snr(estimate, stem) == pytest.approx(theirs["SNR"], abs=1e-6)
        if theirs["SI-SAR"] < 200:  # more is rounding, and infinite here
            assert si_sar(estimate, references, 0) == pytest.approx(theirs["SI-SAR"], abs=1e-6)
