"""ResUNetDecouple+ behind the separator contract, and its decoupled mask with known answers."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from torch import nn

from experiments.decoupling import true_parts
from experiments.pieces import chorale
from helpers.audio.resampling import resample
from helpers.inference.separation import separate
from helpers.models.resunet import ResUNet, ResUNetConfig, filterbank
from helpers.training.checkpoints import load_model, save_model
from helpers.training.losses import negative_snr
from helpers.training.transfer import start_from

TINY = ResUNetConfig(
    ("low", "high"), 8000, segment_seconds=8.0, window=256, hop=64, widths=(4, 8), units=1,
    bottlenecks=1,
)  # fmt: skip


def tiny(**changes) -> ResUNet:
    """With random output weights, so that an untrained network has something to say."""
    torch.manual_seed(0)
    model = ResUNet(dataclasses.replace(TINY, **changes)).eval()
    nn.init.normal_(model.output.weight, std=0.1)
    return model


def noise(*shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def decibels(error: torch.Tensor, signal: torch.Tensor) -> float:
    return float(10 * torch.log10(error.square().sum() / signal.square().sum()))


def test_the_published_network_has_102_million_parameters_and_143_convolutions():
    with torch.device("meta"):
        model = ResUNet(ResUNetConfig(("vocals",), channels=2))
    count = sum(weight.numel() for weight in model.parameters())
    assert count == pytest.approx(102e6, rel=0.01)
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    assert sum(layer.kernel_size != (1, 1) for layer in layers) + 1 == 143  # and `enter`


@pytest.mark.parametrize("subbands", [1, 4])
def test_the_true_mask_gives_the_stems_exactly(subbands):
    model, stems = tiny(subbands=subbands), noise(2, 2, 1, 8000)
    spectrum = model.stft(stems.sum(1))
    parts = true_parts(model, stems)
    estimates = model.istft(model.decoupled(spectrum, parts, model.level(spectrum)), 8000)
    assert decibels(estimates - stems, stems) < (-100 if subbands == 1 else -60)


def test_without_the_residual_only_masks_above_one_are_missed():
    model, stems = tiny(), noise(1, 2, 1, 8000)
    spectrum, parts = model.stft(stems.sum(1)), true_parts(model, stems)
    parts[:, :, 3] = 0.0
    level = model.level(spectrum)
    true = torch.stack([model.stft(stem) for stem in stems.unbind(1)], dim=1)
    error = (model.decoupled(spectrum, parts, level) - true).abs()
    inside = true.abs() < 0.99 * spectrum[:, None].abs()
    assert error[inside].max() < 1e-5
    assert error[~inside].mean() > 1e-4


def test_without_phase_every_estimate_has_the_phase_of_the_mixture():
    model, mixture = tiny(phase=False), noise(1, 1, 8000)
    spectrum = model.stft(mixture)
    level = model.level(spectrum)
    estimates = model.decoupled(spectrum, model.parts(spectrum.abs() / level), level)
    turned = estimates * spectrum[:, None].conj()
    assert (turned.imag.abs() <= 1e-5 * turned.abs() + 1e-12).all()
    assert (turned.real >= 0).all()


def test_with_the_magnitude_alone_no_bin_is_louder_than_the_mixture():
    model, mixture = tiny(phase=False, residual=False), noise(1, 1, 8000)
    spectrum = model.stft(mixture)
    level = model.level(spectrum)
    estimates = model.decoupled(spectrum, 9 * model.parts(spectrum.abs() / level), level)
    assert (estimates.abs() <= spectrum[:, None].abs() + 1e-7).all()


@pytest.mark.parametrize(
    "changes, parts",
    [({}, 4), ({"residual": False}, 3), ({"phase": False, "residual": False}, 1),
     ({"magnitude": False}, 3)],
)  # fmt: skip
def test_a_part_that_is_left_out_needs_no_output(changes, parts):
    model = tiny(**changes)
    assert model.output.out_channels == 2 * parts
    assert model(noise(1, 1, 3000)).isfinite().all()


@pytest.mark.parametrize("changes", [{}, {"magnitude": False}, {"phase": False}])
def test_the_first_gradient_reaches_every_layer_that_decides(changes):
    torch.manual_seed(0)
    model = ResUNet(dataclasses.replace(TINY, **changes))
    model(noise(1, 1, 8000)).square().sum().backward()
    assert model.output.weight.grad.abs().max() > 0


@torch.no_grad()
def test_reduced_precision_leaves_the_waveform_as_it_is():
    model, mixture = tiny(subbands=4), noise(1, 1, 8000)
    with torch.autocast("cpu", torch.bfloat16):
        spectrum = model.stft(mixture)
        again = model.istft(spectrum[:, None], 8000)
    assert torch.equal(spectrum, model.stft(mixture))
    assert torch.equal(again, model.istft(spectrum[:, None], 8000))


@torch.no_grad()
@pytest.mark.parametrize("subbands", [1, 4])
def test_an_untrained_network_answers_half_of_the_mixture(subbands):
    model = ResUNet(dataclasses.replace(TINY, subbands=subbands)).eval()
    mixture = noise(1, 1, 8000)
    expected = (0.5 * mixture)[:, None].expand(-1, 2, -1, -1)
    assert decibels(model(mixture) - expected, expected) < -55


@pytest.mark.parametrize("subbands", [2, 4, 8])
def test_the_subbands_give_the_waveform_back(subbands):
    model, waveform = tiny(subbands=subbands), noise(1, 2, 7001)
    bands = model.to_subbands(waveform)
    assert bands.shape[1] == 2 * subbands
    again = model.from_subbands(bands[:, None], 7001)[:, 0]
    assert decibels(again - waveform, waveform) < -60


def test_a_tone_lies_in_the_subband_of_its_frequency():
    time = torch.arange(8000) / 8000
    for band, hertz in enumerate((500.0, 1500.0, 2500.0, 3500.0)):
        tone = torch.sin(2 * torch.pi * hertz * time)[None, None]
        energy = tiny(subbands=4).to_subbands(tone).square().sum(-1)[0]
        assert energy[band] > 0.999 * energy.sum()


def test_the_filters_of_one_subband_change_nothing():
    assert torch.equal(filterbank(1), torch.ones(1, 1, 1))


@torch.no_grad()
@pytest.mark.parametrize("samples", [1, 100, 4096, 10_001])
@pytest.mark.parametrize("channels, subbands", [(1, 1), (2, 1), (2, 4)])
def test_every_length_comes_back_with_the_same_length(samples, channels, subbands):
    estimates = tiny(channels=channels, subbands=subbands)(noise(2, channels, samples))
    assert estimates.shape == (2, 2, channels, samples)
    assert estimates.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("subbands", [1, 4])
def test_streamed_equals_whole(subbands):
    model, mixture = tiny(subbands=subbands), noise(1, 240_000)
    whole = model(mixture[None])[0].numpy()
    streamed = separate(model, mixture.numpy(), 8000)
    inner = slice(1000, -1000)
    np.testing.assert_allclose(streamed[..., inner], whole[..., inner], atol=2e-5)


@torch.no_grad()
def test_the_trained_network_hears_hardly_beyond_the_context_of_a_segment():
    """Its receptive field is longer, so that streamed and whole differ a little."""
    model = load_model("resunet-quartet")
    mixture = chorale("bwv66.6", model.sources, 12.0).mixture
    mixture = resample(mixture, 44_100, model.sample_rate)
    whole = model(torch.from_numpy(mixture)[None])[0]
    streamed = torch.from_numpy(separate(model, mixture, model.sample_rate))
    assert max(decibels(s - w, w) for s, w in zip(streamed, whole, strict=True)) < -30


@torch.no_grad()
def test_silence_stays_silent_and_a_click_finite():
    silence = torch.zeros(1, 1, 8000)
    assert tiny()(silence).abs().max() < 1e-6
    click = silence.clone()
    click[..., 4000] = 1.0
    assert tiny()(click).isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("compression", [1.0, 0.5])
def test_estimates_scale_with_the_mixture(compression):
    model, mixture = tiny(compression=compression), noise(1, 1, 8000)
    torch.testing.assert_close(model(0.1 * mixture), 0.1 * model(mixture), atol=1e-5, rtol=1e-2)


@torch.no_grad()
def test_a_forward_pass_does_not_change_the_model():
    model, pair = tiny(), noise(2, 1, 8000)
    once = model(pair)
    model(noise(1, 1, 3000))
    assert torch.equal(model(pair), once)
    torch.testing.assert_close(model(pair[:1]), once[:1], atol=1e-6, rtol=1e-4)


def test_a_short_training_separates_a_low_sine_from_a_high_one():
    torch.manual_seed(0)
    model = ResUNet(dataclasses.replace(TINY, subbands=2)).train()
    time = torch.arange(4000) / 8000
    stems = 0.1 * torch.stack([torch.sin(2 * torch.pi * f * time) for f in (200.0, 1900.0)])
    stems = stems[None, :, None].repeat(2, 1, 1, 1)  # (B, S, C, T)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = negative_snr(model(stems.sum(1)), stems)
        loss.backward()
        optimizer.step()
    assert loss < -12.0


def test_a_saved_network_separates_as_before(tmp_path):
    model = tiny(subbands=4, widths=(4, 6))
    weights, _ = save_model(model, tmp_path, "resunet", {})
    with torch.no_grad():
        assert torch.equal(load_model(weights)(noise(1, 1, 5000)), model(noise(1, 1, 5000)))


def test_further_training_matches_sources_by_name(tmp_path):
    small, large = tiny(), tiny(sources=("high", "middle", "low"))
    start_from(large, small, tmp_path)
    of = {name: model.output.weight.unflatten(0, (-1, 4)) for name, model in
          (("small", small), ("large", large))}  # fmt: skip
    assert torch.equal(of["large"][0], of["small"][1])
    assert torch.equal(of["large"][2], of["small"][0])


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"magnitude": False, "residual": False}, "magnitude and residual are both false"),
        ({"hop": 200}, "at most half the window"),
        ({"subbands": 4, "hop": 66}, "they must be multiples of 8 and 4"),
        ({"widths": (4, 0)}, "widths is"),
        ({"widths": ()}, "widths is"),
        ({"units": 0}, "units is 0"),
        ({"compression": 2.0}, "compression is 2.0"),
    ],
)
def test_what_cannot_be_built_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(TINY, **changes)


def test_configuration_survives_json():
    assert ResUNetConfig(**json.loads(json.dumps(dataclasses.asdict(TINY)))) == TINY
