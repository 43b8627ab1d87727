"""The study of detection: its scores, its threshold and its pieces, with known answers."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from experiments import detection_pieces
from experiments.detection import (
    baseline_rows,
    counted,
    is_stale,
    overall,
    piece_rows,
    scores,
)
from experiments.detection_pieces import (
    SEVENTEEN,
    TEN,
    Piece,
    choosing_pieces,
    development_pieces,
    players,
    real_pieces,
    rendered_pieces,
    sounding,
)
from experiments.detection_threshold import best_threshold, threshold_rows, write
from helpers import runtime
from helpers.audio.track import Track
from helpers.evaluation.results import append, read
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.detection import detect
from tests.inference.bands import RATE, BandModel, tone

REAL_TESTS = ("bach10_excerpts", "bach10 duos", "trios", "recorded solos")
REAL_PIECES = [
    Piece(test, name, (), lambda: None)
    for test, name in (
        ("bach10_excerpts", "01"), ("bach10 duos", "01"), ("trios", "brahms"),
        ("recorded solos", "bach10_excerpts 01 violin"), ("recorded solos", "trios brahms horn"),
    )
]  # fmt: skip
WHERE = Provenance("test", "tones", train_data="none", checkpoint_sha256="0123")


def piece(name: str, *stems: str, has_stems: bool = True) -> Piece:
    sounds = {stem: tone(stem.replace("-1", ""), 6.0) for stem in stems}
    return Piece("tones", name, (), lambda: Track(name, RATE, sounds), has_stems)


def test_players_are_counted_by_instrument():
    assert players(["violin-1", "violin-2", "viola", "Vl. 3"]) == (
        "violin", "violin-2", "viola", "violin-3",
    )  # fmt: skip


def test_rows_say_who_plays_who_is_detected_and_what_it_costs():
    rows = list(piece_rows(BandModel(), "bands", piece("duo", "violin", "cello"), WHERE))
    values = {(row.instrument, row.metric): row.value for row in rows}
    for name in ("violin", "cello"):
        assert values[name, "plays"] == values[name, "detected"] == 1
        assert values[name, "SI-SDR, named"] == values[name, "SI-SDR, detected"] > 20


def test_a_second_player_whom_a_model_cannot_have_is_missed():
    model = BandModel()
    model = type(model)(type(model.config)(sources=("violin", "cello", "other")))
    stems = {"violin-1": tone("violin", 6.0), "violin-2": tone("violin", 6.0)}
    duo = Piece("tones", "duo", ("violin", "violin-2"), lambda: Track("duo", RATE, stems))
    rows = list(piece_rows(model, "bands", duo, WHERE))
    values = {(row.instrument, row.metric): row.value for row in rows}
    assert (values["violin", "detected"], values["violin-2", "detected"]) == (1, 0)


def test_precision_recall_f1_and_cost():
    values = {
        ("a", "violin", "plays"): 1.0, ("a", "violin", "detected"): 1.0,
        ("a", "horn", "plays"): 0.0, ("a", "horn", "detected"): 1.0,
        ("b", "violin", "plays"): 1.0, ("b", "violin", "detected"): 0.0,
        ("b", "cello", "plays"): 1.0, ("b", "cello", "detected"): 1.0,
        ("a", "violin", "SI-SDR, named"): 8.0, ("a", "violin", "SI-SDR, detected"): 7.0,
        ("b", "cello", "SI-SDR, named"): 6.0, ("b", "cello", "SI-SDR, detected"): 6.0,
    }  # fmt: skip
    found = scores(values)
    assert found["precision"] == found["recall"] == found["F1"] == pytest.approx(2 / 3)
    assert found["cost of detection"] == 0.5


def test_what_has_no_meaning_is_not_counted():
    assert counted([(1.0, 0.0), (0.0, 0.0)]) == {"recall": 0.0, "F1": 0.0}
    assert counted([(0.0, 0.0)]) == {}


def test_the_rows_over_all_tracks_do_not_count_themselves():
    rows = list(piece_rows(BandModel(), "bands", piece("duo", "violin", "cello"), WHERE))
    once = overall(rows)
    assert overall([*rows, *once]) == once
    assert {row.metric: row.value for row in once} == {
        "precision": 1.0, "recall": 1.0, "F1": 1.0, "cost of detection": 0.0,
    }  # fmt: skip


def test_real_ensembles_count_together_too():
    row = next(piece_rows(BandModel(), "bands", piece("duo", "violin", "cello"), WHERE))
    rows = [
        replace(row, test_data=test, metric=metric, value=value)
        for test, hit in (("trios", 1.0), ("urmp_excerpts", 0.0), ("tones", 0.0))
        for metric, value in (("plays", 1.0), ("detected", hit))
    ]
    recalls = {r.test_data: r.value for r in overall(rows) if r.metric == "recall"}
    assert recalls == {"trios": 1, "urmp_excerpts": 0, "tones": 0, "all real ensembles": 0.5}


def test_precision_rises_with_the_threshold_and_recall_falls():
    """The cello has -11.7 dB; the piano, of which a model may not know, is in `other`."""
    duo = {"violin": tone("violin", 6.0), "cello": tone("cello", 6.0, level=0.027)}
    pieces = [Piece("tones", "duo", (), lambda: Track("duo", RATE, duo))]
    pieces += [replace(pieces[0], players=("violin",))]  # as if the cello did not play
    rows = list(threshold_rows(BandModel(), "bands", pieces, WHERE))
    values = {row.metric: row.value for row in rows}
    assert values["precision at -13 dB"] == 0.75 and values["recall at -13 dB"] == 1.0
    assert values["precision at -10 dB"] == 1.0 and values["recall at -10 dB"] == pytest.approx(
        2 / 3
    )
    assert {row.n_seconds for row in rows} == {12.0}


def test_the_best_threshold_goes_into_the_card(tmp_path):
    row = Row(system="bands", track="all", instrument="all", metric="F1", value=0.0, n_seconds=1.0,
              **asdict(WHERE))  # fmt: skip
    rows = [
        replace(row, test_data=test, metric=f"{metric} at {threshold} dB", value=value)
        for test, metric, threshold, value in (
            ("a", "F1", -13, 0.8), ("b", "F1", -13, 0.8), ("a", "F1", -15, 0.9),
            ("b", "F1", -15, 0.6), ("a", "recall", -15, 1.0), ("a", "F1", -11, 0.81),
            ("b", "F1", -11, 0.81),
        )
    ]  # fmt: skip
    assert best_threshold(rows, "bands") == (-13, pytest.approx(0.8))
    card = tmp_path / "bands.json"
    card.write_text('{"sources": ["violin"]}\n')
    write(card, -13)
    assert json.loads(card.read_text()) == {"sources": ["violin"], "detection_threshold": -13}
    model = BandModel()
    model.card = {"detection_threshold": -20.0}
    soft = tone("violin", 6.0) + tone("cello", 6.0, level=0.015)  # -16.6 dB
    assert detect(model, [soft], RATE, 1).present == ("violin", "cello")
    assert detect(BandModel(), [soft], RATE, 1).present == ("violin",)


def test_one_may_choose_by_recordings_that_do_not_only_measure(monkeypatch):
    monkeypatch.setattr(detection_pieces, "development_pieces", lambda root: iter(()))
    monkeypatch.setattr(detection_pieces, "real_pieces", lambda root: iter(REAL_PIECES))
    found = list(choosing_pieces(Path(), count=2))
    assert [piece.name for piece in found if piece.test_data in REAL_TESTS] == [
        "01", "01", "bach10_excerpts 01 violin",
    ]  # fmt: skip
    assert [piece.name for piece in found].count("solo 000") == 2
    assert len(found[3].make().stems) > 1


def test_rows_of_another_threshold_leave_the_table(tmp_path):
    duo, table = piece("duo", "violin", "cello"), tmp_path / "table.csv"
    old, new = (replace(WHERE, config=f"bands (from {mark} dB)") for mark in (-16, -13))
    append(table, piece_rows(BandModel(), "bands", duo, old))
    append(table, baseline_rows(duo, WHERE))
    append(table, [], partial(is_stale, config={"bands": new.config}))
    assert {row.system for row in read(table)} == {"mixture", "oracle-irm", "oracle-ibm"}


def test_floor_and_ceiling_stand_beside_the_models():
    rows = baseline_rows(piece("duo", "violin-1", "violin-2"), WHERE)
    values = {(row.system, row.instrument): row.value for row in rows}
    assert {row.metric for row in rows} == {"SI-SDR, named"}
    assert values["mixture", "violin-2"] == pytest.approx(0, abs=0.1)
    assert values["oracle-irm", "violin-2"] > 20
    assert overall(rows) == []


def test_an_instrument_that_a_model_lacks_costs_nothing_and_is_no_mean_of_costs():
    model = BandModel()
    model = type(model)(type(model.config)(sources=("violin", "cello", "other")))
    stems = {"violin": tone("violin", 6.0), "horn": tone("piano", 6.0)}
    duo = Piece("tones", "duo", (), lambda: Track("duo", RATE, stems))
    rows = list(piece_rows(model, "bands", duo, WHERE))
    assert {row.instrument for row in rows if "SI-SDR" in row.metric} == {"violin"}


def test_second_players_count_apart_too():
    values = {
        (track, name, metric): value
        for track, name, plays, detected in (
            ("a", "violin", 1, 1), ("a", "violin-2", 1, 0), ("b", "horn", 1, 1),
            ("b", "horn-2", 0, 1),
        )
        for metric, value in (("plays", plays), ("detected", detected))
    }  # fmt: skip
    found = scores(values)
    assert found["F1"] == pytest.approx(2 / 3) and found["F1, second players"] == 0


def test_rendered_players_who_hardly_sound_do_not_play():
    stems = {"violin": tone("violin", 6.0), "tuba": np.zeros((1, 6 * RATE), np.float32),
             "cello": tone("cello", 6.0, 5.5, level=0.001)}  # fmt: skip
    assert list(sounding(Track("trio", RATE, stems)).stems) == ["violin"]
    stems["cello"] = tone("cello", 6.0, 4.0, level=0.001)
    assert list(sounding(Track("trio", RATE, stems)).stems) == ["violin", "cello"]


def test_two_hundred_ensembles_and_forty_solos_are_rendered_with_the_unseen_soundfont():
    found = list(rendered_pieces(TEN, "ten instruments"))
    assert [sum(p.test_data.startswith(kind) for p in found) for kind in ("rendered,", "rendered s")
            ] == [200, 40]  # fmt: skip
    assert sum(p.has_stems for p in found) == 50
    track = found[2].make()
    assert set(players(track.instruments)) <= set(TEN) and len(track.stems) > 1
    assert len(found[202].make().stems) == 1


def test_larger_sets_have_two_of_one_instrument():
    pieces = list(rendered_pieces(SEVENTEEN, "seventeen instruments", doubles=1.0, count=3))
    names = players(pieces[2].make().instruments)
    assert any(name.endswith("-2") for name in names)


@pytest.mark.real_audio
def test_all_real_recordings_with_known_players_are_measured():
    pieces = list(real_pieces(runtime.data_root()))
    tests = {p.test_data for p in pieces}
    assert tests == {
        "bach10_excerpts", "bach10 duos", "trios", "urmp_excerpts", "recorded solos",
        "live_quintet",
    }  # fmt: skip
    duo = next(p for p in pieces if p.test_data == "bach10 duos").make()
    assert set(duo.stems) == {"violin", "bassoon"} and np.array_equal(
        duo.mixture, sum(duo.stems.values())
    )
    (quintet,) = (p for p in pieces if p.test_data == "live_quintet")
    assert quintet.make().mixture.shape[0] == 2 and len(quintet.players) == 5
    assert len(list(development_pieces(runtime.data_root()))) >= 8
