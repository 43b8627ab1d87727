"""Ensembles are drawn from the given instruments, and every part is in range."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from helpers.music.arrangements import Excerpt
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
    ensembles = drawn(TEN)
    known = {tuple(sorted(each)) for each in REPERTOIRE}
    share = np.mean([tuple(sorted(each)) in known for each in ensembles])
    assert 0.5 < share < 0.65  # some of the others are of the repertoire by chance
    counts = Counter(name for each in ensembles for name in each)
    assert set(counts) == set(TEN)
    assert min(counts.values()) > 0.1 * len(ensembles)


def test_the_repertoire_uses_instrument_names_and_has_each_ensemble_once():
    assert len({frozenset(each) for each in REPERTOIRE}) == len(REPERTOIRE)
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


def test_shuffled_registers_give_the_lower_instrument_the_higher_line():
    above = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        score = ensemble_score(rng, CHORALE, ("violin", "clarinet"), shuffled_registers=0.4)
        height = {p.instrument: np.mean([note.pitch for note in p.notes]) for p in score.parts}
        above.append(height["violin"] > height["clarinet"])
    assert 0.6 < np.mean(above) < 0.95


def piano(piano_texture: float, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    (part,) = ensemble_score(rng, CHORALE, ("violin", "piano"), piano_texture=piano_texture).parts[
        1:
    ]
    return part.notes


def test_a_pianist_adds_octaves_and_holds_notes_with_the_pedal_within_the_range():
    more, longer = [], []
    for seed in range(40):
        plain, played = piano(0.0, seed), piano(0.5, seed)
        struck = {(note.onset, note.pitch) for note in played}
        assert {(note.onset, note.pitch) for note in plain} <= struck
        assert len(struck) == len(played)
        assert all(21 <= note.pitch <= 108 and note.duration > 0 for note in played)
        more.append(len(played) > len(plain))
        lengths = {(note.onset, note.pitch): note.duration for note in played}
        longer.append(any(lengths[n.onset, n.pitch] > n.duration + 1e-9 for n in plain))
    assert 0.3 < np.mean(more) < 0.7
    assert 0.3 < np.mean(longer) < 0.7


def test_no_key_is_struck_while_it_sounds():
    for seed in range(10):
        free = {}
        for note in piano(1.0, seed):
            assert note.onset >= free.get(note.pitch, 0.0) - 1e-9
            free[note.pitch] = note.onset + note.duration
