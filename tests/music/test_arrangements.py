"""Lines are assigned by register, nothing is out of range, keyboards play the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.music import arrangements, corpus
from helpers.music.arrangements import Excerpt, arrangement, comfortable_range, excerpts
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


def test_the_chorale_quartet_plays_the_chorale_as_written():
    assert arrangement(Excerpt(CHORALE), CHORALE_QUARTET) == corpus_score(CHORALE)


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
    parts = arrangement(Excerpt(CHORALE), ensemble).parts
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
def test_a_keyboard_plays_all_remaining_lines(ensemble, left):
    parts = arrangement(Excerpt(CHORALE), ensemble).parts
    (keys,) = (p for p in parts if instrument(p.instrument).family == "keyboard")
    written = {(round(on, 6), pitch) for line in left for on, _, pitch in voice(line)}
    assert {(round(note.onset, 6), note.pitch) for note in keys.notes} == written


def test_a_piccolo_plays_the_soprano_an_octave_higher():
    (part,) = arrangement(Excerpt(CHORALE), ["piccolo"]).parts
    np.testing.assert_allclose(events(part), voice(SOPRANO, octave=1))


@pytest.mark.parametrize("ensemble", [("flute", "violin", "cello", "tuba"), ("piccolo", "piano")])
@pytest.mark.parametrize("work", [CHORALE, "mozart/k80/movement1"])
def test_no_note_is_out_of_range(work, ensemble):
    for part in arrangement(Excerpt(work), ensemble).parts:
        row = instrument(part.instrument)
        assert all(row.low <= note.pitch <= row.high for note in part.notes)


def test_single_notes_beyond_the_range_sound_an_octave_nearer(toy):
    low, high = comfortable_range(instrument("flute"))
    notes = [(beat, 1, pitch) for beat, pitch in enumerate([low - 1, 70, 72, 74, 76, 103])]
    (part,) = arrangement(Excerpt(toy("quartet", notes)), ["flute"]).parts
    assert [note.pitch for note in part.notes] == [low + 11, 70, 72, 74, 76, 91]
    assert high < 91 < instrument("flute").high


def test_of_double_stops_the_soprano_plays_the_upper_and_the_bass_the_lower_note(toy):
    stops = [(0, 1, 67), (0, 1, 74), (1, 2, 76), (1.5, 0.5, 60)]
    low = [(on, length, pitch - 24) for on, length, pitch in stops]
    violin, cello = arrangement(Excerpt(toy("quartet", stops, low)), ["violin", "cello"]).parts
    assert events(violin) == [(0, 1, 74), (1, 2, 76)]
    assert events(cello) == [(0, 1, 43), (1, 0.5, 52), (1.5, 0.5, 36)]


def test_a_line_is_monophonic():
    quartet = ("violin", "violin", "viola", "cello")
    for part in arrangement(Excerpt("mozart/k80/movement1"), quartet).parts:
        ends = [note.onset + note.duration for note in part.notes]
        assert all(end <= n.onset + 2e-3 for end, n in zip(ends, part.notes[1:], strict=False))


def test_a_part_without_notes_is_no_line(toy):
    work = toy("quartet", [], [(0, 1, 60)], [(0, 1, 40)])
    violin, cello = arrangement(Excerpt(work), ["violin", "cello"]).parts
    assert (violin.notes[0].pitch, cello.notes[0].pitch) == (60, 40)
    with pytest.raises(ValueError, match="violin, violin, cello cannot share 2 lines"):
        arrangement(Excerpt(work), ["violin", "violin", "cello"])


def test_a_key_is_released_before_it_is_struck_again(toy):
    work = toy("piano", [(0, 4, 60), (2, 1, 60)], [(0, 1, 60), (1, 1, 48)])
    (piano,) = arrangement(Excerpt(work), ["piano"]).parts
    assert events(piano) == [(0, 2, 60), (1, 1, 48), (2, 1, 60)]


def test_an_excerpt_is_the_score_between_two_times(toy):
    line = [(0, 1.5, 60), (1.5, 1, 62), (2.5, 2, 64), (4.5, 1, 65)]
    score = arrangement(Excerpt(toy("quartet", line), 2.0, 4.0), ["violin"])
    assert score.title == "toy@0002-0004"
    assert score.parts[0].notes == (Note(0.0, 0.5, 62.0), Note(0.5, 1.5, 64.0))


def test_a_very_short_rest_of_a_note_is_dropped(toy):
    line = [(0, 2.05, 60), (2.05, 1, 62)]
    (part,) = arrangement(Excerpt(toy("quartet", line), 2.0), ["violin"]).parts
    assert [note.pitch for note in part.notes] == [62]


def test_consecutive_excerpts_are_the_work():
    whole = arrangement(Excerpt(CHORALE), ["violin"]).parts[0]
    sounding = sum(note.duration for note in whole.notes)
    parts = excerpts(CHORALE, 10.0)
    assert parts[:2] == [Excerpt(CHORALE, 0.0, 10.0), Excerpt(CHORALE, 10.0, 20.0)]
    assert len(parts) == int(corpus_score(CHORALE).seconds // 10.0)
    parts.append(Excerpt(CHORALE, 10.0 * len(parts)))
    scores = [arrangement(excerpt, ["violin"]) for excerpt in parts]
    assert all(score.seconds <= 10.0 for score in scores[:-1])
    cut = sum(note.duration for score in scores for note in score.parts[0].notes)
    assert cut == pytest.approx(sounding)


def test_a_work_shorter_than_an_excerpt_is_one():
    assert excerpts(CHORALE, 1000.0) == [Excerpt(CHORALE, 0.0, 1000.0)]


@pytest.mark.parametrize(
    ("excerpt", "title"),
    [
        (Excerpt("bwv269"), "bwv269"),
        (Excerpt("bwv269", 30.0), "bwv269@0030"),
        (Excerpt("bwv269", 12.5, 20.0), "bwv269@12.5-0020"),
    ],
)
def test_the_title_says_work_start_and_end_and_the_name_the_ensemble(excerpt, title):
    assert excerpt.title == str(excerpt) == title
    assert arrangement(excerpt, ["violin"]).title == title
    duo = replace(excerpt, ensemble=("violin", "cello"))
    assert (duo.title, str(duo)) == (title, f"ensemble-violin-cello/{title}")


def test_every_excerpt_keeps_the_octave_of_the_work(toy):
    work = toy("quartet", [(beat, 1, 50) for beat in range(8)] + [(8, 1, 72)])
    (part,) = arrangement(Excerpt(work, 8.0), ["flute"]).parts
    assert [note.pitch for note in part.notes] == [84]


@pytest.mark.parametrize(
    ("kind", "ensemble", "message"),
    [
        ("piano", ("violin", "piano"), "toy: this is music for solo piano, not for violin, piano"),
        ("piano", ("violin",), "use 'piano'"),
        ("quartet", ("piano", "organ"), "piano, organ are 2 keyboards"),
        ("quartet", (), "no instrument cannot share 2 lines"),
        ("quartet", ("violin",) * 3, "use 1 to 2 of them"),
    ],
)
def test_unsuitable_ensembles_are_refused(toy, kind, ensemble, message):
    with pytest.raises(ValueError, match=message):
        arrangement(Excerpt(toy(kind, [(0, 1, 60)], [(0, 1, 40)])), ensemble)


def test_an_excerpt_after_the_end_is_refused(toy):
    with pytest.raises(
        ValueError, match=r"toy: .* nothing between 9 and 12 s; the work lasts 4\.0 s"
    ):
        arrangement(Excerpt(toy("quartet", [(0, 4, 60)]), 9.0, 12.0), ["violin"])


@pytest.mark.parametrize("work", ["bwv255", "haydn/opus74no1/movement9", "schubert/Lindenbaum"])
def test_works_in_no_split_are_refused(work):
    with pytest.raises(KeyError, match=f"No split has a work '{work}'"):
        arrangement(Excerpt(work), ["violin"])
