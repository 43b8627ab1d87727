"""The study of estimated quality: its fit and its comparison recover what is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.no_reference import in_window
from experiments.no_reference_pieces import ensemble
from experiments.no_reference_tables import (
    MEASURES,
    agreement,
    columns,
    estimated,
    fit,
    fooled,
    groups,
    ridge,
    windows,
)
from helpers.evaluation import results
from helpers.evaluation.quality_estimate import LEAST, predictor_of
from helpers.music.scores import Note, Part, Score


@pytest.fixture
def frame() -> pd.DataFrame:
    """Windows whose truth is a linear function of two measures, and a little noise."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(400, len(MEASURES))).clip(-2, 2), columns=list(MEASURES))
    noise = rng.normal(0.0, 0.5, 400)
    table["truth"] = 4.0 + 3.0 * table["certainty"] - 1.0 * table["remix"] + noise
    table["score fit"] = np.where(np.arange(400) % 2, rng.normal(size=400), np.nan)
    table["piece"] = [f"piece {k // 8}" for k in range(400)]
    return table.assign(
        system="chamber", test_data="rendered", config="instruments named", instrument="violin",
        track=[f"piece {k // 8} {k % 8}-{k % 8 + 1} s" for k in range(400)], level=-6.0,
    )  # fmt: skip


def test_the_fit_finds_the_function_that_made_the_truth(frame):
    predictor = ridge(frame, MEASURES)
    weights = dict(zip(predictor.names, predictor.weights, strict=True))
    assert weights.pop("certainty") == pytest.approx(3.0 * frame["certainty"].std(), abs=0.15)
    assert weights.pop("remix") == pytest.approx(-1.0 * frame["remix"].std(), abs=0.15)
    assert max(map(abs, weights.values())) < 0.1
    # 80 % of a normal distribution lie within 1.28 standard deviations
    assert (predictor.low, predictor.high) == pytest.approx((-0.64, 0.64), abs=0.1)
    error = predictor.values(columns(frame)) - frame["truth"]
    assert np.abs(error).mean() < 0.5


def test_agreement_of_the_truth_with_itself_is_perfect(frame):
    rows = frame.assign(value=frame["truth"], low=frame["truth"] - 1, high=frame["truth"] + 1)
    found = agreement(rows.head(80))
    assert found["Spearman's rho"] == pytest.approx(1.0)
    assert found["Spearman's rho, 95 % from"] == pytest.approx(1.0)
    assert found["mean absolute error (dB)"] == 0.0
    assert found["in the interval of 80 %"] == 1.0
    worse = agreement(rows.head(80).assign(value=rows["truth"] + 3.0))
    assert worse["mean error (dB)"] == pytest.approx(3.0)
    assert worse["in the interval of 80 %"] == 1.0  # the interval is that of the rows
    assert np.isnan(agreement(rows.head(8))["Spearman's rho, 95 % from"])  # of a single piece


def test_a_table_becomes_windows_in_which_an_absent_instrument_has_nothing_right(row, tmp_path):
    rows = []
    for name, level, truth in (("violin", -5.0, 6.0), ("oboe", -120.0, np.nan)):
        values = dict.fromkeys(MEASURES, 1.0)
        values |= {"level": -8.0, "SI-SDR": truth, "true level": level, "score fit": np.nan}
        del values["players"]
        rows += [
            replace(row, track="duo 0-5 s", instrument=name, metric=metric, value=value)
            for metric, value in values.items()
        ]
    rows.append(replace(row, track="duo", instrument="violin", metric="SI-SDR", value=7.0))
    results.append(tmp_path / "table.csv", rows)
    found = windows(tmp_path / "table.csv").set_index("instrument")
    assert found["truth"].to_dict() == {"violin": 6.0, "oboe": LEAST}
    assert set(found["piece"]) == {"duo"} and set(found["players"]) == {2.0}


def test_coefficients_are_written_and_used(frame, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.no_reference_tables.windows", lambda table: frame)
    fit(tmp_path / "table.csv", tmp_path / "coefficients.json")
    written = results.pd.read_json(tmp_path / "coefficients.json", typ="series")
    assert set(written["predictors"]) == {"recording", "score"}
    assert written["fitted"]["windows"] == 400 and written["fitted"]["with a score"] == 200
    fitted = {name: predictor_of(each) for name, each in written["predictors"].items()}
    monkeypatch.setattr("experiments.no_reference_tables.predictors", lambda: fitted)
    both = estimated(frame)
    assert both["kind"].value_counts().to_dict() == {"recording": 400, "score": 200}
    assert {test for test, _, _ in groups(both)} >= {"rendered", "real"}
    real = estimated(frame.assign(test_data="trios"))
    errors = (real["value"] - real["truth"]).abs()
    assert (
        fooled(real, 3)["track"].iloc[0]
        == real.loc[errors[real["kind"] == "recording"].idxmax(), "track"]
    )


def test_the_score_of_a_window_has_a_part_for_each_source_or_is_none():
    score = Score(
        "", (Part("flute", (Note(4.0, 2.0, 70.0),)), Part("cello", (Note(1.0, 1.0, 50.0),)))
    )
    moved = in_window(score, ("cello", "flute"), 5.0)
    assert [part.instrument for part in moved.parts] == ["cello", "flute"]
    assert [part.notes for part in moved.parts] == [(), (Note(-1.0, 2.0, 70.0),)]
    assert in_window(score, ("cello", "oboe"), 0.0) is None


def test_an_ensemble_is_drawn_from_its_number_alone():
    names = ("violin", "cello", "flute", "piano")
    first, again = (ensemble(2, names, "validation", ("TimGM6mb",)) for _ in range(2))
    assert set(first.track.stems) <= set(names)
    assert np.array_equal(first.track.mixture, again.track.mixture)
    assert [part.instrument for part in first.score.parts] == list(first.track.stems)
    assert first.track.samples == 10 * first.track.sample_rate
