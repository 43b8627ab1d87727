"""Who plays what: lines in the order of their players, nothing out of reach, keyboards the rest."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.music import arrangements, corpus
from helpers.music.arrangements import arrangement, comfort, excerpts
from helpers.music.instruments import instrument
from helpers.music.scores import CHORALE_QUARTET, Note, corpus_score

CHORALE = "bwv269"
BEAT = 60.0 / 72.0  # seconds
SOPRANO, ALTO, TENOR, BASS = range(4)


@pytest.fixture
def toy(monkeypatch):
    """Register the work `toy`: a function of its kind and its parts, each a list of notes."""

    def register(kind: str, *parts: list[tuple[float, float, int]]) -> str:
        named = [{"name": "", "notes": [list(note) for note in part]} for part in parts]
        monkeypatch.setattr(corpus, "work", {"toy": named}.__getitem__)
        monkeypatch.setattr(arrangements, "kind_of", {"toy": kind}.__getitem__)
        monkeypatch.setitem(arrangements.TEMPO, kind, 60.0)
        return "toy"

    return register


def events(part) -> list[tuple[float, float, float]]:
    return [(note.onset, note.duration, note.pitch) for note in part.notes]


def voice(line: int, octave: int = 0) -> list[tuple[float, float, float]]:
    """A voice of the chorale in seconds, some octaves higher."""
    notes = corpus.work(CHORALE)[line]["notes"]
    return [(on * BEAT, length * BEAT, pitch + 12.0 * octave) for on, length, pitch in notes]


def test_the_chorale_quartet_plays_the_chorale_as_it_is_written():
    assert arrangement(CHORALE, CHORALE_QUARTET) == corpus_score(CHORALE)


@pytest.mark.parametrize(
    ("ensemble", "lines"),
    [
        (("violin", "cello"), (SOPRANO, BASS)),
        (("cello", "violin"), (BASS, SOPRANO)),
        (("violin", "flute"), (ALTO, SOPRANO)),
        (("violin", "viola", "cello"), (SOPRANO, ALTO, BASS)),
        (("horn", "flute", "bassoon"), (TENOR, SOPRANO, BASS)),
        (("cello", "violin", "viola", "violin"), (BASS, SOPRANO, TENOR, ALTO)),
        (("flute",), (SOPRANO,)),
        (("bassoon",), (BASS,)),
    ],
)
def test_lines_go_by_register_whatever_the_order_of_the_players(ensemble, lines):
    parts = arrangement(CHORALE, ensemble).parts
    assert [part.instrument for part in parts] == list(ensemble)
    for part, line in zip(parts, lines, strict=True):
        np.testing.assert_allclose(events(part), voice(line))


@pytest.mark.parametrize(
    ("ensemble", "left"),
    [
        (("violin", "piano"), (ALTO, TENOR, BASS)),
        (("cello", "piano"), (SOPRANO, ALTO, TENOR)),
        (("piano", "violin", "cello"), (ALTO, TENOR)),
        (("violin", "viola", "cello", "harpsichord"), (TENOR,)),
        (("piano",), (SOPRANO, ALTO, TENOR, BASS)),
    ],
)
def test_a_keyboard_plays_all_lines_that_remain(ensemble, left):
    parts = arrangement(CHORALE, ensemble).parts
    (keys,) = (p for p in parts if instrument(p.instrument).family == "keyboard")
    written = {(round(on, 6), pitch) for line in left for on, _, pitch in voice(line)}
    assert {(round(note.onset, 6), note.pitch) for note in keys.notes} == written


def test_a_piccolo_sings_the_soprano_an_octave_higher():
    (part,) = arrangement(CHORALE, ["piccolo"]).parts
    np.testing.assert_allclose(events(part), voice(SOPRANO, octave=1))


@pytest.mark.parametrize("ensemble", [("flute", "violin", "cello", "tuba"), ("piccolo", "piano")])
@pytest.mark.parametrize("work", [CHORALE, "mozart/k80/movement1"])
def test_no_note_is_out_of_reach(work, ensemble):
    for part in arrangement(work, ensemble).parts:
        row = instrument(part.instrument)
        assert all(row.low <= note.pitch <= row.high for note in part.notes)


def test_single_notes_beyond_the_range_sound_an_octave_nearer(toy):
    low, high = comfort(instrument("flute"))
    notes = [(beat, 1, pitch) for beat, pitch in enumerate([low - 1, 70, 72, 74, 76, 103])]
    (part,) = arrangement(toy("quartet", notes), ["flute"]).parts
    assert [note.pitch for note in part.notes] == [low + 11, 70, 72, 74, 76, 91]
    assert high < 91 < instrument("flute").high


def test_of_double_stops_the_soprano_plays_the_upper_and_the_bass_the_lower_note(toy):
    stops = [(0, 1, 67), (0, 1, 74), (1, 2, 76), (1.5, 0.5, 60)]
    low = [(on, length, pitch - 24) for on, length, pitch in stops]
    violin, cello = arrangement(toy("quartet", stops, low), ["violin", "cello"]).parts
    assert events(violin) == [(0, 1, 74), (1, 2, 76)]
    assert events(cello) == [(0, 1, 43), (1, 0.5, 52), (1.5, 0.5, 36)]


def test_a_line_sounds_one_note_at_a_time():
    for part in arrangement("mozart/k80/movement1", ("violin", "violin", "viola", "cello")).parts:
        ends = [note.onset + note.duration for note in part.notes]
        assert all(end <= n.onset + 2e-3 for end, n in zip(ends, part.notes[1:], strict=False))


def test_a_part_without_notes_is_no_line(toy):
    work = toy("quartet", [], [(0, 1, 60)], [(0, 1, 40)])
    violin, cello = arrangement(work, ["violin", "cello"]).parts
    assert (violin.notes[0].pitch, cello.notes[0].pitch) == (60, 40)
    with pytest.raises(ValueError, match="violin, violin, cello cannot share 2 lines"):
        arrangement(work, ["violin", "violin", "cello"])


def test_a_key_is_let_go_before_it_is_struck_again(toy):
    work = toy("piano", [(0, 4, 60), (2, 1, 60)], [(0, 1, 60), (1, 1, 48)])
    (piano,) = arrangement(work, ["piano"]).parts
    assert events(piano) == [(0, 2, 60), (1, 1, 48), (2, 1, 60)]


def test_an_excerpt_is_what_sounds_between_two_moments(toy):
    line = [(0, 1.5, 60), (1.5, 1, 62), (2.5, 2, 64), (4.5, 1, 65)]
    score = arrangement(toy("quartet", line), ["violin"], start=2.0, seconds=2.0)
    assert score.title == "toy@0002-0004"
    assert score.parts[0].notes == (Note(0.0, 0.5, 62.0), Note(0.5, 1.5, 64.0))


def test_a_note_of_which_hardly_anything_remains_is_not_struck_again(toy):
    line = [(0, 2.05, 60), (2.05, 1, 62)]
    (part,) = arrangement(toy("quartet", line), ["violin"], start=2.0).parts
    assert [note.pitch for note in part.notes] == [62]


def test_excerpts_put_end_to_end_are_the_work():
    whole = arrangement(CHORALE, ["violin"]).parts[0]
    sounding = sum(note.duration for note in whole.notes)
    names = excerpts(CHORALE, 10.0)
    assert names[:2] == ["bwv269@0000-0010", "bwv269@0010-0020"]
    assert len(names) == int(corpus_score(CHORALE).seconds // 10.0)
    rest = arrangement(CHORALE, ["violin"], start=10.0 * len(names))
    pieces = [arrangement(CHORALE, ["violin"], 10.0 * i, 10.0) for i in range(len(names))]
    cut = sum(note.duration for piece in [*pieces, rest] for note in piece.parts[0].notes)
    assert cut == pytest.approx(sounding)


def test_a_work_shorter_than_an_excerpt_is_one():
    assert excerpts(CHORALE, 1000.0) == ["bwv269@0000-1000"]


def test_every_excerpt_keeps_the_octave_of_the_work(toy):
    work = toy("quartet", [(beat, 1, 50) for beat in range(8)] + [(8, 1, 72)])
    (part,) = arrangement(work, ["flute"], start=8.0).parts
    assert [note.pitch for note in part.notes] == [84]


@pytest.mark.parametrize(
    ("kind", "ensemble", "said"),
    [
        ("piano", ("violin", "piano"), "toy: this is music for piano alone, not for violin, piano"),
        ("piano", ("violin",), "give 'piano'"),
        ("quartet", ("piano", "organ"), "piano, organ are 2 keyboards"),
        ("quartet", (), "nobody cannot share 2 lines"),
        ("quartet", ("violin",) * 3, "give 1 to 2 of them"),
    ],
)
def test_ensembles_that_a_work_does_not_suit_are_refused(toy, kind, ensemble, said):
    with pytest.raises(ValueError, match=said):
        arrangement(toy(kind, [(0, 1, 60)], [(0, 1, 40)]), ensemble)


def test_an_excerpt_after_the_end_is_refused(toy):
    with pytest.raises(ValueError, match=r"toy: nothing lies between 9 and 12 s; it lasts 4\.0 s"):
        arrangement(toy("quartet", [(0, 4, 60)]), ["violin"], start=9.0, seconds=3.0)


@pytest.mark.parametrize("work", ["bwv255", "haydn/opus74no1/movement9", "schubert/Lindenbaum"])
def test_works_that_are_in_no_split_are_refused(work):
    with pytest.raises(KeyError, match=f"No split has a work '{work}'"):
        arrangement(work, ["violin"])
