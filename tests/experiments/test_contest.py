"""The contest of two architectures: what its rows, its costs and its figure say."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd
import pytest
import soundfile
import torch
from torch import nn

from experiments import contest
from helpers.evaluation import results
from helpers.evaluation.rows import Provenance, Row
from helpers.recipes.schema import architecture

RATE = 22050


def moment(step: int) -> contest.Moment:
    """An untrained mask network of the size of `recipes/realism.toml`."""
    recipe = contest.recipe_of("realism")
    model, config = architecture(recipe, recipe.name)
    torch.manual_seed(0)
    return contest.Moment(model(config).eval(), recipe, step, "sha")


@pytest.fixture
def corpus(tmp_path):
    """One excerpt of noise for the four instruments."""
    generator = torch.Generator().manual_seed(0)
    for name in moment(1).model.sources:
        noise = 0.05 * torch.randn(RATE // 2, generator=generator)
        path = tmp_path / "corpus" / "01" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise.numpy(), RATE)
    return tmp_path / "corpus"


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two moments of one system and one of another, floor and ceiling."""
    where = Provenance("04_htdemucs", "real", commit="c", profile="full")
    values = [("mixture", "none", "SI-SDR", "x", -5.0), ("oracle-irm", "none", "SI-SDR", "x", 9.0)]
    courses = {("a", "late"): (3.0, 400, 4.0, 20), ("a", "early"): (1.0, 100, 1.0, 20)}
    courses[("b", "only")] = (-2.0, 50, 2.0, 90)
    for (system, config), (quality, *costs) in courses.items():
        values += [(system, config, "SI-SDR", x, quality + 1) for x in "xy"]
        values += [(system, config, "SI-SDR", x, quality - 1) for x in "zw"]
        named = zip(contest.COSTS, costs, strict=True)
        values += [(system, config, name, contest.TRAINING, value) for name, value in named]
    return pd.DataFrame(
        asdict(
            Row(
                **asdict(where) | {"config": config}, system=system, track=track,
                instrument="violin", metric=metric, value=value, n_seconds=1.0,
            )
        )
        for system, config, metric, track, value in values
    )  # fmt: skip


def test_a_course_is_the_mean_of_each_moment_in_the_order_of_the_examples(rows):
    course = contest.course(rows)
    assert list(course["config"]) == ["early", "late", "only"]
    assert list(course["SI-SDR"]) == [1.0, 3.0, -2.0]
    assert list(course["n"]) == [4, 4, 4]
    assert list(course["core hours"]) == [1.0, 4.0, 2.0]


def test_the_figure_has_all_moments_but_the_last_alone_where_speed_is_shown(rows):
    examples, hours, speed = contest.plot_contest(rows).axes
    assert examples.lines[0].get_xydata().tolist() == [[100, 1], [400, 3]]
    assert hours.lines[0].get_xydata().tolist() == [[1, 1], [4, 3]]
    assert speed.lines[0].get_xydata().tolist() == [[20, 3]]


def test_operations_of_known_layers_are_counted_three_times():
    class Known(nn.Module):
        sample_rate = 100

        def __init__(self) -> None:
            super().__init__()
            self.widen = nn.Linear(1, 8, bias=False)
            self.recur = nn.LSTM(8, 2, batch_first=True, bias=False)

        def forward(self, mixture):  # (B, 1, T) -> (B, T, 2)
            return self.recur(self.widen(mixture.transpose(1, 2)))[0]

    weights = 4 * 2 * (8 + 2)  # four gates of two units, from eight inputs and two states
    once = 2 * 100 * (8 + weights)  # 100 samples; a multiplication and an addition
    assert contest.training_operations(Known(), 1.0) == 3 * once


def test_rows_of_a_moment_hold_its_quality_and_its_costs(corpus, tmp_path):
    table, now = tmp_path / "table.csv", moment(7)
    contest.run_contest([now, now], table, corpus)  # the second time there is nothing to do
    course = contest.course(results.read_table(table))
    (found,) = course.to_dict("records")
    assert found["config"] == now.config and "step 7 of" in now.config
    assert found["n"] == 4
    assert found["examples"] == 7 * now.recipe.training.batch_size
    assert found["core hours"] > 0 and found["ms per second"] > 0


def test_a_training_is_measured_at_its_averaged_weights(tmp_path):
    now = moment(1)
    average = {name: torch.full_like(value, 0.5) for name, value in now.model.state_dict().items()}
    state = {"average": average, "model": now.model.state_dict(), "step": 9}
    (tmp_path / "realism").mkdir()
    torch.save(state, tmp_path / "realism" / "last.ckpt")
    found = contest.running(tmp_path / "realism")
    assert found.step == 9 and not found.model.training
    assert all((weights == 0.5).all() for weights in found.model.parameters())


def test_a_training_is_followed_to_its_last_step(monkeypatch):
    end = moment(0).recipe.training.steps
    seen = iter([10, 12, 31, 35, end])
    monkeypatch.setattr(contest, "running", lambda _: moment(next(seen)))
    steps = [found.step for found in contest.moments(None, every=20, wait=0.0)]
    assert steps == [10, 31, end]
