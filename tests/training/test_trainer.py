"""What a training does with its numbers."""

from __future__ import annotations

import itertools
import math
import re
import signal
from dataclasses import fields, replace

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from helpers.training.averaging import MovingAverage
from helpers.training.conditioning import draw_active_sources
from helpers.training.config import LIMITS, TrainingConfig, learning_rate
from helpers.training.execution import BF16_INSTRUCTIONS, default_fabric, fast_precision
from helpers.training.history import History, Log
from helpers.training.losses import l1, negative_snr
from helpers.training.runs import TrainingError
from helpers.training.trainer import fit
from tests.training.tiny import TwoTones, separator

CONFIG = TrainingConfig(
    steps=20, batch_size=4, learning_rate=1e-2, warmup_steps=4, validate_every=5, log_every=5
)


def train(folder, model=None, validation=None, loss=negative_snr, data=None, **changes):
    model = model or separator()
    config = replace(CONFIG, **changes)
    history = fit(
        model,
        loss,
        data or TwoTones(),
        validation,
        config=config,
        folder=folder,
        progress=False,
    )
    return model, history


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_two_tones_are_learnt_to_twenty_decibels(tmp_path):
    _, history = train(tmp_path, validation=TwoTones(8, seed=1), steps=200, validate_every=100)
    assert history.best["val_si_sdr"] > 20.0


def test_the_number_of_workers_does_not_change_the_weights(tmp_path):
    alone, _ = train(tmp_path / "alone")
    helped, _ = train(tmp_path / "helped", workers=2)
    assert all(
        torch.equal(a, b) for a, b in zip(alone.parameters(), helped.parameters(), strict=True)
    )


def test_the_random_state_outside_changes_nothing_and_is_not_changed(tmp_path):
    torch.manual_seed(1)
    first, _ = train(tmp_path / "first", model=separator())
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert drawn == torch.rand(1)
    torch.manual_seed(2)
    second, _ = train(tmp_path / "second", model=separator())
    assert torch.equal(first.layers[0].weight, second.layers[0].weight)


def test_the_result_is_the_average_and_the_average_is_what_is_validated(tmp_path):
    seen = []

    def keep(model):
        assert not model.training
        seen.append(weights(model))
        return float(len(seen))

    model, _ = train(tmp_path, validation=keep)
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)
    name = "layers.0.weight"
    assert torch.equal(model.state_dict()[name], seen[-1][name])
    assert torch.equal(model.state_dict()[name], last["average"][name])
    assert not torch.equal(last["model"][name], last["average"][name])
    assert not model.training


def test_the_best_validated_weights_are_kept(tmp_path):
    seen = []

    def second_is_best(model):
        seen.append(weights(model))
        return [1.0, 5.0, 2.0, math.nan][len(seen) - 1]

    model, history = train(tmp_path, validation=second_is_best)
    assert all(torch.equal(value, seen[1][name]) for name, value in model.state_dict().items())
    assert history.best["step"] == 10
    assert history.column("val_si_sdr") == ([5, 10, 15], [1.0, 5.0, 2.0])


def test_training_starts_from_the_given_weights(tmp_path):
    begun = separator(seed=3)
    before = weights(begun)
    train(tmp_path, model=begun, steps=1, learning_rate=0.0)
    assert all(torch.equal(value, before[name]) for name, value in begun.state_dict().items())


def test_frozen_weights_stay(tmp_path):
    model = separator()
    model.layers[0].requires_grad_(False)
    before = weights(model)
    train(tmp_path, model=model)
    assert torch.equal(model.layers[0].weight, before["layers.0.weight"])
    assert not torch.equal(model.layers[3].weight, before["layers.3.weight"])


def test_a_share_of_the_examples_is_conditioned_on_its_sources_and_sometimes_one_more():
    torch.manual_seed(0)
    stems = torch.zeros(2000, 4, 1, 8)
    stems[:, 0] = stems[::2, 1] = 1.0
    present = draw_active_sources(stems, 0.5)
    everyone = present.all(1)
    assert everyone.float().mean() == pytest.approx(0.5, abs=0.05)
    assert present[:, 0].all() and present[::2, 1].all()
    assert present[~everyone][:, 2].float().mean() == pytest.approx(0.1, abs=0.03)
    assert draw_active_sources(stems, 0.0).all()
    assert draw_active_sources(torch.zeros(50, 4, 1, 8), 1.0).any(1).all()  # all silent: all active


def test_a_conditioned_model_is_given_the_active_sources_in_training(tmp_path):
    received = []

    class Conditioned(nn.Module):
        def __init__(self):
            super().__init__()
            self.separate = separator()

        def forward(self, mixture, present=None):
            received.append(present)
            return self.separate(mixture)

    train(tmp_path, model=Conditioned(), steps=2, conditioned_share=1.0)
    assert [present.shape for present in received] == [(CONFIG.batch_size, 2)] * 2
    assert all(present.all() for present in received)  # neither tone is ever silent


