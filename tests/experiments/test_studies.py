"""A chapter's table: what it holds is shown and not measured again."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from experiments.studies import Study
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.evaluation.metrics import si_sdr


def track(number):
    noise = np.random.default_rng(number).standard_normal((2, 1, 4000)).astype(np.float32)
    return Track(f"track {number}", 8000, {"high": noise[0], "low": noise[1]})


TRACKS = [track(0), track(1)]


def half_wrong(track):
    """Estimates with an error of the level of the stem: about 0 dB."""
    return {name: track.mixture for name in track.stems}


@pytest.fixture
def published(row, tmp_path, monkeypatch):
    """The table of the course: two tests, of which the second has no recordings here."""
    monkeypatch.delenv("DIVISI_PROFILE", raising=False)
    monkeypatch.setattr("helpers.runtime.repository_root", lambda: tmp_path)
    rows = [
        replace(row, system="a", test_data=test, track=track.name, instrument=stem, value=value,
                seed=seed, config="he, 100 steps")
        for test, value in (("rendered", 10.0), ("real", 4.0))
        for track in TRACKS
        for stem in ("high", "low")
        for seed in (0, 1)
    ]  # fmt: skip
    results.append(tmp_path / "Results" / "table.csv", rows)
    return tmp_path


def study(**settings):
    return Study("table", "01_synthetic_tones", {"rendered": TRACKS}, **settings)


def test_a_test_without_recordings_is_shown_from_the_published_table(published):
    assert study().panels == ["real", "rendered"]
    assert study().mean("a", "real") == 4.0


def test_the_mean_is_over_the_rows_asked_for(published):
    assert study().mean("a", "rendered", "high") == 10.0
    assert study().mean("a", "rendered", config="he,") == 10.0
    assert math.isnan(study().mean("a", "rendered", config="xavier"))
    assert math.isnan(study().mean("b", "rendered"))


def test_published_rows_are_not_measured_again_unless_the_reader_trains(published):
    columns = {"seed": 1, "config": "he, 100 steps"}
    assert study().missing("a", **columns) == []
    assert study(trains=True).missing("a", **columns) == ["rendered"]
    assert study().missing("a", seed=2) == ["rendered"]


def test_a_reader_who_trains_measures_once_and_leaves_the_published_table(published):
    before = (published / "Results" / "table.csv").read_bytes()
    own = study(trains=True)
    for _ in range(2):
        made = []
        make = lambda: made.append(1) or half_wrong  # noqa: B023, E731
        own.measure("a", make, seed=1, config="he, 100 steps", train_data="tones")
    assert made == []
    assert own.mean("a", "rendered") == pytest.approx(5.0, abs=0.5)  # half of the rows are own
    assert (published / "Results" / "table.csv").read_bytes() == before


def test_missing_rows_are_found_without_rendering_a_track(published):
    class Unrendered(list):
        def __iter__(self):
            pytest.fail("it rendered the tracks")

    lazy = Study("table", "01_synthetic_tones", {"rendered": Unrendered([None, None])})
    assert lazy.missing("a") == []
    assert lazy.missing("b") == ["rendered"]


def test_a_check_shows_what_is_measured_here_beside_the_table(published):
    means = study().check({"a": half_wrong, "b": half_wrong}, "rendered")
    here = np.mean([si_sdr(TRACKS[0].mixture[0], stem[0]) for stem in TRACKS[0].stems.values()])
    assert means.loc["a", "measured here"] == pytest.approx(here, abs=0.05)
    assert means.loc["a", "in the table"] == 10.0
    assert math.isnan(means.loc["b", "in the table"])
