"""The Wave-U-Net keeps the separator contract and follows its configuration."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch
from torch import nn

from helpers.models.wave_unet import Interpolation, WaveUNet, WaveUNetConfig

TINY = WaveUNetConfig(sources=("low", "high"), levels=3, width=4)


def convolution_weights(model: nn.Module) -> list[torch.Tensor]:
    return [module.weight for module in model.modules() if isinstance(module, nn.Conv1d)]


@pytest.mark.parametrize("samples", [1, 7, 64, 1001])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_length_comes_back_with_the_same_length(samples, channels):
    model = WaveUNet(dataclasses.replace(TINY, channels=channels))
    assert model(torch.randn(3, channels, samples)).shape == (3, 2, channels, samples)


def test_difference_output_adds_up_to_the_mixture():
    model = WaveUNet(dataclasses.replace(TINY, sources=("a", "b", "c")))
    mixture = torch.randn(2, 1, 500)
    torch.testing.assert_close(model(mixture).sum(dim=1), mixture)


def test_without_difference_output_every_source_is_predicted():
    model = WaveUNet(dataclasses.replace(TINY, difference_output=False))
    mixture = torch.randn(2, 1, 500)
    assert not torch.allclose(model(mixture).sum(dim=1), mixture)


def test_the_output_is_aligned_with_the_input():
    model = WaveUNet(TINY)
    nn.init.zeros_(model.output.weight)
    nn.init.zeros_(model.output.bias)
    model.output.weight.data[0, -1, 0] = 1.0  # outputs the mixture
    mixture = torch.randn(1, 1, 333)
    torch.testing.assert_close(model(mixture)[:, 0], mixture)


@pytest.mark.parametrize("learned", [False, True])
def test_interpolating_a_ramp_gives_the_finer_ramp(learned):
    ramp = torch.arange(8.0).reshape(1, 1, 8)
    finer = Interpolation(1, learned)(ramp)
    torch.testing.assert_close(finer[0, 0, :-1], torch.arange(15.0) / 2)
    assert finer[0, 0, -1] == 7.0


def test_learned_interpolation_can_hold_the_earlier_sample():
    interpolation = Interpolation(2, learned=True)
    interpolation.logit.data.fill_(-50.0)
    features = torch.randn(1, 2, 5)
    torch.testing.assert_close(interpolation(features), features.repeat_interleave(2, dim=-1))


def test_plain_interpolation_has_no_trained_weights():
    plain = WaveUNet(dataclasses.replace(TINY, learned_upsampling=False))
    assert not any(module.logit.requires_grad for module in plain.interpolate)


def test_he_weights_have_the_variance_that_keeps_the_signal():
    torch.manual_seed(0)
    model = WaveUNet(dataclasses.replace(TINY, width=16, initialisation="he"))
    weight = model.bottleneck[0].weight
    expected = math.sqrt(2 / (1 + 0.2**2) / weight[0].numel())
    assert weight.std().item() == pytest.approx(expected, rel=0.02)


def test_xavier_weights_stay_inside_their_bound():
    model = WaveUNet(dataclasses.replace(TINY, initialisation="xavier"))
    for weight in convolution_weights(model):
        fans = weight[0].numel() + weight[:, 0].numel()
        assert weight.abs().max() <= math.sqrt(6 / fans)


def test_orthogonal_weights_have_orthogonal_rows_of_one_length():
    model = WaveUNet(dataclasses.replace(TINY, initialisation="orthogonal"))
    rows = model.bottleneck[0].weight.flatten(1)
    gram = rows @ rows.T
    length = 2 / (1 + 0.2**2)
    torch.testing.assert_close(gram, length * torch.eye(len(rows)), atol=1e-4, rtol=0)


def test_layer_normalisation_leaves_each_example_with_mean_zero_and_variance_one():
    model = WaveUNet(dataclasses.replace(TINY, normalisation="layer"))
    convolved = model.down[0][:2](torch.randn(3, 1, 400) * torch.tensor([0.1, 1, 9])[:, None, None])
    torch.testing.assert_close(convolved.mean(dim=(1, 2)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(convolved.var(dim=(1, 2)), torch.ones(3), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    "kind, module", [("none", nn.Identity), ("batch", nn.BatchNorm1d), ("group", nn.GroupNorm)]
)
def test_every_block_holds_the_chosen_normalisation(kind, module):
    model = WaveUNet(dataclasses.replace(TINY, normalisation=kind))
    assert all(isinstance(block[1], module) for block in [*model.down, *model.up, model.bottleneck])


def test_a_forward_pass_does_not_change_the_model():
    model = WaveUNet(dataclasses.replace(TINY, normalisation="batch")).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model(torch.randn(1, 1, 200))
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name])


@pytest.mark.parametrize("field", ["normalisation", "initialisation"])
def test_an_unknown_choice_is_refused_with_the_right_ones(field):
    with pytest.raises(ValueError, match=f"no {field} 'sorcery'; choose"):
        dataclasses.replace(TINY, **{field: "sorcery"})


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="odd"):
        dataclasses.replace(TINY, down_kernel=4)


def test_configuration_survives_json():
    assert WaveUNetConfig(**json.loads(json.dumps(dataclasses.asdict(TINY)))) == TINY


def test_contract_properties_come_from_the_configuration():
    model = WaveUNet(TINY)
    assert (model.sources, model.sample_rate) == (("low", "high"), 8000)
    assert (model.channels, model.segment_seconds) == (1, 2.0)


def test_a_short_training_separates_a_low_sine_from_a_high_one():
    torch.manual_seed(0)
    model = WaveUNet(dataclasses.replace(TINY, width=6))
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
