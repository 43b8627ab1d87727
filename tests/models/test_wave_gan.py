"""WaveGAN's generators keep the separator contract; its critic is the paper's."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from helpers.models.wave_gan import (
    WaveGANConfig,
    WaveGANCritic,
    WaveGANMixer,
    WaveGANSeparator,
    phase_shuffle,
)
from helpers.training.checkpoints import load_model, save_model
from helpers.training.transfer import start_from

TINY = WaveGANConfig(("violin", "piano"), width=2)


@pytest.mark.parametrize("samples", [1, 7, 1024, 5001])
def test_every_length_comes_back_with_the_same_length(samples):
    separator, mixer = WaveGANSeparator(TINY), WaveGANMixer(TINY)
    estimates = separator(torch.randn(3, 1, samples))
    assert estimates.shape == (3, 2, 1, samples)
    assert mixer(estimates).shape == (3, 1, samples)


def test_the_default_sizes_are_those_of_the_paper():
    config = WaveGANConfig(("violin", "piano"))
    assert config.samples == 16_384
    critic = WaveGANCritic(config)
    assert [layer.out_channels for layer in critic.layers] == [64, 128, 256, 512, 1024]
    features = torch.zeros(1, 1, config.samples)
    for layer in critic.layers:
        features = layer(features)
    assert features.shape == (1, 1024, 16)  # table 4 of the paper
    assert critic(torch.zeros(2, 1, config.samples)).shape == (2,)


def test_a_louder_input_gives_the_same_estimates_louder():
    separator, mixture = WaveGANSeparator(TINY), 0.1 * torch.randn(2, 1, 3000)
    torch.testing.assert_close(separator(8 * mixture), 8 * separator(mixture), rtol=1e-3, atol=1e-4)


def test_silence_stays_silence():
    assert WaveGANSeparator(TINY)(torch.zeros(1, 1, 2000)).abs().max() < 1e-4


def test_generators_start_with_equal_shares_and_with_the_sum_in_time_with_the_input():
    mixture, stems = torch.randn(2, 1, 1500), torch.randn(2, 2, 1, 1500)
    estimates = WaveGANSeparator(TINY)(mixture)
    torch.testing.assert_close(estimates, (mixture / 2).unsqueeze(1).expand(2, 2, 1, 1500))
    torch.testing.assert_close(WaveGANMixer(TINY)(stems), stems.sum(1))


@pytest.mark.parametrize("kernel", [5, 9, 25])
def test_a_layer_up_has_four_times_the_samples_of_a_layer_down(kernel):
    separator = WaveGANSeparator(dataclasses.replace(TINY, kernel=kernel))
    assert separator(torch.randn(1, 1, 2048)).shape == (1, 2, 1, 2048)


@pytest.mark.parametrize("shift", [-2, -1, 0, 1, 2])
def test_phase_shuffle_shifts_and_reflects(shift, monkeypatch):
    monkeypatch.setattr(torch, "randint", lambda *_: torch.tensor(shift))
    ramp = torch.arange(8.0).expand(1, 3, 8)
    expected = {
        -2: [2, 3, 4, 5, 6, 7, 6, 5], -1: [1, 2, 3, 4, 5, 6, 7, 6], 0: list(range(8)),
        1: [1, 0, 1, 2, 3, 4, 5, 6], 2: [2, 1, 0, 1, 2, 3, 4, 5],
    }[shift]  # fmt: skip
    assert phase_shuffle(ramp, 2)[0, 0].tolist() == expected


def test_phase_shuffle_draws_every_shift_up_to_the_largest():
    torch.manual_seed(0)
    click = torch.nn.functional.one_hot(torch.tensor(50), 101).float().expand(1, 1, 101)
    assert {int(phase_shuffle(click, 2).argmax()) - 50 for _ in range(100)} == set(range(-2, 3))


def test_a_critic_shuffles_in_training_only():
    torch.manual_seed(0)
    critic, waveforms = WaveGANCritic(TINY), torch.randn(2, 1, TINY.samples)
    assert len({critic(waveforms)[0].item() for _ in range(9)}) > 1
    critic.eval()
    assert len({critic(waveforms)[0].item() for _ in range(9)}) == 1


def test_segments_that_no_frame_ends_are_refused():
    with pytest.raises(ValueError, match="multiple of 1024 samples, such as 1.024"):
        dataclasses.replace(TINY, segment_seconds=1.0)
    with pytest.raises(ValueError, match="odd"):
        dataclasses.replace(TINY, kernel=24)
    with pytest.raises(ValueError, match="width is 0; it must be a whole number from 1 to 1024"):
        dataclasses.replace(TINY, width=0)


def test_a_shift_as_long_as_the_features_is_refused():
    short = dataclasses.replace(TINY, segment_seconds=0.064, phase_shuffle=3)
    assert WaveGANCritic(short)(torch.randn(40, 1, short.samples)).shape == (40,)
    with pytest.raises(ValueError, match="it must be below 4 with segments of 1024 samples"):
        dataclasses.replace(short, phase_shuffle=4)


def test_the_separator_is_saved_and_loaded(tmp_path):
    separator, mixture = WaveGANSeparator(TINY).eval(), torch.randn(1, 1, 2000)
    save_model(separator, tmp_path, "gan", {})
    torch.testing.assert_close(load_model(tmp_path / "gan")(mixture), separator(mixture))


def test_weights_of_the_same_sources_in_another_order_are_matched():
    other = WaveGANSeparator(dataclasses.replace(TINY, sources=("piano", "violin"))).eval()
    separator, mixture = WaveGANSeparator(TINY).eval(), torch.randn(1, 1, 2000)
    start_from(separator, other, "other")
    torch.testing.assert_close(separator(mixture), other(mixture).flip(1))
