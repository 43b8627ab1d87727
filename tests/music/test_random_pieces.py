"""Random pieces are music of one key and beat, in reach of their players; names find scores."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from helpers.music.arrangements import arrangement, comfort
from helpers.music.instruments import INSTRUMENTS, instrument
from helpers.music.random_pieces import Style, excerpts, piece_score, random_piece

TRIO = ("violin", "cello", "piano")


def test_a_random_piece_is_a_function_of_seed_number_and_instruments():
    assert random_piece(12, TRIO, seed=3) == random_piece(12, TRIO, seed=3)
    assert random_piece(12, TRIO, seed=3) != random_piece(12, TRIO, seed=4)
    assert random_piece(12, TRIO).parts != random_piece(13, TRIO).parts
    assert random_piece(12, TRIO).parts[0].notes != random_piece(12, ("flute",)).parts[0].notes


def test_a_random_piece_is_called_by_its_number_and_played_by_whom_one_asks():
    score = random_piece(12, ("fl", "Violin II", "violin"))
    assert score.title == "random-00012"
    assert [part.instrument for part in score.parts] == ["flute", "violin", "violin"]
    assert score.parts[1].notes != score.parts[2].notes


@pytest.mark.parametrize("row", INSTRUMENTS, ids=lambda row: row.name)
def test_every_instrument_plays_within_its_comfortable_range(row):
    low, high = (row.low, row.high) if row.family == "keyboard" else comfort(row)
    notes = [note for i in range(20) for note in random_piece(i, [row.name]).parts[0].notes]
    assert row.low <= low <= min(note.pitch for note in notes)
    assert max(note.pitch for note in notes) <= high <= row.high
    assert all(1 <= note.velocity <= 127 for note in notes)


def test_the_notes_of_all_parts_lie_in_one_scale_but_for_a_few():
    for number in range(20):
        parts = random_piece(number, TRIO, seconds=60.0).parts
        classes = Counter(note.pitch % 12 for part in parts for note in part.notes)
        in_scale = sum(count for _, count in classes.most_common(7))
        assert in_scale / classes.total() > 0.8


def test_the_notes_of_all_parts_begin_on_one_grid_of_eighths():
    parts = random_piece(5, TRIO, seed=2, seconds=30.0).parts
    eighth = 30.0 / Style.draw(np.random.default_rng([2, 5])).tempo
    onsets = np.array([note.onset for part in parts for note in part.notes])
    np.testing.assert_allclose(onsets / eighth, np.round(onsets / eighth), atol=1e-6)


@pytest.mark.parametrize("name", ["violin", "cello", "flute", "horn"])
def test_a_line_sounds_one_note_at_a_time(name):
    notes = random_piece(7, [name], seconds=60.0).parts[0].notes
    ends = [note.onset + note.duration for note in notes]
    assert all(end <= after.onset + 1e-9 for end, after in zip(ends, notes[1:], strict=False))


def test_a_piano_sounds_one_to_four_notes_and_never_strikes_a_sounding_key():
    sizes = set()
    for number in range(20):
        notes = random_piece(number, ["piano"], seconds=20.0).parts[0].notes
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
        score = random_piece(number, TRIO, seconds=4.0)
        assert 1.0 < score.seconds <= 4.0
        assert all(part.notes for part in score.parts)


def test_a_longer_piece_begins_like_the_shorter_one():
    short, long = (random_piece(1, TRIO, seconds=seconds) for seconds in (5.0, 20.0))
    for part, longer in zip(short.parts, long.parts, strict=True):
        whole = [note for note in part.notes if note.onset + note.duration < 4.9]
        assert tuple(whole) == longer.notes[: len(whole)]


def test_an_unknown_instrument_is_refused():
    with pytest.raises(KeyError, match="no instrument 'violine'"):
        random_piece(0, ["violine"])


def test_a_violin_is_at_ease_from_its_open_g_to_the_third_f_above():
    assert comfort(instrument("violin")) == (55, 89)


def test_a_score_is_found_by_the_name_of_a_random_piece():
    assert piece_score("random-00012", TRIO, seed=3) == random_piece(12, TRIO, seed=3)
    assert piece_score("random-00012", TRIO, seconds=9.0) == random_piece(12, TRIO, seconds=9.0)
    assert piece_score(random_piece(123456, TRIO).title, TRIO) == random_piece(123456, TRIO)


def test_a_score_is_found_by_the_name_of_a_work_or_an_excerpt():
    assert piece_score("bwv269", TRIO) == arrangement("bwv269", TRIO)
    assert piece_score("bwv269@0030", TRIO) == arrangement("bwv269", TRIO, start=30.0)
    assert piece_score("bwv269@0012.5-0020", TRIO) == arrangement("bwv269", TRIO, 12.5, 7.5)


def test_every_excerpt_is_called_what_piece_score_calls_it():
    for name in excerpts("bwv269", 12.5):
        score = piece_score(name, TRIO)
        assert score.title == name
        assert score.seconds <= 12.5


def test_a_name_that_is_nothing_is_refused():
    with pytest.raises(KeyError, match="No split has a work 'random-x'"):
        piece_score("random-x", TRIO)
