"""Trained models on pieces of known players: rows, resume, and which models are measured."""

from __future__ import annotations

import sys
from functools import partial

import pytest

from experiments import chamber_sets, trained, voice_order
from experiments.detection_pieces import Piece, players
from experiments.voice_order import ORDERS
from helpers import runtime
from helpers.audio.track import Track
from helpers.evaluation.results import read
from helpers.music.splits import TEST
from tests.inference.bands import RATE, BandModel, tone

CARDS = {
    "ensemble": {"sources": BandModel().config.sources, "sha256": "0123"},
    "chamber": {"sources": ("violin", "cello"), "sha256": "4567"},
}


def track(*stems: str) -> Track:
    return Track("any", RATE, {name: tone(name.replace("-1", ""), 3.0) for name in stems})


PIECES = [
    Piece("tones", "duo", ("violin", "cello"), partial(track, "violin", "cello")),
    Piece("tones", "violins", ("violin", "violin-2"), partial(track, "violin-1", "violin-2")),
]


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Runs the command line with models that know the answers; returns the rows of the table."""

    def load(name, device):
        model = BandModel()
        model.card = CARDS[name] | {"provenance": {}, "architecture": "bands"}
        if name == "chamber":
            model = type(model)(type(model.config)(sources=("violin", "cello", "other")))
            model.card = CARDS[name] | {"provenance": {}, "architecture": "bands"}
        return model

    table = tmp_path / "table.csv"
    monkeypatch.setattr(trained, "load_model", load)
    monkeypatch.setattr(trained, "available_models", lambda: CARDS)
    monkeypatch.setattr(trained.results, "results_path", lambda _: table)
    trained._loaded.cache_clear()

    def run(*words, detecting=False):
        monkeypatch.setattr(sys, "argv", ["trained", *words])
        trained.measure_trained("A test.", "table", PIECES, detecting)
        return read(table)

    yield run
    trained._loaded.cache_clear()


def test_models_are_measured_beside_floor_and_ceiling_where_they_have_all_players(measured):
    rows = measured(detecting=True)
    systems = {(row.system, row.track) for row in rows}
    models = {(n, t) for n, t in systems if n.startswith(("ensemble", "chamber"))}
    assert systems - models == {
        (n, t) for n in ("mixture", "oracle-irm", "oracle-ibm") for t in ("duo", "violins")
    }
    assert models == {
        (f"ensemble{how}", t) for how in ("", " detected") for t in ("duo", "violins")
    } | {("chamber", "duo"), ("chamber detected", "duo")}
    values = {(r.system, r.track, r.instrument): r.value for r in rows if r.metric == "SI-SDR"}
    assert values["ensemble", "violins", "violin-2"] > 30
    assert values["mixture", "violins", "violin-2"] == pytest.approx(0, abs=0.1)


def test_what_a_table_holds_is_not_measured_again(measured, monkeypatch):
    first = measured("--systems", "ensemble")
    monkeypatch.setattr(trained, "load_model", lambda *_: pytest.fail("loaded again"))
    monkeypatch.setattr(trained, "evaluate_baselines", lambda *_: pytest.fail("measured again"))
    trained._loaded.cache_clear()
    assert measured("--systems", "ensemble") == first


def test_a_system_that_nobody_knows_is_refused(measured, capsys):
    with pytest.raises(SystemExit):
        measured("--systems", "kazoo")
    assert "ensemble" in capsys.readouterr().err


def test_every_test_chorale_has_all_orders():
    pieces = list(voice_order.pieces())
    assert len(pieces) == len(ORDERS) * len(TEST)
    first = pieces[len(TEST)]
    made = first.make()
    assert made.name == first.name and tuple(made.stems) == first.players
    assert first.players == ("clarinet", "violin", "saxophone", "bassoon")


@pytest.mark.real_audio
def test_both_sets_are_there_with_their_players():
    pieces = list(chamber_sets.pieces(runtime.data_root()))
    tests = {piece.test_data for piece in pieces}
    assert tests == {"string-quartets", "second-development-set"}
    quartet = next(piece for piece in pieces if piece.test_data == "string-quartets")
    assert quartet.players == players(quartet.make().stems)
