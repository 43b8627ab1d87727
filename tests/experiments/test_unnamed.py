"""What a player costs whom nobody named, with known answers."""

from __future__ import annotations

from experiments.detection_pieces import Piece
from experiments.told import jobs
from experiments.unnamed import concealable, titles, unnamed_rows
from helpers.audio.track import Track
from helpers.evaluation.rows import Provenance
from tests.inference.bands import RATE, BandConfig, BandModel, tone

WHERE = Provenance("test", "tones", train_data="none", checkpoint_sha256="0123")
TRIO = Track("trio", RATE, {name: tone(name, 4.0) for name in ("violin", "viola", "cello")})


def values_of(model):
    rows = unnamed_rows(model, "bands", TRIO, WHERE)
    return {(row.system, row.track, row.instrument): row.value for row in rows}


def test_a_model_with_other_loses_nothing_and_finds_the_unnamed_player():
    values = values_of(BandModel())
    assert len(values) == 3 * (2 + 2 + 1)
    for unnamed in TRIO.stems:
        track = f"trio without {unnamed}"
        assert values["bands other", track, unnamed] > 20
        for name in TRIO.stems.keys() - {unnamed}:
            assert values["bands one unnamed", track, name] > 20


def test_a_model_without_other_gives_the_player_to_the_others():
    values = values_of(BandModel(BandConfig(sources=("violin", "viola", "cello"))))
    assert len(values) == 3 * (2 + 2)
    for (system, track, name), value in values.items():
        if system == "bands one unnamed":
            assert value < 10 < values["bands", track, name]


def test_only_players_without_a_companion_are_concealed():
    assert concealable(["violin", "violin-2", "viola", "cello"]) == ["viola", "cello"]
    quartet = Piece("tones", "quartet", ("violin", "violin-2", "viola", "cello"), lambda: None)
    duo = Piece("tones", "duo", ("violin", "cello"), lambda: None)
    assert jobs("chamber", [quartet, duo], unnamed_rows, titles) == []
    (job,) = jobs("ensemble", [quartet, duo], unnamed_rows, titles)
    assert job.tracks == ["quartet without viola", "quartet without cello"]
