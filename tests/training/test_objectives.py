"""What a model of players is given in training, and what its loss compares."""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from helpers.models.mask_net import Details, MaskNet, MaskNetConfig
from helpers.training.conditioning import condition_on, draw_players, player_pairs
from helpers.training.losses import (
    fundamentals_loss,
    joint_snr,
    matched,
    negative_snr,
)
from helpers.training.objectives import PlayersObjective, sounding_bins

SOURCES = ("violin", "violin-2", "cello", "other")
LOSS = partial(negative_snr, inactive_source_weight=0.0)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def quartet(batch: int = 4) -> torch.Tensor:
    """Two violins and a cello, nothing in `other`."""
    stems = noise(batch, 4, 1, 500)
    stems[:, 3] = 0.0
    return stems


def test_players_of_one_instrument_are_pairs():
    assert player_pairs(SOURCES) == [(0, 1)]
    assert player_pairs(("violin", "cello", "other")) == []
    assert player_pairs(("viola-2", "violin", "violin-2", "viola")) == [(1, 2), (3, 0)]


def test_exchanged_players_are_put_back():
    stems = quartet()
    exchanged = stems[:, [1, 0, 2, 3]]
    torch.testing.assert_close(matched(stems, exchanged, [(0, 1)]), stems)
    torch.testing.assert_close(matched(exchanged, exchanged, [(0, 1)]), exchanged)


def test_each_example_is_matched_alone_and_a_silent_player_stays():
    stems = quartet()
    stems[2, 1] = 0.0
    estimates = stems.clone()
    estimates[[1, 2]] = stems[[1, 2]][:, [1, 0, 2, 3]]
    found = matched(estimates, stems, [(0, 1)])
    torch.testing.assert_close(found[1], estimates[1])
    torch.testing.assert_close(found[[0, 2, 3]], stems[[0, 2, 3]])


def test_the_matched_order_has_the_smaller_squared_error():
    stems, estimates = quartet(32), quartet(32).flip(0) + noise(32, 4, 1, 500, seed=2)
    best = (estimates - matched(estimates, stems, [(0, 1)])).square().sum((1, 2, 3))
    orders = [stems, stems[:, [1, 0, 2, 3]]]
    errors = torch.stack([(estimates - each).square().sum((1, 2, 3)) for each in orders])
    torch.testing.assert_close(best, errors.min(0).values)


class Fixed(nn.Module):
    """Returns what it was made with, and remembers what it was given."""

    fundamentals = None

    def __init__(self, estimates: torch.Tensor):
        super().__init__()
        self.estimates = estimates
        self.config = SimpleNamespace(window=128, hop=64)

    def forward(self, mixture, active, details):
        self.active = active
        return Details(self.estimates, self.fundamentals)


