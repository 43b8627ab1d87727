"""The study of ensemble playing: what may be said, and what simulated onsets allow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.ensemble_charts import OURS, TRUE, TRUTH, bias, plot_together
from experiments.ensemble_timing import WIDTH, measure_timing

MEAN, NAME = "asynchrony, mean (ms)", "who is early: mean asynchrony (ms)"
TEST = "simulated players"


def table(**systems: list[float]) -> pd.DataFrame:
    """The mean asynchrony of six players, by system."""
    return pd.DataFrame([
        {"test_data": TEST, "track": "one", "system": system, "instrument": f"{k}", "metric": MEAN,
         "value": value}
        for system, values in systems.items() for k, value in enumerate(values)
    ])  # fmt: skip


def test_what_true_stems_tell_wrong_may_not_be_said_of_ours():
    played = [-12.0, -8.0, 0.0, 2.0, 8.0, 10.0]
    wrong = [0.0, 4.0, -3.0, 1.0, -2.0, 3.0]
    right = bias(table(**{TRUTH: played, TRUE: played, OURS: played}), [TEST])
    assert right.loc[NAME, "verdict"] == "may be said"
    found = bias(table(**{TRUTH: played, TRUE: wrong, OURS: wrong}), [TEST])
    assert found.loc[NAME, "correlation"] == pytest.approx(1.0)
    assert found.loc[NAME, "with truth"] < 0.5
    assert found.loc[NAME, "verdict"] == "not from these stems"


def test_without_a_truth_the_true_stems_decide():
    heard = [-12.0, -8.0, 0.0, 2.0, 8.0, 10.0]
    found = bias(table(**{TRUE: heard, OURS: heard}), [TEST])
    assert np.isnan(found.loc[NAME, "with truth"])
    assert found.loc[NAME, "verdict"] == "may be said"


def test_the_picture_has_a_line_where_the_players_were():
    rows = table(**{TRUE: [1.0], OURS: [2.0], TRUTH: [-7.0]}).assign(track="all")
    axes = plot_together(rows.replace({"instrument": {"0": "violin"}})).axes[0]
    assert any(list(line.get_xdata()) == [-7.0, -7.0] for line in axes.lines)


def test_a_swaying_tempo_costs_most_of_what_a_steady_one_tells():
    values = {
        width: {row.metric: row.value for row in measure_timing(100, 0.0, width, seeds=10)}
        for width in (None, WIDTH)
    }
    error, agree = "correction, error (RMS)", "correction, correlation"
    assert values[None][error] < 0.1 < 0.15 < values[WIDTH][error]
    assert values[None][agree] > 0.7 > 0.5 > values[WIDTH][agree]
