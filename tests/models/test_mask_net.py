"""The mask network: its contract, its log-frequency axis, and the shipped weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.inference.separation import separate
from helpers.models.mask_net import (
    HINT_CHANNELS,
    NORMALISATIONS,
    MaskNet,
    MaskNetConfig,
    log_frequency,
)
from helpers.training.checkpoints import available_models, load_model
from helpers.training.losses import negative_snr, si_sdr

SOURCES = ("violin", "clarinet")


def small(**settings) -> MaskNet:
    torch.manual_seed(0)
    numbers = {"width": 8, "pitch_channels": 4, "hidden": 32, "layers": 1} | settings
    return MaskNet(MaskNetConfig(numbers.pop("sources", SOURCES), **numbers)).eval()


def randomised(net: MaskNet) -> MaskNet:
    """The network with random weights in place of initial zeros."""
    torch.nn.init.normal_(net.interference.change.weight, std=0.1)
    return net


@pytest.mark.parametrize("samples", [1, 100, 4096, 30_001])
@torch.no_grad()
def test_estimates_sum_to_a_mixture_of_any_length(samples):
    mixture = 0.1 * torch.randn(2, 1, samples, generator=torch.Generator().manual_seed(1))
    estimates = small()(mixture)
    assert estimates.shape == (2, 2, 1, samples)
    torch.testing.assert_close(estimates.sum(1), mixture, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_brief_spectrum_begins_without_effect_and_shows_when_a_note_begins():
    plain, attentive = small(), small(attack_window=512)
    attentive.load_state_dict(plain.state_dict(), strict=False)
    mixture = torch.zeros(1, 1, 22050)
    mixture[..., 11264:] = torch.sin(0.1 * torch.arange(22050 - 11264))  # from frame 11 on
    torch.testing.assert_close(attentive(mixture), plain(mixture))
    long = attentive.stft(mixture[0]).abs()
    levels = [
        spectrum.square().sum((0, 1)).sqrt() for spectrum in (long, attentive.brief(mixture[0]))
    ]
    before, after = (20 * torch.log10((level[12] + 1e-9) / (level[10] + 1e-9)) for level in levels)
    assert after > before + 40


def test_a_model_with_a_brief_spectrum_says_that_it_needs_the_waveform():
    net = small(attack_window=512)
    with pytest.raises(ValueError, match="give it the waveform"):
        net.features(torch.rand(1, 2049, 8), torch.ones(1, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match="attack_window is 8192"):
        small(attack_window=8192)


@torch.no_grad()
def test_complex_masks_sum_to_one():
    net = randomised(small(complex_mask_channels=8))
    mixture = 0.1 * torch.randn(2, 1, 30_001, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net(mixture).sum(1), mixture, atol=1e-5, rtol=0)


@torch.no_grad()
def test_complex_masks_begin_as_real_ones():
    plain, complex_mask_channels = small(), small(complex_mask_channels=8)
    complex_mask_channels.load_state_dict(plain.state_dict(), strict=False)
    mixture = 0.1 * torch.randn(1, 1, 30_001, generator=torch.Generator().manual_seed(1))
    assert si_sdr(complex_mask_channels(mixture), plain(mixture)).min() > 40


@torch.no_grad()
def test_only_changes_of_phase_matter():
    net = randomised(small(complex_mask_channels=8))
    torch.manual_seed(1)
    spectrum = torch.randn(1, 2049, 20, dtype=torch.complex64)
    masks = torch.rand(1, 2, 2049, 20).softmax(1)
    hints = torch.randn(1, HINT_CHANNELS, 2049, 20)
    turned = spectrum * torch.polar(torch.tensor(1.0), torch.tensor(2.0))
    everyone = torch.ones(1, 2, dtype=torch.bool)
    one, other = (net.interference(each, masks, hints, everyone) for each in (spectrum, turned))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_complex_masks_separate_two_partials_in_one_bin():
    """Two steady tones 2 Hz apart, one of them twice as loud: a real mask cannot separate them."""
    time = torch.arange(2 * 22_050) / 22_050
    beat = [torch.sin(2 * torch.pi * 440.0 * time), 0.5 * torch.sin(2 * torch.pi * 442.0 * time)]
    stems = 0.1 * torch.stack(beat)[None, :, None]  # (1, 2, 1, T)
    scores = {}
    for complex_mask_channels in (0, 8):
        net = small(complex_mask_channels=complex_mask_channels).train()
        optimizer = torch.optim.Adam(net.parameters(), 1e-2)
        for _ in range(60):
            optimizer.zero_grad()
            negative_snr(net(stems.sum(1)), stems).backward()
            optimizer.step()
        scores[complex_mask_channels] = si_sdr(net(stems.sum(1)), stems).mean().item()
    assert scores[8] > scores[0] + 3


TRIO = ("violin", "clarinet", "horn")


@pytest.mark.parametrize("complex_mask_channels", [0, 8])
@torch.no_grad()
def test_a_conditioned_model_divides_the_mixture_among_its_active_sources(complex_mask_channels):
    config = {"sources": TRIO, "conditioned": True, "complex_mask_channels": complex_mask_channels}
    whole, duo = (
        small(**config, active_sources=conditioning) for conditioning in ((), ("horn", "violin"))
    )
    torch.nn.init.normal_(whole.conditioning.weight)
    if complex_mask_channels:
        randomised(whole)
    duo.load_state_dict(whole.state_dict())
    assert duo.sources == ("horn", "violin")
    mixture = 0.1 * torch.randn(2, 1, 30_001, generator=torch.Generator().manual_seed(1))
    estimates = duo(mixture)
    torch.testing.assert_close(estimates.sum(1), mixture, atol=1e-5, rtol=0)
    everyone = torch.tensor([[True, False, True], [True, True, True]])
    conditioned = whole(mixture, everyone)
    torch.testing.assert_close(conditioned[0, [2, 0]], estimates[0], atol=1e-6, rtol=0)
    assert not conditioned[0, 1].any()
    torch.testing.assert_close(conditioned[1], whole(mixture)[1], atol=1e-6, rtol=0)


@torch.no_grad()
def test_masks_are_a_softmax_over_all_sources_with_inactive_ones_at_minus_infinity():
    net = small(sources=TRIO)
    features = torch.randn(2, 8, 263, 9, generator=torch.Generator().manual_seed(1))
    active = torch.tensor([[True, False, True], [True, True, True]])
    logits = net.to_linear(net.decide(features)).masked_fill(~active[:, :, None, None], -torch.inf)
    above = torch.cat([logits, logits[:, :, -1:].expand(-1, -1, 2049 - logits.shape[2], -1)], dim=2)
    torch.testing.assert_close(net.masks(features, active, 2049), above.softmax(1))


@torch.no_grad()
def test_a_single_active_source_is_the_mixture():
    mixture = 0.1 * torch.randn(1, 1, 9_000, generator=torch.Generator().manual_seed(1))
    alone = small(active_sources=("clarinet",))(mixture)
    torch.testing.assert_close(alone[:, 0], mixture, atol=1e-5, rtol=0)


def test_a_name_that_is_no_source_is_refused():
    with pytest.raises(ValueError, match="'piano' is no source of this model; choose violin, "):
        small(active_sources=("piano",))


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_every_normalisation_keeps_the_contract(normalisation):
    net = small(normalisation=normalisation, dropout=0.2).train()
    mixture = 0.1 * torch.randn(2, 1, 10_000)
    torch.testing.assert_close(net(mixture).sum(1), mixture, atol=1e-5, rtol=0)


@pytest.mark.parametrize("counted_as", ["violin", {"alto-saxophone": 3}])
def test_what_is_no_table_of_names_is_refused(counted_as):
    with pytest.raises(ValueError, match="counted_as is .* must be a table of names of sources"):
        MaskNetConfig(SOURCES, counted_as=counted_as)


def test_an_unknown_normalisation_is_refused_by_name():
    with pytest.raises(ValueError, match="no normalisation 'weight'; choose none, batch"):
        small(normalisation="weight")


@torch.no_grad()
def test_masks_do_not_depend_on_the_volume():
    mixture = 0.1 * torch.randn(1, 1, 22_050, generator=torch.Generator().manual_seed(1))
    net = small()
    torch.testing.assert_close(net(0.1 * mixture), 0.1 * net(mixture), atol=1e-4, rtol=0)


@torch.no_grad()
def test_the_same_weights_run_at_twice_the_rate():
    slow, fast = small(), small(sample_rate=44_100, window=8192, hop=2048)
    fast.load_state_dict(slow.state_dict())
    time = torch.arange(44_100) / 44_100
    mixture = sum(torch.sin(2 * torch.pi * f * time) / f for f in (220.0, 330.0, 660.0, 1760.0))
    at_full_rate = fast(mixture[None, None])[..., ::2]
    at_half_rate = slow(mixture[None, None, ::2])
    middle = slice(6000, -6000)  # where no window reaches over an end
    assert si_sdr(at_half_rate[..., middle], at_full_rate[..., middle]).min() > 40


def test_an_octave_is_resolution_bins_on_the_log_axis():
    config = MaskNetConfig(SOURCES)
    analysis, _ = log_frequency(config)
    spacing = config.sample_rate / config.window
    visible = [int(analysis[:, round(hertz / spacing)].argmax()) for hertz in (880.0, 1760.0)]
    assert visible[1] - visible[0] == pytest.approx(config.resolution, abs=1)


def test_a_shift_by_two_brings_the_octave_onto_the_fundamental():
    net = small()
    bins = net.analysis.shape[0]
    picture = torch.zeros(1, 1, bins, 1)
    picture[0, 0, 100 + net.config.resolution] = 1.0
    assert net.shift(picture, 2)[0, 0, :, 0].argmax() == 100
    assert net.shift(net.shift(picture, 2), 1 / 2)[0, 0, :, 0].argmax() == 136


def test_it_learns_to_separate_a_high_tone_from_a_low_one():
    time = torch.arange(22_050) / 22_050
    stems = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (880.0, 220.0)])
    stems = 0.1 * stems[None, :, None]  # (1, 2, 1, T)
    net = small().train()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        negative_snr(net(stems.sum(1)), stems).backward()
        optimizer.step()
    assert si_sdr(net(stems.sum(1)), stems).min() > 15


def test_windowed_separation_equals_the_whole_to_fifty_decibels():
    if "bach-quartet" not in available_models():
        pytest.skip("Checkpoints/bach-quartet is missing; `divisi train recipes/bach-quartet.toml`")
    model = load_model("bach-quartet")
    rng = np.random.default_rng(0)
    seconds, rate = 45, model.sample_rate
    time = np.arange(seconds * rate) / rate
    notes = rng.integers(45, 80, (seconds * 2, 4))  # four random voices, two notes a second
    pitches = 440 * 2 ** ((np.repeat(notes, rate // 2, axis=0) - 69) / 12)  # (T, 4)
    phases = 2 * np.pi * np.cumsum(pitches / rate, axis=0)
    mixture = sum(np.sin(k * phases).sum(1) / k for k in range(1, 6)) / 40 * (time < seconds)
    mixture = mixture[None].astype(np.float32)
    with torch.inference_mode():
        whole = model(torch.from_numpy(mixture)[None])[0].numpy()
    parts = separate(model, mixture, rate)
    middle = slice(5 * rate, -5 * rate)
    error = np.mean((parts - whole)[..., middle] ** 2) / np.mean(mixture[..., middle] ** 2)
    assert error < 1e-5  # -50 dB