@pytest.mark.parametrize("loss", [LOSS, joint_snr])
def test_the_loss_is_the_same_after_an_exchange(loss):
    stems, model = quartet(), Fixed(quartet() + noise(4, 4, 1, 500, seed=5))
    objective = PlayersObjective(loss, SOURCES, conditioned_share=0.0)
    values = [
        objective(model, stems.sum(1), given).item() for given in (stems, stems[:, [1, 0, 2, 3]])
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    assert loss(model.estimates, stems) != loss(model.estimates, stems[:, [1, 0, 2, 3]])


def test_only_active_sources_count():
    stems = quartet()
    model = Fixed(stems.clone())
    model.estimates[:, 3] = 1.0  # of `other`, which is active too, but silent
    objective = PlayersObjective(joint_snr, SOURCES[:3], conditioned_share=1.0)
    value = objective(Fixed(stems[:, :3]), stems.sum(1), stems[:, :3])
    assert value.item() == pytest.approx(-3.0, abs=0.01)  # at the ceiling of `joint_snr`
    objective = PlayersObjective(joint_snr, SOURCES, conditioned_share=1.0)
    assert objective(model, stems.sum(1), stems).item() > 0


def test_an_instrument_that_is_left_out_goes_to_other_with_all_its_players():
    torch.manual_seed(0)
    stems = quartet(400)
    active, moved, given = draw_players(stems, SOURCES, share=0.5, left_out=0.4, extra=0.0)
    torch.testing.assert_close(moved.sum(1), stems.sum(1))
    assert active[:, 3].all() and active[~given].all()
    torch.testing.assert_close(moved[~given], stems[~given])
    left_out = given & ~active.all(1)
    assert left_out.float().mean() == pytest.approx(0.5 * 0.4, abs=0.06)
    violins = left_out & active[:, 2]
    assert not active[violins][:, :2].any() and not moved[violins][:, :2].any()
    torch.testing.assert_close(moved[violins, 3], stems[violins, 0] + stems[violins, 1])
    cello = left_out & ~active[:, 2]
    torch.testing.assert_close(moved[cello, 3], stems[cello, 2])
    assert 0.3 < violins.sum() / left_out.sum() < 0.7


def test_an_instrument_that_is_left_out_is_not_told_as_one_that_rests():
    torch.manual_seed(0)
    stems = quartet(400)
    stems[:200, 0] = 0.0  # the first violin rests
    active, moved, _ = draw_players(stems, SOURCES, share=1.0, left_out=1.0, extra=0.5)
    sounding = moved.square().sum((2, 3)) > 0
    cello = ~sounding[:, 2]
    assert 0.3 < cello.float().mean() < 0.7
    assert not active[cello, 2].any() and active[cello, 0].all()
    assert not active[~cello, :2].any() and active[~cello, 2].all()


def test_the_only_instrument_is_never_left_out_and_a_second_player_comes_with_the_first():
    torch.manual_seed(0)
    stems = torch.zeros(300, 4, 1, 50)
    stems[:, 2] = 1.0
    active, moved, _ = draw_players(stems, SOURCES, share=1.0, left_out=1.0, extra=0.2)
    torch.testing.assert_close(moved, stems)
    assert active[:, 2].all()
    assert (active[:, 0] >= active[:, 1]).all() and active[:, 1].any()


def test_without_other_nothing_is_left_out():
    torch.manual_seed(0)
    stems = quartet()[:, :3]
    active, moved, _ = draw_players(stems, SOURCES[:3], share=1.0, left_out=1.0)
    assert active.all()
    torch.testing.assert_close(moved, stems)


def test_a_note_sounds_in_its_bin_and_the_two_beside_it_for_its_time():
    config = SimpleNamespace(lowest=55.0, resolution=36, hop=100, sample_rate=1000)
    notes = torch.full((1, 2, 3, 3), -1.0)
    notes[0, 0, 0] = torch.tensor([0.2, 0.5, 45.0])  # 110 Hz, an octave above the lowest
    notes[0, 1, 0] = torch.tensor([-1.0, 9.0, 33.0])  # the lowest, longer than the segment
    sounding = sounding_bins(notes, (40, 8), config)
    assert sounding.shape == (1, 2, 40, 8)
    assert sounding[0, 0].nonzero().tolist() == [[b, n] for b in (35, 36, 37) for n in (2, 3, 4)]
    assert sounding[0, 1, :2].all() and not sounding[0, 1, 2:].any()


def test_the_loss_of_fundamentals_counts_known_sources_only():
    sounding = torch.zeros(1, 2, 6, 5, dtype=torch.bool)
    sounding[0, 0, 3] = True
    right = torch.where(sounding, 20.0, -20.0)
    known = torch.tensor([[True, False]])
    assert fundamentals_loss(right, sounding, known) < 1e-6
    right[0, 1] = 20.0
    assert fundamentals_loss(right, sounding, known) < 1e-6
    assert fundamentals_loss(right, sounding, ~known | known) > 100
    even = fundamentals_loss(torch.zeros(1, 2, 6, 5), sounding, known)
    assert even == pytest.approx(6 * math.log(2), rel=1e-4)  # of six bins, one sounds


def test_the_notes_are_exchanged_with_their_stems():
    """Both violins play; the estimates are in the other order; the head knows who plays what."""
    stems = quartet(1)
    notes = torch.full((1, 4, 1, 3), -1.0)
    notes[0, :3, 0, 2] = torch.tensor([60.0, 72.0, 48.0])
    notes[0, :3, 0, :2] = torch.tensor([0.0, 1.0])
    model = Fixed(stems[:, [1, 0, 2, 3]])
    model.config = SimpleNamespace(window=128, hop=64, lowest=50.0, resolution=12, sample_rate=500)
    logits = torch.where(sounding_bins(notes, (60, 9), model.config), 20.0, -20.0)
    model.fundamentals = logits[:, [1, 0, 2, 3]]
    objective = PlayersObjective(joint_snr, SOURCES, fundamentals_weight=1.0)
    assert objective(model, stems.sum(1), stems, notes).item() == pytest.approx(-3.0, abs=0.01)
    model.fundamentals = logits
    assert objective(model, stems.sum(1), stems, notes).item() > 10


def test_the_loss_on_identity_counts_active_sources_in_half_seconds():
    """Two stems are exchanged in the second of two half seconds."""
    stems = torch.cat([quartet(1), quartet(1)], dim=-1)
    swapped = stems.clone()
    swapped[..., 500:] = stems[:, [0, 2, 1, 3], :, 500:]
    values = {}
    for name, estimates in {"right": stems, "swapped": swapped}.items():
        model = Fixed(estimates)
        model.config = SimpleNamespace(sample_rate=1000)
        objective = PlayersObjective(joint_snr, SOURCES, identity_weight=1.0)
        plain = PlayersObjective(joint_snr, SOURCES)(model, stems.sum(1), stems)
        values[name] = (objective(model, stems.sum(1), stems) - plain).item()
    assert 0 <= values["right"] < 0.05 and 1.0 < values["swapped"] < 5.0


def small(**settings) -> MaskNet:
    torch.manual_seed(0)
    numbers = {"window": 512, "hop": 128, "highest": 3000.0, "width": 8, "hidden": 32, "layers": 1}
    config = {"pitch_channels": 4, "conditioned": True, **numbers, **settings}
    return MaskNet(MaskNetConfig(SOURCES, 8000, **config))


def test_a_conditioned_model_with_other_returns_it_last_and_its_stems_sum_to_the_mixture():
    duo = condition_on(small(), ["cello", "violin"])
    assert duo.sources == ("cello", "violin", "other")
    mixture = noise(2, 1, 9000)
    with torch.no_grad():
        torch.testing.assert_close(duo(mixture).sum(1), mixture, atol=1e-5, rtol=0)
    assert small().sources == SOURCES
