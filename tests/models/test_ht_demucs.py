"""HT-Demucs behind the separator contract."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from helpers.inference.separation import separate
from helpers.models.ht_demucs import HTDemucs, HTDemucsConfig
from helpers.training.checkpoints import load_model, save_model
from helpers.training.losses import negative_snr

TINY = HTDemucsConfig(
    ("low", "high"), 8000, segment_seconds=1.0, width=8, window=1024, depth=3, bottleneck=8,
    layers=2, heads=2,
)  # fmt: skip


def tiny(**changes) -> HTDemucs:
    torch.manual_seed(0)
    return HTDemucs(dataclasses.replace(TINY, **changes)).eval()


def noise(*shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("samples", [1, 100, 4096, 10_001])
@pytest.mark.parametrize("channels", [1, 2])
@torch.no_grad()
def test_every_length_comes_back_with_the_same_length(samples, channels):
    estimates = tiny(channels=channels)(noise(2, channels, samples))
    assert estimates.shape == (2, 2, channels, samples)
    assert estimates.isfinite().all()


@torch.no_grad()
def test_a_mask_of_one_hands_back_the_mixture():
    network = tiny(masks=True).network
    spectrum = network._spec(noise(2, 1, 8000))
    seen = network._magnitude(spectrum)
    one = torch.stack([torch.ones_like(spectrum.real), torch.zeros_like(spectrum.real)], dim=2)
    one = one.flatten(1, 2)[:, None].expand(-1, 2, -1, -1, -1)  # (B, S, 2 * C, F, N)
    mean = seen.mean((1, 2, 3)).view(2, 1, 1, 1, 1)
    deviation = seen.std((1, 2, 3)).view(2, 1, 1, 1, 1)
    estimates = network._mask(spectrum, one * deviation + mean)
    mixtures = spectrum[:, None].expand_as(estimates)
    torch.testing.assert_close(estimates, mixtures, atol=1e-5, rtol=1e-3)


@torch.no_grad()
def test_a_forward_pass_does_not_change_the_model():
    model = tiny().train()
    model(noise(1, 1, 5000))
    model.eval()
    once = model(noise(1, 1, 9000))
    model(noise(1, 1, 3000))
    assert torch.equal(model(noise(1, 1, 9000)), once)


@pytest.mark.parametrize("masks", [False, True])
@torch.no_grad()
def test_silence_stays_silent_and_a_click_finite(masks):
    silence = torch.zeros(1, 1, 8000)
    assert tiny(masks=masks)(silence).abs().max() < 1e-6
    click = silence.clone()
    click[..., 4000] = 1.0
    assert tiny(masks=masks)(click).isfinite().all()


@pytest.mark.parametrize("masks", [False, True])
@torch.no_grad()
def test_estimates_scale_with_the_mixture(masks):
    model, mixture = tiny(masks=masks), noise(1, 1, 8000)
    torch.testing.assert_close(model(0.5 * mixture), 0.5 * model(mixture), atol=1e-4, rtol=1e-2)


@torch.no_grad()
def test_examples_of_a_batch_are_independent():
    model, pair = tiny(), noise(2, 1, 8000)
    torch.testing.assert_close(model(pair)[:1], model(pair[:1]), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("masks", [False, True])
def test_a_short_training_separates_a_low_sine_from_a_high_one(masks):
    model = tiny(masks=masks).train()
    time = torch.arange(8000) / 8000
    stems = 0.1 * torch.stack([torch.sin(2 * torch.pi * f * time) for f in (200.0, 1900.0)])
    stems = stems[None, :, None]  # (1, 2, 1, T)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        loss = negative_snr(model(stems.sum(1)), stems)
        loss.backward()
        optimizer.step()
    assert loss < -10.0


def test_a_saved_network_separates_as_before(tmp_path):
    model = tiny()
    weights, _ = save_model(model, tmp_path, "ht", {})
    with torch.no_grad():
        assert torch.equal(load_model(weights)(noise(1, 1, 5000)), model(noise(1, 1, 5000)))


def test_a_long_recording_comes_back_whole():
    mixture = np.random.default_rng(0).normal(0, 0.1, (2, 20_001)).astype(np.float32)
    assert separate(tiny(), mixture, 8000).shape == (2, 2, 20_001)


def test_heads_that_cannot_share_the_channels_are_refused():
    with pytest.raises(ValueError, match="has 8 channels and 3 heads"):
        dataclasses.replace(TINY, heads=3)


def test_masks_are_on_or_off():
    with pytest.raises(ValueError, match="masks is 1"):
        dataclasses.replace(TINY, masks=1)


def test_configuration_survives_json():
    assert HTDemucsConfig(**json.loads(json.dumps(dataclasses.asdict(TINY)))) == TINY
