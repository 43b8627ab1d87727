"""Bootstrap intervals and critical differences, on data with known answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation.significance import Interval, holm, paired_bootstrap, ranks


def test_an_interval_of_many_normal_differences_is_that_of_the_formula():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    found = paired_bootstrap(values)
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)
    assert found.pieces == 400 and found.p < 0.001


def test_an_interval_contains_the_true_mean_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr("helpers.evaluation.significance.RESAMPLES", 400)
    rng = np.random.default_rng(0)
    found = [paired_bootstrap(rng.normal(1.0, 1.0, 30)) for _ in range(400)]
    assert np.mean([each.low <= 1.0 <= each.high for each in found]) == pytest.approx(
        0.94, abs=0.03
    )


def test_differences_that_are_all_equal_have_an_interval_without_width():
    assert paired_bootstrap([2.0] * 6) == Interval(2.0, 2.0, 2.0, 6, 2 / 2**6)


def test_the_same_differences_give_the_same_interval():
    assert paired_bootstrap([1.0, 2.0, 4.0]) == paired_bootstrap([1.0, 2.0, 4.0])


def test_few_pieces_show_no_significant_difference():
    assert paired_bootstrap([5.0] * 6).p == pytest.approx(2 / 2**6)  # all signs by chance
    assert paired_bootstrap([5.0] * 5).p == pytest.approx(2 / 2**5)
    alone = paired_bootstrap([5.0])
    assert alone.mean == 5.0 and np.isnan(alone.low) and alone.p == 1.0


def test_a_correction_of_four_comparisons_is_that_of_holm():
    corrected = holm([0.01, 0.04, 0.03, 0.005])
    assert corrected == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0]) and not len(holm([]))


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [1.0, -np.inf]])
def test_values_without_a_mean_are_refused(values):
    with pytest.raises(ValueError, match="give one number a piece"):
        paired_bootstrap(values)


def quality(pieces: int, systems: int, spread: float = 0.0) -> pd.DataFrame:
    """System 0 is the worst in every piece, unless the noise is larger than a step."""
    noise = np.random.default_rng(0).normal(0.0, spread, (pieces, systems))
    return pd.DataFrame(np.arange(systems) + noise, columns=[f"s{i}" for i in range(systems)])


@pytest.mark.parametrize("systems, quantile", [(3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_differences_are_those_of_demsars_table(systems, quantile):
    found = ranks(quality(14, systems))
    assert found.critical == pytest.approx(
        quantile * np.sqrt(systems * (systems + 1) / 84), abs=2e-3
    )


def test_ranks_of_a_clear_order_run_from_one_up():
    found = ranks(quality(20, 4))
    assert found.mean.to_dict() == {"s3": 1.0, "s2": 2.0, "s1": 3.0, "s0": 4.0}
    assert found.p < 1e-6
    assert found.groups == [["s3", "s2"], ["s2", "s1"], ["s1", "s0"]]  # 1.05 is the critical one


def test_systems_that_differ_by_chance_are_one_group():
    found = ranks(quality(8, 4, spread=1000.0))
    assert found.p > 0.05
    assert [len(group) for group in found.groups] == [4]


def test_equal_values_share_a_rank():
    found = ranks(pd.DataFrame({"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [0.0, 0.0]}))
    assert found.mean.to_dict() == {"a": 1.5, "b": 1.5, "c": 3.0}


@pytest.mark.parametrize("pieces, systems", [(6, 2), (1, 3)])
def test_tables_that_are_too_small_are_refused(pieces, systems):
    with pytest.raises(ValueError, match="three systems"):
        ranks(quality(pieces, systems))


def test_a_missing_value_is_refused():
    table = quality(6, 3)
    table.iloc[0, 0] = np.nan
    with pytest.raises(ValueError, match="have a value"):
        ranks(table)
