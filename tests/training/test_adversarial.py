"""A cycle-consistent GAN: losses with known answers, and a training that resumes."""

from __future__ import annotations

import math
import os
import signal
from dataclasses import replace

import pandas as pd
import pytest
import torch
from torch import nn

from helpers.training.adversarial import COLUMNS, AdversarialConfig, fit_cycle
from helpers.training.cycle_gan import CycleGAN, Sum, wasserstein
from helpers.training.runs import TrainingError
from tests.training.tiny import TwoTones, separator

CONFIG = AdversarialConfig(
    steps=12, batch_size=4, critic_steps=2, learning_rate=1e-3, validate_every=6, log_every=4
)


class Linear(nn.Module):
    """Scores w . x, whose gradient is w everywhere."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, waveforms):
        return waveforms.flatten(1) @ self.weight


class TinyCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 8, 32, 8), nn.LeakyReLU(0.2), nn.Conv1d(8, 8, 8, 4), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Dropout(0.1), nn.LazyLinear(1),
        )  # fmt: skip
        self(torch.zeros(1, 1, 256))

    def forward(self, waveforms):
        return self.layers(waveforms).squeeze(1)


class TinyMixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv1d(2, 1, 1)

    def forward(self, stems):
        return self.layer(stems.squeeze(2))


class Unrelated:
    """A mixture of two tones, and two other tones."""

    def __init__(self, interrupt_at: int | None = None):
        self.mixtures, self.solos = TwoTones(seed=1), TwoTones(seed=2)
        self.interrupt_at = interrupt_at

    def __len__(self):
        return len(self.mixtures)

    def __getitem__(self, index):
        if index == self.interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)
        return self.mixtures[index][0], self.solos[index][1]


def train(folder, config=CONFIG, dataset=None, mixer=TinyMixer, model=None):
    """(separator, history)."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, mixer = model or separator(), mixer()
    data = dataset or Unrelated()
    history = fit_cycle(
        model, mixer, TinyCritic, data, TwoTones(4, seed=3),
        config=config, folder=folder, progress=False,
    )  # fmt: skip
    return model, history


def rows(history):
    return [{name: str(row[name]) for name in COLUMNS[:-1]} for row in history.rows]


def same(left, right):
    pairs = zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def test_a_linear_critic_of_slope_three_measures_three_times_the_shift_and_pays_four():
    direction = nn.functional.normalize(torch.randn(64), dim=0)
    made = torch.randn(5, 1, 64)
    real = made + 0.5 * direction
    distance, penalty = wasserstein(Linear(3.0 * direction), real, made)
    assert float(distance.detach()) == pytest.approx(1.5, abs=1e-4)
    assert float(penalty.detach()) == pytest.approx(4.0, abs=1e-4)


def test_a_trained_critic_estimates_the_distance_of_two_shifted_distributions():
    """k d - 10 (k - 1)^2 is largest for the slope k = 1 + d / 20, on the line between the two."""
    torch.manual_seed(0)
    shift = torch.zeros(16)
    shift[3] = 2.0
    critic = Linear(0.1 * torch.randn(16))
    optimizer = torch.optim.Adam(critic.parameters(), 0.02, (0.5, 0.9))
    for _ in range(400):
        made = torch.randn(64, 1, 16)
        distance, penalty = wasserstein(critic, made + shift, made)
        optimizer.zero_grad()
        (10 * penalty - distance).backward()
        optimizer.step()
    assert float(critic.weight.detach().norm()) == pytest.approx(1.1, abs=0.02)
    assert float(distance.detach()) == pytest.approx(2.2, abs=0.05)


def test_without_a_penalty_none_is_computed():
    critic, waveforms = Linear(torch.ones(8)), torch.randn(2, 1, 8)
    assert wasserstein(critic, waveforms, waveforms, penalised=False)[1] == 0.0


class FirstTakesAll(nn.Module):
    sources = ("low", "high")

    def forward(self, mixture):
        return torch.stack([mixture, 0 * mixture], dim=1)


