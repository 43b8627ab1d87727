"""Weights of another model go to the sources of the same names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from helpers.models.conv_tasnet import ConvTasNet, ConvTasNetConfig
from helpers.models.ht_demucs import HTDemucs, HTDemucsConfig
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig
from helpers.training.averaging import interpolate
from helpers.training.runs import TrainingError
from helpers.training.transfer import start_from

PATH = Path("other.safetensors")
DUO, SWAPPED, TRIO = ("violin", "cello"), ("cello", "violin"), ("horn", "cello", "violin")


def mask_net(sources, conditioned=False, phases=0, **settings):
    numbers = {"window": 512, "hop": 128, "highest": 3000.0, "width": 4, "hidden": 8, "layers": 1}
    config = MaskNetConfig(
        sources, 8000, pitch_channels=2, conditioned=conditioned, complex_mask_channels=phases,
        **numbers | settings,
    )  # fmt: skip
    return MaskNet(config)


MODELS = {
    "mask net": mask_net,
    "conditioned mask net": lambda sources: mask_net(sources, conditioned=True),
    "complex mask net": lambda sources: mask_net(sources, conditioned=True, phases=4),
    "mask net with heads": lambda sources: mask_net(sources, fundamentals=True),
    "wave-u-net": lambda sources: WaveUNet(
        WaveUNetConfig(sources, channels=2, levels=2, width=2, difference_output=False)
    ),
    "conv-tasnet": lambda sources: ConvTasNet(
        ConvTasNetConfig(sources, filters=8, bottleneck=4, hidden=4, layers=2, stacks=1)
    ),
    "ht-demucs": lambda sources: HTDemucs(
        HTDemucsConfig(sources, 8000, width=16, depth=2, window=256, bottleneck=8, layers=1,
                       heads=2, segment_seconds=1.0)
    ),
}  # fmt: skip


def models(build, *all_sources):
    """Models whose weights are all random, also those that begin with zeros."""
    for seed, sources in enumerate(all_sources):
        torch.manual_seed(seed)
        model = build(sources).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        yield model


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_source_channels_lists_every_parameter_that_depends_on_the_sources(build):
    two, three = models(build, DUO, TRIO)
    shapes = {name: value.shape for name, value in two.state_dict().items()}
    differ = {n for n, v in three.state_dict().items() if v.shape != shapes[n]}
    assert differ == set(two.source_channels)
    for model in (two, three):
        for name, (axis, sources) in model.source_channels.items():
            assert model.state_dict()[name].shape[axis] == len(sources)
            assert {*model.sources} <= {*sources}


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
@torch.no_grad()
def test_sources_in_another_order_keep_their_estimates(build):
    other, model = models(build, DUO, SWAPPED)
    start_from(model, other, PATH)
    mixture = torch.randn(1, other.channels, 4000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(mixture).flip(1), other(mixture), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_new_sources_keep_their_weights_and_known_ones_are_loaded(build):
    other, model = models(build, DUO, TRIO)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    start_from(model, other, PATH)
    for name, value in model.state_dict().items():
        loaded = other.state_dict()[name]
        if name not in model.source_channels:
            assert torch.equal(value, loaded)
            continue
        axis, sources = model.source_channels[name]
        for source in (None, *TRIO):
            of = before[name] if source == "horn" else loaded
            labels = sources if source == "horn" else other.source_channels[name][1]
            mine = [i for i, each in enumerate(sources) if each == source]
            theirs = [i for i, each in enumerate(labels) if each == source]
            actual, expected = (
                value.index_select(axis, torch.tensor(mine, dtype=torch.int)),
                (of.index_select(axis, torch.tensor(theirs, dtype=torch.int))),
            )
            assert torch.equal(actual, expected)


def test_weights_of_another_size_are_refused_by_name():
    model, other = mask_net(DUO), mask_net(SWAPPED, width=6)
    with pytest.raises(TrainingError, match="other.safetensors: its weights are not those"):
        start_from(model, other, PATH)


@torch.no_grad()
def test_interpolation_matches_sources_by_name_and_leaves_other_sources_alone():
    other, swapped, unrelated = models(mask_net, DUO, SWAPPED, ("horn", "oboe"))
    before = unrelated.decide.weight.clone()
    interpolate(unrelated, other, 0.5)
    assert torch.equal(unrelated.decide.weight, before)
    expected = (swapped.decide.weight + other.decide.weight.flip(0)) / 2
    interpolate(swapped, other, 0.5)
    torch.testing.assert_close(swapped.decide.weight, expected)
