"""Ensembles are drawn from the given instruments, and every part is in range."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from helpers.music import ensembles
from helpers.music.arrangements import Excerpt, arrangement
from helpers.music.ensembles import REPERTOIRE, draw_ensemble, ensemble_score
from helpers.music.instruments import instrument

TEN = ("violin", "viola", "cello", "flute", "oboe", "clarinet", "saxophone", "bassoon")
TEN += ("horn", "piano")
CHORALE = Excerpt("bwv10.7", 0.0, 12.0)


def drawn(instruments: tuple[str, ...], count: int = 2000) -> list[tuple[str, ...]]:
    rng = np.random.default_rng(0)
    return [draw_ensemble(rng, instruments) for _ in range(count)]


def test_an_ensemble_is_two_to_four_different_players_and_one_keyboard_at_the_most():
    for ensemble in drawn((*TEN, "organ")):
        assert 2 <= len(ensemble) <= 4
        assert len(set(ensemble)) == len(ensemble)
        assert len({"piano", "organ"} & set(ensemble)) <= 1


def test_about_half_of_the_ensembles_are_of_the_repertoire_and_all_instruments_occur():
    found = drawn(TEN)
    known = {tuple(sorted(each)) for each in REPERTOIRE if len(each) == len(set(each)) <= 4}
    share = np.mean([tuple(sorted(each)) in known for each in found])
    assert 0.5 < share < 0.65  # some of the others are of the repertoire by chance
    counts = Counter(name for each in found for name in each)
    assert set(counts) == set(TEN)
    assert min(counts.values()) > 0.1 * len(found)


def test_the_repertoire_uses_instrument_names_and_has_each_ensemble_once():
    assert len({tuple(sorted(each)) for each in REPERTOIRE}) == len(REPERTOIRE)
    assert all(instrument(name).name == name for each in REPERTOIRE for name in each)


def test_instruments_that_form_no_ensemble_are_refused_by_name():
    with pytest.raises(ValueError, match="piano, organ: these form no ensemble"):
        draw_ensemble(np.random.default_rng(0), ("piano", "organ"))


def test_every_player_of_an_ensemble_has_notes_within_its_range():
    for seed in range(20):
        score = ensemble_score(np.random.default_rng(seed), CHORALE, TEN)
        for part in score.parts:
            row = instrument(part.instrument)
            assert part.notes
            assert all(row.low <= note.pitch <= row.high for note in part.notes)


#: What `draw_ensemble` drew of TEN with seed 0 before there were doubles and larger ensembles.
BEFORE = [
    ("horn", "violin", "cello"),
    ("saxophone", "piano", "oboe", "clarinet"),
    ("saxophone", "violin", "horn"),
    ("oboe", "clarinet", "bassoon"),
]


def test_without_doubles_the_same_ensembles_are_drawn_as_before():
    assert drawn(TEN, 4) == BEFORE


def test_doubles_have_two_of_one_instrument_which_is_no_keyboard():
    rng = np.random.default_rng(0)
    ensembles = [draw_ensemble(rng, (*TEN, "organ"), doubles=0.5) for _ in range(1000)]
    doubled = [each for each in ensembles if len(set(each)) < len(each)]
    assert 0.45 < len(doubled) / len(ensembles) < 0.55
    for each in ensembles:
        twice = [name for name, count in Counter(each).items() if count > 1]
        assert len(twice) <= 1 and len(each) <= 4 and not {"piano", "organ"} & set(twice)
    assert ("violin", "violin", "viola", "cello") in doubled
    assert draw_ensemble(rng, ("violin", "piano"), doubles=1.0).count("violin") == 2


def test_larger_ensembles_have_up_to_seven_players():
    rng = np.random.default_rng(0)
    ensembles = [draw_ensemble(rng, TEN, 0.5, most_players=7) for _ in range(1000)]
    assert {len(each) for each in ensembles} == {2, 3, 4, 5, 6, 7}
    assert ("flute", "oboe", "clarinet", "horn", "bassoon") in ensembles


def score_of(
    ensemble: tuple[str, ...], seed: int, monkeypatch, seconds: float = 40.0, doubled: float = 0.0
):
    monkeypatch.setattr(ensembles, "draw_ensemble", lambda *_: ensemble)
    excerpt = Excerpt("bwv10.7", 0.0, seconds)
    return ensemble_score(np.random.default_rng(seed), excerpt, TEN, doubled_lines=doubled)


def test_a_string_quartet_has_two_numbered_violins_with_lines_of_their_own(monkeypatch):
    score = score_of(("violin", "violin", "viola", "cello"), 0, monkeypatch)
    assert [(part.instrument, part.number) for part in score.parts] == [
        ("violin", 1), ("violin", 2), ("viola", None), ("cello", None),
    ]  # fmt: skip
    heights = [np.mean([note.pitch for note in part.notes]) for part in score.parts]
    assert heights == sorted(heights, reverse=True)
    assert score.parts[0].notes != score.parts[1].notes


def test_two_play_only_instruments_of_which_there_may_be_two():
    rng = np.random.default_rng(0)
    three = ("violin", "horn", "guitar", "piano")
    ensembles = [draw_ensemble(rng, three, 0.8, twice=("violin", "horn")) for _ in range(500)]
    counts = Counter(name for each in ensembles for name, n in Counter(each).items() if n > 1)
    assert set(counts) == {"violin", "horn"}
    assert sum(counts.values()) / len(ensembles) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("size", [5, 6, 7])
def test_players_of_a_large_ensemble_double_lines_in_octaves_and_thirds(size, monkeypatch):
    ensemble = ("violin", "violin", "viola", "cello", "clarinet", "flute", "horn")[:size]
    distances = Counter()
    for seed in range(8):
        parts = score_of(ensemble, seed, monkeypatch, doubled=1.0).parts
        assert sorted(part.instrument for part in parts) == sorted(ensemble)
        own, further = parts[:4], parts[4:]
        for part in further:
            row = instrument(part.instrument)
            assert all(row.low <= note.pitch <= row.high for note in part.notes)
            (doubled,) = {
                tuple(n.pitch - d.pitch for n, d in zip(part.notes, other.notes, strict=True))
                for other in own
                if [n.onset for n in other.notes] == [n.onset for n in part.notes]
            }
            distances.update(abs(steps) % 12 for steps in doubled)
            assert sum(steps == 0 for steps in doubled) < 0.2 * len(doubled)
        times = [time for part in parts for time in (note.onset for note in part.notes)]
        together = [
            sum(any(n.onset <= t < n.onset + n.duration for n in part.notes) for part in parts)
            for t in times
        ]
        assert np.mean(together) > size - 0.5
    assert set(distances) <= {0, 3, 4, 8, 9} and 0.2 < distances[0] / sum(distances.values()) < 0.8


@pytest.mark.parametrize("size", [5, 6, 7])
def test_players_of_a_large_ensemble_take_turns_and_no_note_is_lost(size, monkeypatch):
    ensemble = ("violin", "violin", "viola", "cello", "piano", "clarinet", "flute")[:size]
    shared = score_of(ensemble, 1, monkeypatch)
    assert sorted(part.instrument for part in shared.parts) == sorted(ensemble)
    written = arrangement(Excerpt("bwv10.7", 0.0, 40.0), ("violin", "viola", "cello", "piano"))
    onsets = [sorted(n.onset for p in score.parts for n in p.notes) for score in (shared, written)]
    assert onsets[0] == onsets[1]
    for part in shared.parts:
        row = instrument(part.instrument)
        assert part.notes
        assert all(row.low <= note.pitch <= row.high for note in part.notes)


def test_shuffled_registers_give_the_lower_instrument_the_higher_line():
    above = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        score = ensemble_score(rng, CHORALE, ("violin", "clarinet"), shuffled_registers=0.4)
        height = {p.instrument: np.mean([note.pitch for note in p.notes]) for p in score.parts}
        above.append(height["violin"] > height["clarinet"])
    assert 0.6 < np.mean(above) < 0.95
