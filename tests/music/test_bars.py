"""Bars: in MIDI by its time signatures, and in recordings of a score with a pickup and a repeat."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from helpers.music.alignment import align
from helpers.music.midi import midi_score
from helpers.music.pitch_features import RATE
from helpers.music.score_files import is_midi, read_score, read_unfoldings

from .midi_bytes import QUARTER, meta, midi, name, notes, rest, tempo
from .repeated_piece import PLAYED, STARTS, TRUTH, performance, write_piece


def meter(beats: int, power: int, after: int = 0) -> bytes:
    return meta(0x58, bytes([beats, power, 24, 8]), after)


def bars(*tracks: bytes, **options) -> list[tuple[str, float]]:
    return list(midi_score(midi(*tracks, **options), "piece.mid").bars)


def line(quarters: int) -> bytes:
    return name("Oboe") + notes(0, *([72] * quarters))


def test_bars_follow_the_time_signature_and_the_tempo():
    assert bars(meter(3, 2) + tempo(60) + tempo(120, 6 * QUARTER), line(10)) == [
        ("1", 0), ("2", 3), ("3", 6), ("4", 7.5)
    ]  # fmt: skip
    assert bars(meter(6, 3) + tempo(60), line(4)) == [("1", 0), ("2", 3)]  # the last note ends at 4
    assert bars(meter(4, 2) + tempo(60), line(4)) == [("1", 0)]


def test_a_time_signature_begins_a_bar():
    changes = meter(4, 2) + tempo(60) + meter(3, 2, 4 * QUARTER) + meter(2, 2, 4 * QUARTER)
    assert bars(changes, line(10)) == [("1", 0), ("2", 4), ("3", 7), ("4", 8)]


@pytest.mark.parametrize("first", [meter(1, 2), meter(4, 2), b""], ids=["1/4", "4/4", "none"])
def test_a_short_first_bar_is_a_pickup_with_the_number_0(first):
    changes = first + tempo(60) + meter(4, 2, QUARTER)
    assert bars(changes, line(9)) == [("0", 0), ("1", 1), ("2", 5)]


def test_a_first_bar_of_its_own_that_is_not_shorter_is_bar_1():
    assert bars(meter(4, 2) + tempo(60) + meter(3, 2, 4 * QUARTER), line(8)) == [
        ("1", 0), ("2", 4), ("3", 7)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "track",
    [
        tempo(60),
        meta(0x58, b"\x04"),
        meter(0, 2),
        meter(4, 60),
        meter(1, 7) + rest(0, 4000),
    ],
    ids=["none", "cut off", "no beats", "no such note", "too many bars"],
)
def test_a_file_without_usable_time_signatures_has_no_bars(track):
    assert bars(track, line(8) + rest(0, 4000) + notes(0, 72)) == []


def test_bars_of_smpte_time_are_those_of_its_quarters():
    frames = struct.pack(">bB", -25, 40)  # 1000 ticks a second, 500 a quarter
    assert bars(meter(1, 2), name("Oboe") + notes(0, 72, 72, each=500), division=frames) == [
        ("1", 0), ("2", 0.5)
    ]  # fmt: skip


def test_only_midi_is_midi(tmp_path):
    (tmp_path / "a.xml").write_bytes(midi(line(1)))
    assert is_midi(tmp_path / "a.xml") and not is_midi(write_piece(tmp_path / "b.mid"))


@pytest.fixture(scope="module")
def piece(tmp_path_factory):
    path = write_piece(tmp_path_factory.mktemp("piece") / "piece.musicxml")
    return path, performance(path, RATE)


def test_a_repeat_plays_its_bars_again(piece):
    path, _ = piece
    score, once = read_unfoldings(path)
    assert [number for number, _ in score.bars] == list(PLAYED)
    assert [start for _, start in score.bars] == pytest.approx(STARTS.tolist())
    assert [number for number, _ in once.bars] == list("012345678")


def test_bars_begin_where_they_are_played(piece):
    path, sound = piece
    found = align(sound, RATE, list(read_unfoldings(path))).score.bars
    assert [number for number, _ in found] == list(PLAYED)
    assert np.abs(np.array([start for _, start in found]) - TRUTH).max() < 0.03


def test_an_excerpt_has_the_bars_that_begin_in_it(piece):
    path, sound = piece
    start, end = TRUTH[6] + 1.0, TRUTH[11] + 1.5  # from inside the second bar 2 into bar 7
    noise = np.random.default_rng(0).normal(0, 0.001, (1, 2 * RATE)).astype(np.float32)
    cut = sound[:, round(start * RATE) : round(end * RATE)]
    found = align(np.concatenate([noise, cut, noise], axis=1), RATE, read_score(path)).score.bars
    assert [number for number, _ in found] == list("34567")
    truth = TRUTH[7:12] - start + 2.0
    assert np.abs(np.array([second for _, second in found]) - truth).max() < 0.03


def test_a_recording_that_begins_with_the_first_note_has_its_bar(piece):
    path, sound = piece
    cut = sound[:, round(TRUTH[0] * RATE) :]
    found = align(cut, RATE, read_score(path)).score.bars
    assert [number for number, _ in found] == list(PLAYED)
    assert np.abs(np.array([start for _, start in found]) - TRUTH + TRUTH[0]).max() < 0.03


def test_bars_that_begin_with_rests_are_inside(piece, tmp_path):
    """Nothing is heard where they begin, so this is known to a fraction of a second only."""
    path, sound = piece
    silent = "<note><rest/><duration>2</duration></note>"
    text = path.read_text().replace("</direction><note>", f"</direction>{silent}<note>")
    late = tmp_path / "late.musicxml"
    late.write_text(text, encoding="utf-8")
    score = read_score(late)
    for lead in (0.7, 0.0):
        found = align(sound[:, round((0.7 - lead) * RATE) :], RATE, score).score.bars
        assert [number for number, _ in found] == list(PLAYED)
        wrong = np.array([start for _, start in found])[1:] - (TRUTH[1:] - 0.7 + lead)
        assert np.abs(wrong).max() < 0.03
        assert found[0].start == pytest.approx(0.0, abs=0.2)
