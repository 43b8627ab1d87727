"""Generalisation, at toy size: which tests are measured, by whom, and what a change is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from experiments import transfer
from experiments.comparison import Piece, jobs
from experiments.interference import Condition, white_noise
from experiments.jobs import run
from experiments.systems import SYSTEMS as ALL_SYSTEMS
from experiments.transfer import (
    BASELINE_TEST,
    QUARTET,
    SYSTEMS,
    plot_changes,
    si_sdr_changes,
    under_conditions,
)
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

    def forward(self, mixture):
        return torch.stack([mixture / len(self.sources)] * len(self.sources), dim=1)


CARD = {
    "architecture": "Fair", "config": {}, "sources": QUARTET, "sha256": "0" * 64,
    "learned_from": ["music21", "Merlin"], "provenance": {},
}  # fmt: skip


def make():
    rng = np.random.default_rng(1)  # other numbers than those of the noise
    stems = {name: rng.normal(size=(1, RATE)).astype(np.float32) for name in QUARTET}
    return Track("piece", RATE, stems)


TESTS = under_conditions(BASELINE_TEST, [Piece("piece", QUARTET, make)], [NOISE]) | {
    f"{BASELINE_TEST}: flutes": [Piece("piece", ("flute",), make)],
    f"{BASELINE_TEST}: soundfont Merlin": [Piece("piece", QUARTET, make)],
}


def measured(path, **changes):
    (system,) = (each for each in ALL_SYSTEMS if each.name == "bach-quartet")
    cards = {"bach-quartet": CARD | changes}
    run(jobs(TESTS, [system], cards, "06_resunet", museval=False), path)
    return results.read_table(path)


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.systems.load_model", lambda name: Fair(QUARTET))
    measured(tmp_path / "table.csv")
    return tmp_path / "table.csv"


def test_a_model_is_measured_where_it_knows_all_instruments(table):
    rows = results.read_table(table)
    model = rows[rows["system"] == "bach-quartet"]
    assert set(model["test_data"]) == TESTS.keys() - {f"{BASELINE_TEST}: flutes"}
    assert set(model["train_data"]) == {"music21, Merlin"}
    assert set(model["config"]) == {"Fair (instruments all)"}
    assert set(rows["system"]) == {"mixture", "oracle-irm", "oracle-ibm", "bach-quartet"}


def test_what_the_table_holds_is_not_measured_again(table, monkeypatch):
    monkeypatch.setattr("experiments.comparison.measure", lambda *_: pytest.fail("again"))
    measured(table)


def test_new_weights_are_measured_again(table):
    rows = measured(table, sha256="1" * 64).query("system == 'bach-quartet'")
    assert set(rows["checkpoint_sha256"]) == {"1" * 64}


def test_a_fall_is_the_change_against_the_untouched_pieces(table):
    changes = si_sdr_changes(results.read_table(table))
    # The share of the mixture is as good as the mixture: four equal stems have a floor of -4.8 dB,
    # and noise as loud as the mixture makes it -8.5 dB.
    expected = -10 * np.log10(7) + 10 * np.log10(3)
    assert changes.loc["noise", "mixture"] == pytest.approx(expected, abs=0.3)
    assert changes.loc["noise", "bach-quartet"] == pytest.approx(expected, abs=0.3)


def test_the_figure_has_a_panel_for_each_base_that_was_measured(table):
    rows = results.read_table(table)
    names = rows["test_data"].str.replace(BASELINE_TEST, "real")
    real = pd.concat([rows, rows.assign(test_data=names)])
    bases = {BASELINE_TEST: "rendered", "real": "real", "missing": "missing"}
    assert [ax.get_title(loc="left") for ax in plot_changes(rows, bases).axes] == ["rendered"]
    assert len(plot_changes(real, bases).axes) == 2


def test_a_soundfont_that_a_model_learned_from_is_a_hollow_dot(table):
    rows = results.read_table(table)
    figure = plot_changes(rows, {BASELINE_TEST: "rendered"})
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    dots, hollow, _ = figure.axes[0].lines
    assert (
        len(dots.get_ydata()) == len(names) and names[hollow.get_ydata()[0]] == "soundfont Merlin"
    )
    unseen = plot_changes(rows.replace("music21, Merlin", "music21"), {BASELINE_TEST: "rendered"})
    assert not len(unseen.axes[0].lines[1].get_ydata())


def test_rendered_tests_have_other_soundfonts_other_ensembles_and_all_conditions(monkeypatch):
    monkeypatch.setattr(transfer, "find_soundfont", lambda name: name)
    tests = transfer.rendered_tests([NOISE], count=2, seconds=3.0)
    found = [name.removeprefix(f"{BASELINE_TEST}: ") for name in tests]
    assert found[:2] == [BASELINE_TEST, "noise"]
    assert {f"soundfont {name}" for name in transfer.OTHER_SOUNDFONTS} < set(found)
    assert set(transfer.OTHER_ENSEMBLES) < set(found)
    assert {len(pieces) for pieces in tests.values()} == {2}


def test_a_missing_soundfont_is_left_out_with_its_remedy(monkeypatch, capsys):
    def missing(name):
        raise transfer.SoundfontError(f"{name}: this soundfont is not installed; fetch it.")

    monkeypatch.setattr(transfer, "find_soundfont", missing)
    tests = transfer.rendered_tests([], count=1, seconds=3.0)
    assert not [name for name in tests if "soundfont" in name]
    assert "Merlin: this soundfont is not installed; fetch it." in capsys.readouterr().out


def test_an_arranged_piece_has_the_players_of_its_ensemble():
    (piece,) = transfer.rendered_tests([], 1, 3.0)[f"{BASELINE_TEST}: duos"]
    track = piece.load()
    assert track.name == piece.name and track.instruments == piece.instruments
    assert track.samples == 3 * track.sample_rate


def test_the_systems_are_two_mask_networks_and_two_resunets():
    assert [name.startswith("resunet") for name in SYSTEMS] == [False, False, True, True]
