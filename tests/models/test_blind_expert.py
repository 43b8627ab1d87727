"""The blind network inside the score network: a say in the masks, and no more."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from helpers.inference.score_following import ScoreFollower
from helpers.inference.separation import separate
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.models.score_net import ScoreNet, ScoreNetConfig
from helpers.music.scores import Note, Part, Score
from helpers.training.checkpoints import load_model, save_model

RATE = 11_025
SIZES = {"window": 2048, "hop": 512, "highest": 4000.0, "width": 8, "pitch_channels": 4}
BLIND = MaskNetConfig(("cello", "flute", "violin"), RATE, hidden=16, conditioned=True, **SIZES)
NOTES = torch.tensor([[[[0.5, 1.5, 69.0]], [[0.5, 1.5, 60.0]]]])


def guided(**settings) -> ScoreNet:
    """A network that has learned nothing yet, with a blind one that has random weights."""
    torch.manual_seed(0)
    settings = {"part_width": 8, **SIZES, **settings}
    blind = dataclasses.asdict(BLIND)
    return ScoreNet(ScoreNetConfig(("violin", "cello"), RATE, blind=blind, **settings)).eval()


def noise(seconds: float = 2.0) -> torch.Tensor:
    return 0.1 * torch.randn(
        1, 1, round(seconds * RATE), generator=torch.Generator().manual_seed(1)
    )


@torch.no_grad()
def test_without_the_score_it_is_the_blind_network_told_who_plays():
    model = guided(prior=False, pictures=False, trust=1.0)
    estimates = model(noise(), NOTES, torch.tensor([[1, 2]]))
    told = MaskNet(dataclasses.replace(BLIND, active_sources=("violin", "cello"))).eval()
    told.load_state_dict(model.blind.state_dict())
    both = (model.stft(each[0, :2, 0]).abs() for each in (estimates, told(noise())))
    ratios = [torch.log(violin / cello) for violin, cello in both]
    assert (ratios[0] - ratios[1])[4:-4, 4:-4].abs().median() < 0.05


@torch.no_grad()
@pytest.mark.parametrize("players", [[1, 2], [1, 0], [1, 1], [0, 0], [2, -1]])
def test_masks_sum_to_the_mixture_whoever_plays(players):
    estimates = guided()(noise(), NOTES, torch.tensor([players]))
    torch.testing.assert_close(estimates.sum(1), noise(), atol=1e-6, rtol=0)
    silent = [place for place, player in enumerate(players) if player < 0]
    assert not estimates[:, silent].any()


def test_the_correction_is_whole_between_parts_that_the_blind_network_cannot_tell_apart():
    model, rest = guided(correction=0.5), 3
    logits = torch.tensor([4.0, 2.0, 6.0, 8.0])[None, :, None, None]
    for players, expected in {
        (1, 2, -1): [2.0, 1.0, 3.0, 4.0],
        (1, 1, 2): [2.5, 0.5, 3.0, 4.0],  # two violins: the mean by half, the difference whole
        (0, 2, 0): [1.5, 1.0, 3.5, 4.0],  # two that it does not know
    }.items():
        found = model.cautious(logits, torch.tensor([[*players, rest]]))
        assert found.flatten().tolist() == expected


@torch.no_grad()
def test_between_two_of_one_instrument_the_score_decides():
    violins, distrusted = torch.tensor([[1, 1]]), guided(trust=0.0)
    model = guided(trust=1.0)
    estimates, without = model(noise(), NOTES, violins), distrusted(noise(), NOTES, violins)
    first, second = (model.stft(each[0, :2, 0]).abs() for each in (estimates, without))
    ratio = torch.log(first[0] / first[1]) - torch.log(second[0] / second[1])
    assert ratio[:, 4:-4].abs().median() < 0.05


@torch.no_grad()
def test_an_instrument_that_it_does_not_know_gets_what_is_left():
    model = guided()
    spectrum = model.stft(noise()[:, 0]).abs()
    opinions = model.ask(spectrum, torch.tensor([[1, 0, 3]]), 200).exp()
    everyone = torch.ones(1, 3, dtype=torch.bool)
    masks = model.blind.masks(model.blind.features(spectrum, everyone)[0], everyone, 1025)
    violin = masks[:, 2, :200]
    torch.testing.assert_close(opinions[:, 0], violin + 1e-3)
    torch.testing.assert_close(opinions[:, 1], 1 - violin + 1e-3, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(opinions[:, 2], torch.maximum(opinions[:, 0], opinions[:, 1]))


def test_its_weights_are_not_trained():
    model = guided().train()
    model(noise(), NOTES, torch.tensor([[1, 2]])).square().sum().backward()
    assert model.decide.bias.grad is not None
    assert all(weight.grad is None for weight in model.blind.parameters())


def test_it_comes_with_the_checkpoint_and_follows_its_sample_rate(tmp_path):
    weights, _ = save_model(guided(), tmp_path, "guided", {})
    model = load_model(weights, sample_rate=2 * RATE, window=4096, hop=1024)
    assert model.blind.sample_rate == 2 * RATE and model.blind.config.window == 4096
    assert model.blind.config.sources == BLIND.sources


def test_a_long_recording_is_separated_in_segments():
    parts = (Part("violin", (Note(0.5, 1.0, 69.0),)), Part("oboe", (Note(1.0, 1.0, 72.0),)))
    follower = ScoreFollower(guided(segment_seconds=3.0), Score("", parts))
    mixture = noise(8.0)[0].numpy()
    assert separate(follower, mixture, RATE).shape == (3, 1, mixture.shape[1])  # with other