@pytest.mark.parametrize(("clip", "applied"), [(0.0, 2e6), (3.0, 3.0)])
def test_the_gradient_is_clipped_to_its_largest_norm_and_logged_before(tmp_path, clip, applied):
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.levels = nn.Parameter(torch.zeros(4))

        def forward(self, mixture):
            return self.levels.mean() + torch.zeros_like(mixture).unsqueeze(1).repeat(1, 2, 1, 1)

    norms = []

    def keep(optimizer, *arguments):
        gradients = [weights.grad for weights in optimizer.param_groups[0]["params"]]
        norms.append(torch.cat(gradients).norm().item())

    def steep(estimates, stems):
        return 4e6 * estimates.mean()  # d / d levels = 1e6 each, so the norm is 2e6

    hook = register_optimizer_step_pre_hook(keep)
    try:
        _, history = train(tmp_path, model=Constant(), loss=steep, gradient_clip=clip, steps=5)
    finally:
        hook.remove()
    assert norms == pytest.approx([applied] * 5, rel=1e-4)
    assert history.rows[0]["gradient_norm"] == pytest.approx(2e6, rel=1e-4)


def test_mixed_precision_learns_the_same_tones(tmp_path):
    _, history = train(
        tmp_path,
        validation=TwoTones(8, seed=1),
        steps=200,
        validate_every=100,
        precision="bf16-mixed",
    )
    assert history.best["val_si_sdr"] > 15.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_half_precision_resumes_with_its_gradient_scale(tmp_path):
    train(tmp_path, precision="16-mixed")
    scale = torch.load(tmp_path / "last.ckpt", weights_only=True)["precision"]["scale"]
    train(tmp_path, precision="16-mixed", steps=22)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["precision"]["scale"] == scale


def test_a_loss_that_is_not_a_number_stops_before_it_is_saved(tmp_path):
    calls = []

    def breaks(estimates, stems):
        calls.append(None)
        return l1(estimates, stems) * (math.nan if len(calls) > 12 else 1.0)

    with pytest.raises(TrainingError, match="the loss is nan before step 15"):
        train(tmp_path, loss=breaks, checkpoint_every=5)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert state["step"] == 10
    assert all(value.isfinite().all() for value in state["model"].values())


def gradient_breaks_at(*steps):
    """A loss whose value is finite and whose gradient is not, at these steps."""
    calls = []

    def loss(estimates, stems):
        calls.append(None)
        root = (estimates * 0.0).square().sum().sqrt()  # 0, with the gradient 0 / 0
        return l1(estimates, stems) + (root if len(calls) in steps else 0.0)

    return loss


def test_a_step_whose_gradient_is_not_finite_is_skipped(tmp_path):
    model, history = train(tmp_path, loss=gradient_breaks_at(3, 4, 11))
    assert history.finished
    assert all(value.isfinite().all() for value in model.state_dict().values())
    logged = [math.isfinite(row["gradient_norm"]) for row in history.rows]
    assert logged == [False, True, False, True]


def test_gradients_that_stay_not_finite_stop_before_anything_is_saved(tmp_path):
    loss = gradient_breaks_at(*range(8, 100))
    with pytest.raises(TrainingError, match="the gradient is not finite in 10 steps up to step 17"):
        train(tmp_path, loss=loss, checkpoint_every=5)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert state["step"] == 15
    assert all(value.isfinite().all() for value in state["model"].values())


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    model = separator()
    with pytest.raises(TrainingError, match="not finite at step 5 and were not saved"):
        train(tmp_path, model=model, validation=lambda average: ruin(model, average))
    assert not (tmp_path / "last.ckpt").exists() and not (tmp_path / "best.ckpt").exists()


def ruin(*models):
    for model in models:
        model.layers[0].weight.data.fill_(math.inf)
    return 1.0


def test_the_state_is_saved_after_so_many_seconds_too(tmp_path):
    saved = []

    class Watching(TwoTones):
        def __getitem__(self, index):
            saved.append((tmp_path / "last.ckpt").exists())
            return super().__getitem__(index)

    _, history = train(tmp_path, data=Watching(), checkpoint_seconds=0.0)
    assert saved.index(True) == CONFIG.batch_size  # after the first step
    assert [row["step"] for row in history.rows] == [5, 10, 15, 20]


