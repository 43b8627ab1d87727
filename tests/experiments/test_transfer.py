"""How far models carry, at toy size: which sets are measured, by whom, and what a fall is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from experiments import transfer
from experiments.interference import Condition, white_noise
from experiments.jobs import run
from experiments.transfer import HOME, QUARTET, SYSTEMS, TrackSet, falls, jobs, plot_falls
from helpers.audio.track import Track
from helpers.evaluation import results

RATE = 8000
NOISE = Condition("noise", added=white_noise, decibels=0.0)


class Fair(nn.Module):
    """Gives every source the same share of the mixture."""

    sample_rate, channels, segment_seconds = RATE, 1, 1.0

    def __init__(self, sources):
        super().__init__()
        self.sources = sources
        provenance = {"recipe": {"name": "fair", "training": {"seed": 0}}}
        self.card = {"architecture": "Fair", "sha256": "0" * 64, "provenance": provenance}

    def forward(self, mixture):
        return torch.stack([mixture / len(self.sources)] * len(self.sources), dim=1)


def make(condition=None):
    rng = np.random.default_rng(1)  # other numbers than those of the noise
    stems = {name: rng.normal(size=(1, RATE)).astype(np.float32) for name in QUARTET}
    track = Track("piece", RATE, stems)
    return [condition.apply(track) if condition else track]


SETS = [
    TrackSet(HOME, ["piece"], frozenset(QUARTET), make),
    TrackSet(f"{HOME}: noise", ["piece"], frozenset(QUARTET), lambda: make(NOISE)),
    TrackSet(f"{HOME}: flutes", ["piece"], frozenset({"flute"}), make),
]


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "load_model", lambda name: Fair(QUARTET))
    path = tmp_path / "table.csv"
    run(jobs(SETS, ["bach-quartet"]), path)
    return path


def test_a_model_is_measured_where_it_knows_all_instruments(table):
    rows = results.read_table(table)
    model = rows[rows["system"] == "bach-quartet"]
    assert set(model["test_data"]) == {HOME, f"{HOME}: noise"}
    assert set(rows["metric"]) == {"SI-SDR", "SI-SDRi"}
    assert set(rows["system"]) == {"mixture", "oracle-irm", "bach-quartet"}


def test_what_the_table_holds_is_not_measured_again(table, monkeypatch):
    monkeypatch.setattr(transfer, "measure", lambda *_: pytest.fail("measured again"))
    run(jobs(SETS, ["bach-quartet"]), table)


def test_new_weights_are_measured_again(table, monkeypatch):
    other = Fair(QUARTET)
    other.card = {**other.card, "sha256": "1" * 64}
    monkeypatch.setattr(transfer, "load_model", lambda name: other)
    run(jobs(SETS, ["bach-quartet"]), table)
    rows = results.read_table(table).query("system == 'bach-quartet'")
    assert set(rows["checkpoint_sha256"]) == {"1" * 64}


def test_a_fall_is_the_change_against_the_untouched_pieces(table):
    changes = falls(results.read_table(table))
    # The share of the mixture is as good as the mixture: four equal stems have a floor of -4.8 dB,
    # and noise as loud as the mixture makes it -8.5 dB.
    expected = -10 * np.log10(7) + 10 * np.log10(3)
    assert changes.loc["noise", "mixture"] == pytest.approx(expected, abs=0.3)
    assert changes.loc["noise", "bach-quartet"] == pytest.approx(expected, abs=0.3)


def test_the_figure_has_a_panel_for_each_base_that_was_measured(table):
    rows = results.read_table(table)
    real = pd.concat([rows, rows.assign(test_data=rows["test_data"].str.replace(HOME, "real"))])
    bases = {HOME: "rendered", "real": "real", "missing": "missing"}
    assert [ax.get_title(loc="left") for ax in plot_falls(rows, bases).axes] == ["rendered"]
    assert len(plot_falls(real, bases).axes) == 2


def test_rendered_sets_have_other_soundfonts_other_ensembles_and_all_conditions(monkeypatch):
    monkeypatch.setattr(transfer, "find_soundfont", lambda name: name)
    sets = transfer.rendered_sets([NOISE], count=2, seconds=3.0)
    found = [test.name.removeprefix(f"{HOME}: ") for test in sets]
    assert found[:2] == [HOME, "noise"]
    assert {f"soundfont {name}" for name in transfer.OTHER_SOUNDFONTS} < set(found)
    assert set(transfer.OTHER_ENSEMBLES) < set(found)
    assert {len(test.tracks) for test in sets} == {2}


def test_a_missing_soundfont_is_left_out_with_its_remedy(monkeypatch, capsys):
    def missing(name):
        raise transfer.SoundfontError(f"{name}: this soundfont is not installed; fetch it.")

    monkeypatch.setattr(transfer, "find_soundfont", missing)
    sets = transfer.rendered_sets([], count=1, seconds=3.0)
    assert not [test for test in sets if "soundfont" in test.name]
    assert "Merlin: this soundfont is not installed; fetch it." in capsys.readouterr().out


def test_an_arranged_piece_has_the_players_of_its_ensemble():
    test = next(test for test in transfer.rendered_sets([], 1, 3.0) if "duos" in test.name)
    (track,) = test.make()
    assert set(track.stems) <= test.instruments
    assert replace(track).samples == 3 * track.sample_rate


def test_the_systems_are_two_mask_networks_and_two_resunets():
    assert [name.startswith("resunet") for name in SYSTEMS] == [False, False, True, True]
