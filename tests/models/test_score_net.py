"""The score network: its contract, its combs, and that the order of the parts does not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.inference.score_following import ScoreFollower
from helpers.inference.separation import separate
from helpers.models.score_net import ScoreNet, ScoreNetConfig
from helpers.music.scores import Note, Part, Score
from helpers.training.checkpoints import load_model, save_model
from helpers.training.losses import si_sdr

RATE = 11_025


def small(**settings) -> ScoreNet:
    """A network whose last layer has random weights; `trained=False` leaves it as it begins."""
    trained = settings.pop("trained", True)
    torch.manual_seed(0)
    sizes = {"window": 2048, "hop": 512, "highest": 4000.0, "width": 8, "part_width": 8}
    model = ScoreNet(
        ScoreNetConfig(("violin", "cello"), RATE, pitch_channels=4, **sizes | settings)
    )
    if trained:
        torch.nn.init.normal_(model.decide.weight)
    return model.eval()


def tone(pitch: float, start: float = 0.5, end: float = 1.5, seconds: float = 3.0) -> torch.Tensor:
    times = torch.arange(round(seconds * RATE)) / RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    partials = sum(torch.sin(2 * torch.pi * hertz * k * times) / k for k in range(1, 9))
    return 0.05 * partials * ((times >= start) & (times < end))


def table(*parts: list[tuple[float, float, float]]) -> torch.Tensor:
    """Notes (1, P, M, 3), padded with notes that do not count."""
    padded = torch.full((1, len(parts), max(map(len, parts)), 3), -1.0)
    for number, part in enumerate(parts):
        padded[0, number, : len(part)] = torch.tensor(part)
    return padded


NOTES = table([(0.5, 1.5, 69.0)], [(0.5, 1.5, 60.0), (2.0, 2.5, 55.0)])
PLAYERS = torch.tensor([[1, 2]])


@pytest.mark.parametrize("samples", [1, 511, 2048, 20_001])
@torch.no_grad()
def test_parts_and_rest_sum_to_a_mixture_of_any_length(samples):
    mixture = 0.1 * torch.randn(1, 1, samples)
    estimates = small()(mixture, NOTES, PLAYERS)
    assert estimates.shape == (1, 3, 1, samples)
    torch.testing.assert_close(estimates.sum(1), mixture, atol=1e-6, rtol=0)


@torch.no_grad()
def test_parts_in_another_order_give_the_same_estimates_in_that_order():
    model, mixture = small(), (tone(69) + tone(60))[None, None]
    estimates = model(mixture, NOTES, PLAYERS)
    swapped = model(mixture, NOTES[:, [1, 0]], PLAYERS[:, [1, 0]])
    torch.testing.assert_close(swapped, estimates[:, [1, 0, 2]])


@torch.no_grad()
def test_without_instruments_only_the_notes_tell_the_parts_apart():
    mixture, others = (tone(69) + tone(60))[None, None], torch.tensor([[2, 0]])
    told, untold = small(), small(instruments=False)
    assert not torch.allclose(told(mixture, NOTES, PLAYERS), told(mixture, NOTES, others))
    estimates = untold(mixture, NOTES, PLAYERS)
    torch.testing.assert_close(untold(mixture, NOTES, others), estimates)
    assert not torch.allclose(estimates[:, 0], estimates[:, 1])


@torch.no_grad()
def test_half_of_the_correction_lies_between_the_combs_and_all_of_it():
    mixture, estimates = (tone(69) + tone(60))[None, None], {}
    for share in (0.0, 0.5, 1.0):
        model = small(correction=share)
        torch.nn.init.normal_(model.decide.weight, std=0.1)
        estimates[share] = model(mixture, NOTES, PLAYERS)
    combs = small(trained=False)(mixture, NOTES, PLAYERS)
    torch.testing.assert_close(estimates[0.0], combs)
    near, far = ((estimates[share] - combs).square().sum() for share in (0.5, 1.0))
    assert 0 < near < far


@torch.no_grad()
def test_the_combs_alone_separate_two_tones():
    stems = torch.stack([tone(69), tone(60)])
    estimates = small(trained=False)(stems.sum(0)[None, None], NOTES, PLAYERS)
    assert si_sdr(estimates[0, :2, 0], stems).min() > 14.0
    assert si_sdr(stems.sum(0).expand(2, -1), stems).max() < 1.0


@torch.no_grad()
def test_a_comb_has_its_partials_at_multiples_of_its_pitch():
    model = small(trained=False)
    combs, fundamentals, onsets = model.paint(table([(0.5, 1.5, 69.0)]), frames=64)
    frame = round(1.0 * RATE / 512)
    linear = model.to_linear(combs[:, :, 0], model.lobes)[0, 0, :, frame]
    rises = np.diff(np.where(linear > 0.05, linear, 0.0))
    peaks = np.flatnonzero((rises[:-1] > 0) & (rises[1:] < 0)) + 1
    hertz = peaks[:5] * RATE / 2048
    np.testing.assert_allclose(hertz, 440 * np.arange(1, 6), rtol=0.01)
    bin_of_a4 = round(np.log2(440 / 32.7) * 36)
    assert fundamentals[0, 0, :, frame].argmax() == bin_of_a4
    assert onsets[0, 0, bin_of_a4].argmax() == pytest.approx(0.5 * RATE / 512, abs=1)
    assert fundamentals[0, 0, bin_of_a4, 0] == 0.0


@torch.no_grad()
def test_a_part_without_a_player_is_silent():
    estimates = small()(tone(69)[None, None], NOTES, torch.tensor([[1, -1]]))
    assert estimates[:, 1].abs().max() == 0.0
    assert estimates[:, 0].abs().max() > 0.0


@torch.no_grad()
def test_an_instrument_that_it_does_not_know_counts_as_unknown():
    model, mixture = small(), tone(69)[None, None]
    first, second = (model(mixture, NOTES, torch.tensor([[1, n]])) for n in (0, 99))
    torch.testing.assert_close(first, second)


@torch.no_grad()
def test_masks_do_not_depend_on_the_volume():
    model, mixture = small(), (tone(69) + tone(60))[None, None]
    quiet = model(0.1 * mixture, NOTES, PLAYERS)
    torch.testing.assert_close(quiet, 0.1 * model(mixture, NOTES, PLAYERS), atol=1e-4, rtol=0)


def test_every_weight_learns():
    model = small().train()
    model(torch.randn(1, 1, 9000), NOTES, PLAYERS)[:, 0].square().sum().backward()
    still = [name for name, weight in model.named_parameters() if not weight.grad.any()]
    assert not still


@pytest.mark.parametrize("parts", [{"prior": False}, {"pictures": False}])
@torch.no_grad()
def test_the_score_can_be_left_out_as_prior_or_as_picture(parts):
    model, mixture = small(**parts), (tone(69) + tone(60))[None, None]
    other = model(mixture, NOTES.roll(1, dims=1), PLAYERS)
    assert not torch.allclose(other, model(mixture, NOTES, PLAYERS))


@torch.no_grad()
def test_without_prior_and_pictures_the_notes_have_no_effect():
    model, mixture = small(prior=False, pictures=False), (tone(69) + tone(60))[None, None]
    other = model(mixture, NOTES.roll(1, dims=1), PLAYERS)
    torch.testing.assert_close(other, model(mixture, NOTES, PLAYERS))


def test_without_a_score_it_says_what_it_needs():
    with pytest.raises(ValueError, match="pass the notes of each part"):
        small()(torch.zeros(1, 1, 4096))


def test_a_recording_in_segments_gives_what_it_gives_at_once():
    model = small(segment_seconds=3.0)
    rng = np.random.default_rng(0)
    places = np.arange(0.2, 9.0, 0.5)
    parts = tuple(
        Part(name, tuple(Note(t, 0.45, low + int(rng.integers(12))) for t in places))
        for name, low in (("violin", 67), ("cello", 48))
    )
    sound = sum(tone(n.pitch, n.onset, n.onset + 0.45, 10.0) for part in parts for n in part.notes)
    whole = ScoreFollower(small(segment_seconds=30.0), Score("duo", parts))
    cut = ScoreFollower(model, Score("duo", parts))
    estimates = [separate(each, sound[None].numpy(), RATE) for each in (whole, cut)]
    assert cut.sources == ("violin", "cello", "other")
    difference = np.sqrt(np.mean((estimates[0] - estimates[1]) ** 2))
    assert difference < 0.02 * np.sqrt(np.mean(estimates[0] ** 2))


def test_a_checkpoint_gives_the_same_estimates(tmp_path):
    model, mixture = small(), tone(69)[None, None]
    loaded = load_model(save_model(model, tmp_path, "guided", {})[0])
    with torch.no_grad():
        expected = model(mixture, NOTES, PLAYERS)
        torch.testing.assert_close(loaded(mixture, NOTES, PLAYERS), expected)


def test_a_wrong_setting_is_refused():
    with pytest.raises(ValueError, match="lowest is 0; it must be a number from"):
        ScoreNetConfig(("violin",), lowest=0)
    with pytest.raises(ValueError, match="highest is 9000.0; it must be above lowest"):
        ScoreNetConfig(("violin",), 16_000, highest=9000.0)