@pytest.mark.parametrize("supported", [True, False])
def test_the_automatic_precision_is_what_the_processor_has_instructions_for(monkeypatch, supported):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for name in BF16_INSTRUCTIONS:
        monkeypatch.setattr(torch.cpu, name, lambda: supported, raising=False)
    assert fast_precision() == ("bf16-mixed" if supported else "32-true")
    assert default_fabric("auto").strategy.precision.precision == fast_precision()


def test_reduced_precision_leaves_the_inputs_of_a_model_as_they_are():
    class Same(nn.Linear):
        def forward(self, mixture):
            self.heard = mixture
            return super().forward(mixture)

    fabric = default_fabric("bf16-mixed")
    model = Same(1, 1)
    wrapped, mixture = fabric.setup_module(model), torch.tensor([[69.1]], device=fabric.device)
    assert wrapped(mixture).dtype == torch.float32
    assert model.heard.dtype == torch.float32


def test_estimates_of_another_shape_are_refused_with_both_shapes(tmp_path):
    class Three(TwoTones):
        def __getitem__(self, index):
            mixture, stems = super().__getitem__(index)
            return mixture, torch.cat([stems, stems[:1]])

    sentence = re.escape("returns (4, 2, 1, 256) where the stems are (4, 3, 1, 256)")
    with pytest.raises(TrainingError, match=sentence):
        train(tmp_path, data=Three())


def test_a_second_ctrl_c_stops_at_once_and_the_handler_is_put_back(tmp_path):
    class Interrupting(TwoTones):
        def __getitem__(self, index):
            if index in (40, 41):
                signal.raise_signal(signal.SIGINT)
            return super().__getitem__(index)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, data=Interrupting())
    assert signal.getsignal(signal.SIGINT) is before


def test_there_is_one_progress_line_with_loss_score_and_time_left(tmp_path, capsys):
    fit(
        separator(),
        negative_snr,
        TwoTones(),
        TwoTones(2, seed=1),
        config=CONFIG,
        folder=tmp_path,
    )
    printed, shown = capsys.readouterr()
    assert printed == ""
    assert shown.count("\n") == 1
    last = shown.split("\r")[-1]
    assert re.search(r"20/20 \[\d\d:\d\d<\d\d:\d\d", last)
    assert re.search(r"loss -?\d+\.\d+, SI-SDR -?\d+\.\d+ dB", last)


def test_the_log_counts_examples_per_second(tmp_path):
    _, history = train(tmp_path)
    assert [row["step"] for row in history.rows] == [5, 10, 15, 20]
    before = 0.0
    for row in history.rows:
        took = row["seconds"] - before
        assert row["examples_per_second"] == pytest.approx(5 * 4 / took, rel=1e-2)
        before = row["seconds"]


def test_the_learning_rate_rises_in_a_line_and_falls_to_zero():
    config = TrainingConfig(steps=110, warmup_steps=10, learning_rate=2.0)
    rates = [learning_rate(config, step) for step in range(111)]
    assert rates[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert rates[10] == pytest.approx(2.0)
    assert rates[60] == pytest.approx(1.0)
    assert rates[110] == pytest.approx(0.0, abs=1e-12)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[10:]))


def test_a_rate_that_does_not_fall_is_constant():
    config = TrainingConfig(steps=110, warmup_steps=0, learning_rate=2.0, final_rate=1.0)
    assert {learning_rate(config, step) for step in range(111)} == {2.0}


def test_the_average_follows_its_formula():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average = MovingAverage(model, decay=0.5)
    expected = 0.0
    for step, value in enumerate([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]):
        nn.init.constant_(model.weight, value)
        average.update(model, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert average.model.weight.item() == pytest.approx(expected)


def test_counters_of_a_batch_norm_are_copied():
    model = nn.BatchNorm1d(1)
    average = MovingAverage(model, decay=0.9)
    model(torch.randn(4, 1))
    average.update(model, 0)
    assert average.model.num_batches_tracked == 1


def test_damaged_rows_of_a_log_are_left_out(tmp_path):
    path = tmp_path / "log.csv"
    log = Log(path)
    log.begin()
    for step in (10, 20, 30):
        log.append({"step": step, "loss": -step / 7})
    with path.open("ab") as file:
        file.write(b"x,y,,,,,\n\xff\0\n1")  # damaged, and a kill in the middle of a row
    assert str(History.read(path).rows) == str(tuple(log.rows))


@pytest.mark.parametrize("name", ["steps", "batch_size", "validate_every", "log_every"])
def test_numbers_that_must_be_positive_are_refused_by_name(name):
    with pytest.raises(TrainingError, match=f"{name} is 0"):
        replace(CONFIG, **{name: 0})


def test_every_number_of_a_training_has_limits():
    numbers = {f.name for f in fields(TrainingConfig) if f.type in ("int", "float")}
    assert numbers == LIMITS.keys()
