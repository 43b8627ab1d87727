"""Attribution of separators and functions whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from helpers.evaluation.attribution import (
    attribution_by_partials,
    beside,
    frequency_influence,
    integrated_gradients,
    mask_attribution,
    on_partials,
    probe,
    randomised,
    rank_correlation,
    time_influence,
)
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.music.scores import Note

RATE, EDGES = 8000, (0, 500, 1000, 2000, 4000)
TINY = {"width": 4, "pitch_channels": 2, "hidden": 8, "layers": 1, "resolution": 12}


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(size=(1, 2 * RATE)).astype(np.float32)


def band_mask(mixture):
    """Below 1 kHz the first source, above it the second."""
    spectrum = np.fft.rfft(mixture)
    low = np.arange(spectrum.shape[-1]) * RATE / mixture.shape[-1] < 1000
    return np.stack([np.fft.irfft(spectrum * on, mixture.shape[-1]) for on in (low, ~low)])


def gated(mixture):
    """All of the mixture, as loud as the first second of it is."""
    return (mixture * np.square(mixture[:, :RATE]).mean())[None]


def test_a_fixed_band_mask_listens_to_no_other_band(noise):
    found = frequency_influence(band_mask, noise, RATE, EDGES)
    expected = np.full((2, 4, 4), np.nan)
    for source, bands in enumerate(((0, 1), (2, 3))):
        expected[source][:, bands] = np.eye(4)[:, bands]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert beside(found) == pytest.approx(0.0, abs=1e-5)


def test_a_gain_that_follows_the_first_second_is_found_there(noise):
    found = time_influence(gated, noise, RATE, 1.0)[0]
    np.testing.assert_allclose(found, [[1.0, 1.0], [0.0, 1.0]], atol=1e-6)
    assert beside(found) == pytest.approx(0.5)


def test_gradients_of_a_square_give_each_element_its_own_square():
    value, weights = torch.randn(5, 7), torch.rand(5, 7)
    found = integrated_gradients(
        lambda x: (weights * x.square()).sum(), value, torch.zeros(5, 7), 3
    )
    torch.testing.assert_close(found.shares, weights * value.square())


def test_shares_sum_to_the_difference_from_the_baseline():
    value, baseline = torch.rand(20, dtype=torch.float64), torch.rand(20, dtype=torch.float64)
    function = lambda x: torch.tanh(x.sum() * x[0])  # noqa: E731
    found = integrated_gradients(function, value, baseline, 500)
    assert float(found.shares.sum()) == pytest.approx(
        float(function(value) - function(baseline)), abs=1e-4
    )


class Listener(nn.Module):
    """Gives the first source all bins where there is more energy in bins 10 to 19 than in 30 to
    39, softly, and hears nothing else."""

    config = SimpleNamespace(sources=("a", "b"))
    active, synthesis = torch.tensor([True, True]), range(65)

    def stft(self, wave):
        return torch.stft(wave, 128, 64, window=torch.hann_window(128), return_complex=True)

    def features(self, seen, active):
        return torch.log(seen[:, 10:20].sum(1)) - torch.log(seen[:, 30:40].sum(1)), None

    def masks(self, features, active, bins):
        first = features.sigmoid()[:, None].expand(-1, bins, -1)
        return torch.stack([first, 1 - first], dim=1)


def test_the_mask_is_attributed_to_the_bins_that_decide_it():
    time = torch.arange(4096) / 128
    mixture = torch.sin(2 * torch.pi * 15 * time) + 0.01 * torch.sin(2 * torch.pi * 35 * time)
    attribution, whole = mask_attribution(Listener(), mixture, "a", 64)
    found = attribution.shares
    heard = np.zeros(65, bool)
    heard[10:20] = heard[30:40] = True
    assert not found[~heard].any()
    assert found[15].mean() > 0
    assert found[30:40].mean() > 0  # fewer of them than the baseline has: for the source as well
    assert whole > 0.5
    assert float(found.sum()) == pytest.approx(whole, rel=0.05)


def test_partials_of_a_note_are_on_only_while_it_sounds():
    hertz, seconds = np.arange(0, 4000, 10.0), np.arange(0, 3, 0.1)
    on = on_partials([Note(1.0, 1.0, 69)], hertz, seconds)
    assert on[44].nonzero()[0].tolist() == list(range(10, 20))
    assert on[88, 15] and on[132, 15] and not on[66, 15]


def test_an_attribution_is_divided_between_the_partials():
    own, others = np.zeros((2, 4, 1), bool)
    own[0] = own[1] = others[1] = others[2] = True
    found = attribution_by_partials(np.array([[2.0], [1.0], [-4.0], [1.0]]), own, others)
    assert found == {"own": 3 / 8, "others": -4 / 8, "elsewhere": 1 / 8}


def test_random_weights_change_the_attribution_of_a_network_and_leave_it_as_it_was():
    torch.manual_seed(0)
    model = MaskNet(MaskNetConfig(("a", "b"), 8000, window=512, hop=256, highest=4000.0, **TINY))
    weights = copy_of(model)
    other = randomised(model, ["decide", "partials"], 1)
    assert all(torch.equal(a, b) for a, b in zip(weights, copy_of(model), strict=True))
    changed = {
        name
        for name, p in other.named_parameters()
        if not torch.equal(p, dict(model.named_parameters())[name])
    }
    assert {name.split(".")[0] for name in changed} == {"decide", "partials"}
    mixture = torch.randn(8000)
    before, after = (
        mask_attribution(m, mixture, "a", 4)[0].gradient.numpy() for m in (model, other)
    )
    assert rank_correlation(before, before) == pytest.approx(1.0)
    assert rank_correlation(before, after) < 0.9


def copy_of(model):
    return [p.detach().clone() for p in model.parameters()]


def test_a_probe_reads_what_is_there_and_nothing_else():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 600)
    states = rng.normal(size=(600, 10))
    assert probe(states[:400], labels[:400], states[400:], labels[400:]) < 0.4
    states[:, :4] += 4 * np.eye(4)[labels]
    assert probe(states[:400], labels[:400], states[400:], labels[400:]) > 0.9
