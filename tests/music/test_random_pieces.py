"""Random pieces have one key and beat, and every part is in range."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from helpers.music.arrangements import comfortable_range
from helpers.music.instruments import INSTRUMENTS, instrument
from helpers.music.random_pieces import RandomPiece, Style

TRIO = ("violin", "cello", "piano")


def test_a_random_piece_is_a_function_of_seed_number_and_instruments():
    assert RandomPiece(12).score(TRIO, seed=3) == RandomPiece(12).score(TRIO, seed=3)
    assert RandomPiece(12).score(TRIO, seed=3) != RandomPiece(12).score(TRIO, seed=4)
    assert RandomPiece(12).score(TRIO).parts != RandomPiece(13).score(TRIO).parts
    trio, flute = RandomPiece(12).score(TRIO), RandomPiece(12).score(("flute",))
    assert trio.parts[0].notes != flute.parts[0].notes


def test_a_random_piece_is_named_after_its_number():
    score = RandomPiece(12).score(("fl", "Violin II", "violin"))
    assert score.title == str(RandomPiece(12)) == "random-00012"
    assert [part.instrument for part in score.parts] == ["flute", "violin", "violin"]
    assert score.parts[1].notes != score.parts[2].notes


@pytest.mark.parametrize("row", INSTRUMENTS, ids=lambda row: row.name)
def test_every_instrument_plays_within_its_comfortable_range(row):
    low, high = (row.low, row.high) if row.family == "keyboard" else comfortable_range(row)
    notes = [note for i in range(20) for note in RandomPiece(i).score([row.name]).parts[0].notes]
    assert row.low <= low <= min(note.pitch for note in notes)
    assert max(note.pitch for note in notes) <= high <= row.high
    assert all(1 <= note.velocity <= 127 for note in notes)


def test_the_notes_of_all_parts_lie_in_one_scale_but_for_a_few():
    for number in range(20):
        parts = RandomPiece(number).score(TRIO, seconds=60.0).parts
        classes = Counter(note.pitch % 12 for part in parts for note in part.notes)
        in_scale = sum(count for _, count in classes.most_common(7))
        assert in_scale / classes.total() > 0.8


def test_the_notes_of_all_parts_begin_on_one_grid_of_eighths():
    parts = RandomPiece(5).score(TRIO, seed=2, seconds=30.0).parts
    eighth = 30.0 / Style.draw(np.random.default_rng([2, 5])).tempo
    onsets = np.array([note.onset for part in parts for note in part.notes])
    np.testing.assert_allclose(onsets / eighth, np.round(onsets / eighth), atol=1e-6)


@pytest.mark.parametrize("name", ["violin", "cello", "flute", "horn"])
def test_a_line_is_monophonic(name):
    notes = RandomPiece(7).score([name], seconds=60.0).parts[0].notes
    ends = [note.onset + note.duration for note in notes]
    assert all(end <= after.onset + 1e-9 for end, after in zip(ends, notes[1:], strict=False))


def test_a_piano_sounds_one_to_four_notes_and_never_strikes_a_sounding_key():
    sizes = set()
    for number in range(20):
        notes = RandomPiece(number).score(["piano"], seconds=20.0).parts[0].notes
        for note in notes:
            sounding = [
                other.pitch
                for other in notes
                if other.onset - 1e-9 <= note.onset < other.onset + other.duration - 1e-9
            ]
            assert len(sounding) == len(set(sounding))
            sizes.add(len(sounding))
    assert sizes == {1, 2, 3, 4}


def test_a_random_piece_ends_in_time_and_every_part_plays():
    for number in range(50):
        score = RandomPiece(number).score(TRIO, seconds=4.0)
        assert 1.0 < score.seconds <= 4.0
        assert all(part.notes for part in score.parts)


def test_a_longer_piece_begins_like_the_shorter_one():
    short, long = (RandomPiece(1).score(TRIO, seconds=seconds) for seconds in (5.0, 20.0))
    for part, longer in zip(short.parts, long.parts, strict=True):
        whole = [note for note in part.notes if note.onset + note.duration < 4.9]
        assert tuple(whole) == longer.notes[: len(whole)]


def test_an_unknown_instrument_is_refused():
    with pytest.raises(KeyError, match="no instrument 'violinne'"):
        RandomPiece(0).score(["violinne"])


def test_the_comfortable_range_of_a_violin_ends_at_the_third_f():
    assert comfortable_range(instrument("violin")) == (55, 89)
