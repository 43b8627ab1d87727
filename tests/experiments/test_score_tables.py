"""Means and sentences of chapter 8, from rows whose answers are known."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments import score_tables
from experiments.score_informed import ROBUSTNESS, TABLE


def rows(values: dict[tuple[str, str, str], float], metric: str = "SI-SDR", **columns):
    """By system, test and instrument."""
    return pd.DataFrame([
        {"system": system, "test_data": test, "track": "one", "instrument": instrument,
         "metric": metric, "value": value, "config": "none", **columns}
        for (system, test, instrument), value in values.items()
    ])  # fmt: skip


MEASURED = rows({
    ("mixture", "trios", "horn"): 0.0, ("mixture", "trios", "piano"): -2.0,
    ("chamber", "trios", "horn"): 1.0, ("chamber", "trios", "piano"): 7.0,
    ("guided", "trios", "horn"): 9.0, ("guided", "trios", "piano"): 6.0,
    ("guided", "two real violins", "violin-1"): 8.0,
})  # fmt: skip


def test_the_blind_model_is_compared_on_the_stems_that_both_have():
    words = score_tables.guided_and_blind(MEASURED)
    assert "by +3.5 dB on trios. `chamber` is better on 1 of 2 stems." in words


def test_means_begin_with_the_floor():
    table = score_tables.means(MEASURED)
    assert list(table.index) == ["mixture", "chamber", "guided"]
    assert table.loc["guided", "trios"] == 7.5


def test_the_ablation_has_the_mean_of_each_variant_and_its_seeds():
    measured = pd.concat([
        rows({("both", "trios", "horn"): 5.0, ("both", "trios", "piano"): 6.0}, seed=0),
        rows({("both", "trios", "horn"): 6.0, ("both", "trios", "piano"): 7.0}, seed=1),
        rows({("no score", "trios", "horn"): -1.0}, seed=0),
        rows({("no score", "trios", "horn"): -2.0}, seed=1),
        rows({("guided", "trios", "horn"): 9.0}, seed=0),
    ])  # fmt: skip
    table = score_tables.ablation(measured)
    assert list(table.index) == ["no score", "both"]
    assert list(table["trios"]) == ["-1.5 (-1.0, -2.0)", "6.0 (5.5, 6.5)"]
    assert score_tables.ablation(measured[measured["system"] == "guided"]).empty


def test_faults_stand_in_their_order_and_their_cost_is_the_mean_over_the_tests():
    by_config = {
        "onsets 200 ms": (4.0, 5.0),
        "as aligned": (9.0, 8.0),
        "a part missing": (8.0, 8.0),
    }
    measured = pd.concat(
        rows({("guided", "trios", "horn"): one, ("guided", "bach10", "violin"): other},
             "SI-SDRi", config=fault)
        for fault, (one, other) in by_config.items()
    )  # fmt: skip
    table = score_tables.by_fault(measured)
    assert list(table.index) == ["as aligned", "onsets 200 ms", "a part missing"]
    words = score_tables.falls(measured)
    assert words == "Lost on the mean of the tests: onsets 200 ms: 4.0 dB; a part missing: 0.5 dB."
    blind = rows({("chamber", "trios", "horn"): 2.5}, "SI-SDRi")
    (ax,) = score_tables.plot_robustness(measured, blind).axes
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["trios"].get_ydata().tolist() == [9.0, 4.0, 8.0]
    assert [2.5, 2.5] in [list(line.get_ydata()) for line in ax.lines]


@pytest.mark.parametrize(
    ("say", "table"),
    [
        (score_tables.guided_and_blind, TABLE),
        (score_tables.falls, ROBUSTNESS),
    ],
)
def test_without_a_table_the_sentence_says_what_makes_it(say, table):
    words = say(score_tables.published_rows("08_no_such_table"))
    assert f"Results/{table}.csv" in words and "python -m experiments.score_informed" in words


def test_the_onset_errors_of_the_published_table_are_in_milliseconds():
    errors = score_tables.onset_errors(score_tables.published_rows(score_tables.ALIGNMENT))
    assert {"trios", "rendered-rubato"} == set(errors.index.get_level_values(0))
    assert list(errors.columns) == ["median (ms)", "95 % (ms)"]
    assert (errors["median (ms)"] > 0).all() and (errors["median (ms)"] < errors["95 % (ms)"]).all()


def test_onset_errors_of_other_tools_are_not_averaged_with_ours():
    ours = {("align", "trios", "all"): 8.0, ("another tool", "trios", "all"): 30.0}
    table = score_tables.onset_errors(rows(ours, "onset error, median (ms)"))
    assert table.loc[("trios", "one"), "median (ms)"] == 8.0