def test_the_cycle_costs_nothing_where_both_ways_are_inverse():
    stems = torch.randn(3, 2, 1, 256)
    stems[:, 1] = 0.0
    system = CycleGAN(FirstTakesAll(), Sum(), TinyCritic)
    assert system.generators_loss(torch.randn(3, 1, 256), stems, 10.0)[1]["cycle"] == 0.0
    stems[:, 1] = 0.5  # goes into the first source: both are wrong by 0.5
    loss, terms = system.generators_loss(torch.randn(3, 1, 256), stems, 10.0)
    assert terms["cycle"].item() == pytest.approx(0.5)
    assert loss.item() == pytest.approx(terms["adversarial"].item() + 5.0, abs=1e-5)


def test_a_mixer_that_cannot_learn_has_no_critic():
    assert len(CycleGAN(FirstTakesAll(), Sum(), TinyCritic).critics) == 2
    assert len(CycleGAN(FirstTakesAll(), TinyMixer(), TinyCritic).critics) == 3


def test_an_unpaired_training_separates_two_tones(tmp_path):
    config = replace(CONFIG, steps=60, learning_rate=1e-2, validate_every=60, ema_decay=0.9)
    model = separator(dropout=0.0)
    _, history = train(tmp_path, config, model=model)
    assert history.rows[-1]["val_si_sdr"] > 5.0  # the mixture has 0 dB
    assert history.rows[-1]["cycle"] < history.rows[0]["cycle"]


@pytest.mark.parametrize("mixer", [TinyMixer, Sum])
def test_an_interrupted_training_ends_with_the_same_weights_and_log(tmp_path, mixer):
    whole, history = train(tmp_path / "whole", mixer=mixer)
    broken = Unrelated(interrupt_at=5 * 8 + 1)  # while the batch of step 6 is read
    _, first = train(tmp_path / "broken", dataset=broken, mixer=mixer)
    assert not first.finished and first.rows[-1]["step"] < 12
    resumed, second = train(tmp_path / "broken", mixer=mixer)
    assert second.finished and rows(second) == rows(history)
    assert same(resumed, whole)


def test_a_finished_training_returns_at_once(tmp_path):
    whole, history = train(tmp_path)
    again, second = train(tmp_path, dataset=[], model=separator(seed=9))
    assert rows(second) == rows(history) and same(again, whole)


def test_a_longer_training_goes_on(tmp_path):
    train(tmp_path / "grown", replace(CONFIG, steps=6))
    grown, _ = train(tmp_path / "grown")
    assert same(grown, train(tmp_path / "whole")[0])


def test_other_settings_are_refused(tmp_path):
    train(tmp_path)
    with pytest.raises(TrainingError, match="begun with cycle_weight 100.0"):
        train(tmp_path, replace(CONFIG, cycle_weight=10.0))
    with pytest.raises(TrainingError, match="begun with mixer TinyMixer"):
        train(tmp_path, mixer=Sum)


def test_the_log_has_the_curves_of_both_sides(tmp_path):
    train(tmp_path)
    log = pd.read_csv(tmp_path / "log.csv")
    assert tuple(log) == COLUMNS
    assert log["step"].tolist() == [4, 6, 8, 12]
    assert log["val_si_sdr"].notna().tolist() == [False, True, False, True]
    assert (log["penalty"] > 0).all() and (log["cycle"] > 0).all()


def test_clipped_critics_stay_within_their_limit_and_pay_no_penalty(tmp_path):
    config = replace(CONFIG, penalty_weight=0.0, weight_clip=0.01)
    _, history = train(tmp_path, config)
    weights = torch.load(tmp_path / "last.ckpt", weights_only=True)["model"]
    critics = [value for name, value in weights.items() if name.startswith("critics")]
    assert max(float(value.abs().max()) for value in critics) <= 0.01
    assert all(row["penalty"] == 0.0 for row in history.rows)


def test_without_the_cycle_its_loss_is_not_computed(tmp_path):
    _, history = train(tmp_path, replace(CONFIG, cycle_weight=0.0))
    assert all(row["cycle"] == 0.0 for row in history.rows)


def test_a_loss_that_is_not_finite_is_refused(tmp_path):
    model = separator()
    with torch.no_grad():
        model.layers[0].weight[0] = math.inf
    with pytest.raises(TrainingError, match="the loss of the critics is nan in step 1"):
        train(tmp_path, model=model)


def test_a_setting_out_of_range_is_refused():
    with pytest.raises(TrainingError, match="critic_steps is 0; it must be a whole number from 1"):
        replace(CONFIG, critic_steps=0)
