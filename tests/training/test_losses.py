"""Losses of signals whose answers are known."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from helpers.training.losses import (
    joint_snr,
    l1,
    magnitude_l1,
    negative_si_sdr,
    negative_snr,
    si_sdr,
    weighted_sum,
)

LOSSES = [l1, magnitude_l1, negative_snr, negative_si_sdr]


def tones(batch=2, samples=4000):
    """(batch, 2, 1, samples): whole periods, so that different tones are orthogonal."""
    times = torch.arange(samples) / samples
    periods = torch.arange(1, 2 * batch + 1).reshape(batch, 2, 1, 1) * 10
    return torch.sin(2.0 * math.pi * periods * times)


def noise(like, level_db):
    """A cosine orthogonal to all of `tones`, at a level relative to them."""
    samples = like.shape[-1]
    tone = torch.cos(2.0 * math.pi * 777 * torch.arange(samples) / samples)
    return 10.0 ** (level_db / 20.0) * tone.expand_as(like)


def test_ten_percent_noise_is_twenty_decibels():
    stems = tones()
    estimates = stems + noise(stems, -20.0)
    assert negative_si_sdr(estimates, stems).item() == pytest.approx(-20.0, abs=1e-3)
    snr = negative_snr(estimates, stems, ceiling=100.0)
    assert snr.item() == pytest.approx(-20.0, abs=1e-3)


def test_si_sdr_ignores_scale_and_offset_and_snr_does_not():
    stems = tones()
    estimates = stems + noise(stems, -20.0)
    assert negative_si_sdr(0.1 * estimates + 3.0, stems).item() == pytest.approx(-20.0, abs=1e-2)
    assert negative_snr(0.5 * stems, stems, ceiling=100.0).item() == pytest.approx(-6.02, abs=1e-2)


def test_snr_levels_off_at_its_ceiling():
    stems = tones()
    assert negative_snr(stems, stems, ceiling=30.0).item() == pytest.approx(-30.0, abs=1e-3)
    assert negative_snr(stems, stems, ceiling=50.0).item() == pytest.approx(-50.0, abs=1e-3)


@pytest.mark.parametrize("loss", [negative_snr, negative_si_sdr])
def test_what_leaks_into_a_silent_stem_is_measured_against_the_mixture(loss):
    stems = tones()
    stems[:, 1] = 0.0
    leaking = torch.stack([stems[:, 0], stems[:, 0] + noise(stems[:, 0], 0.0)], 1)
    quiet = torch.stack([stems[:, 0], noise(stems[:, 0], -20.0)], 1)
    silent = stems.clone()
    assert si_sdr(silent, stems)[:, 1].isnan().all()
    assert loss(leaking, stems) - loss(quiet, stems) > 10.0
    expected = 10.0 * math.log10(10.0**-2 + 10.0**-3)  # its level, and the soft threshold
    difference = loss(quiet, stems) - loss(silent, stems)
    assert difference.item() == pytest.approx((expected + 30.0) / 2, abs=1e-2)


def test_leakage_counts_with_the_weight_of_inactive_sources():
    stems = tones()
    stems[:, 1] = 0.0
    quiet = torch.stack([stems[:, 0], noise(stems[:, 0], -20.0)], 1)
    whole, half = (
        negative_snr(quiet, stems, inactive_source_weight=share)
        - negative_snr(stems.clone(), stems, inactive_source_weight=share)
        for share in (1.0, 0.5)
    )
    assert half.item() == pytest.approx(whole.item() / 2, abs=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_of_a_batch_is_the_mean_of_its_parts(loss):
    stems = tones(batch=4)
    stems[0, 1] = 0.0
    estimates = stems.flip(0) + noise(stems, -3.0)
    parts = [loss(estimates[part], stems[part]).item() for part in (slice(0, 2), slice(2, 4))]
    assert loss(estimates, stems).item() == pytest.approx(sum(parts) / 2, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_silence_against_silence_has_a_finite_gradient(loss):
    estimates = torch.zeros(1, 2, 1, 4000, requires_grad=True)
    loss(estimates, torch.zeros(1, 2, 1, 4000)).backward()
    assert estimates.grad.isfinite().all()


def test_the_magnitudes_of_one_source_are_compared_without_their_sign():
    stems = tones()
    estimates = torch.stack([-stems[:, 0], torch.zeros_like(stems[:, 1])], dim=1)
    assert magnitude_l1(estimates, stems, source=0).item() == pytest.approx(0.0, abs=1e-7)
    both = magnitude_l1(estimates, stems)
    assert magnitude_l1(estimates, stems, source=1).item() == pytest.approx(2 * both.item())
    halved = magnitude_l1(0.5 * stems, stems, source=1)
    assert halved.item() == pytest.approx(both.item(), rel=1e-5)


def test_a_weighted_sum_adds_its_terms():
    stems = tones()
    estimates = stems + noise(stems, -20.0)
    loss = weighted_sum((2.0, l1), (0.5, partial(negative_snr, ceiling=100.0)))
    expected = 2.0 * l1(estimates, stems) - 10.0
    assert loss(estimates, stems).item() == pytest.approx(expected.item(), abs=1e-3)


def test_of_two_equal_candidates_sharing_costs_less_than_guessing_in_the_joint_loss():
    """A guess is right every other time, which pays in `negative_snr` only."""
    stems = tones()
    wrong = stems.flip(1)
    shared = (stems + wrong) / 2
    for loss, sharing_pays in ((joint_snr, True), (negative_snr, False)):
        guessing = (loss(stems, stems) + loss(wrong, stems)) / 2
        assert (loss(shared, stems) < guessing) == sharing_pays
