"""Conv-TasNet behind the separator contract, with the normalisation and weights asked for."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch
from torch import nn

from helpers.models.conv_tasnet import ConvTasNet, ConvTasNetConfig

TINY = ConvTasNetConfig(
    sources=("low", "high"),
    filters=24,
    filter_length=16,
    bottleneck=12,
    hidden=16,
    layers=2,
    stacks=1,
)


@pytest.mark.parametrize("samples", [1, 7, 64, 1001])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_length_comes_back_with_the_same_length(samples, channels):
    model = ConvTasNet(TINY)
    assert model(torch.randn(3, channels, samples)).shape == (3, 2, channels, samples)


def test_each_channel_is_separated_on_its_own():
    model = ConvTasNet(TINY).eval()
    stereo = torch.randn(2, 2, 300)
    torch.testing.assert_close(model(stereo)[:, :, 1:], model(stereo[:, 1:]))


@pytest.mark.parametrize("sources", [("a", "b"), ("a", "b", "c")])
def test_difference_output_adds_up_to_the_mixture(sources):
    model = ConvTasNet(dataclasses.replace(TINY, sources=sources, difference_output=True))
    mixture = torch.randn(2, 1, 500)
    torch.testing.assert_close(model(mixture).sum(dim=1), mixture)


def test_layer_normalisation_makes_masks_independent_of_level():
    model = ConvTasNet(TINY).eval()
    mixture = torch.randn(1, 1, 400)
    torch.testing.assert_close(model(0.1 * mixture), 0.1 * model(mixture), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("kind, groups", [("layer", 1), ("group", 4)])
def test_group_normalisation_has_its_groups(kind, groups):
    model = ConvTasNet(dataclasses.replace(TINY, normalisation=kind))
    found = [module.num_groups for module in model.modules() if isinstance(module, nn.GroupNorm)]
    assert found == [groups] * 5  # one before the mask network, two in each of its two blocks


@pytest.mark.parametrize("kind, batch_norms", [("batch", 5), ("none", 0)])
def test_other_normalisations_leave_no_group_norm(kind, batch_norms):
    model = ConvTasNet(dataclasses.replace(TINY, normalisation=kind))
    modules = list(model.modules())
    assert not any(isinstance(module, nn.GroupNorm) for module in modules)
    assert sum(isinstance(module, nn.BatchNorm1d) for module in modules) == batch_norms


def test_orthogonal_filter_bank_has_orthogonal_columns():
    model = ConvTasNet(dataclasses.replace(TINY, initialisation="orthogonal"))
    filters = model.analysis_filters
    gram = filters.T @ filters
    torch.testing.assert_close(
        gram, 2 / (1 + 0.25**2) * torch.eye(TINY.filter_length), atol=1e-4, rtol=0
    )


def test_he_weights_have_the_variance_that_keeps_the_signal():
    torch.manual_seed(0)
    model = ConvTasNet(dataclasses.replace(TINY, filters=400, initialisation="he"))
    expected = math.sqrt(2 / (1 + 0.25**2) / TINY.filter_length)
    assert model.analysis_filters.std().item() == pytest.approx(expected, rel=0.03)


def test_xavier_weights_stay_inside_their_bound():
    model = ConvTasNet(dataclasses.replace(TINY, initialisation="xavier"))
    bound = math.sqrt(6 / (TINY.filter_length * (1 + TINY.filters)))
    assert model.analysis_filters.abs().max() <= bound


@pytest.mark.parametrize("field", ["normalisation", "initialisation", "mask"])
def test_an_unknown_choice_is_refused_with_the_right_ones(field):
    with pytest.raises(ValueError, match=f"no {field} 'sorcery'; choose"):
        dataclasses.replace(TINY, **{field: "sorcery"})


def test_configuration_survives_json():
    assert ConvTasNetConfig(**json.loads(json.dumps(dataclasses.asdict(TINY)))) == TINY


def test_silence_stays_silent():
    model = ConvTasNet(TINY).eval()
    assert model(torch.zeros(1, 1, 400)).abs().max() == 0.0


def test_a_short_training_separates_a_low_sine_from_a_high_one():
    torch.manual_seed(0)
    model = ConvTasNet(TINY)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    time = torch.arange(256) / 8000
    frequencies = torch.tensor([200.0, 1900.0])[None, :, None, None]
    for _ in range(120):
        phases = 2 * math.pi * torch.rand(8, 2, 1, 1)
        stems = torch.sin(2 * math.pi * frequencies * time + phases)
        error = (model(stems.sum(dim=1)) - stems).square().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert -10 * math.log10(error.item() / stems.square().mean().item()) > 12
