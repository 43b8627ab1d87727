"""Performances: tempo, timing, dynamics and tuning that do what was drawn, and repeat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.music.performances import Performance
from helpers.music.scores import Note, Part, Score

PERFORMANCE = Performance(
    tempo=2.0,
    timing=0.0,
    accent=0.0,
    articulation=(0.5, 1.0),
    velocity=(10.0, -200.0),
    tuning=(50.0, 0.0),
    seed=1,
)
DUET = Score(
    "duet",
    (
        Part("violin", (Note(0.0, 1.0, 69.0, 80), Note(1.0, 0.5, 71.25, 100))),
        Part("cello", (Note(0.5, 2.0, 45.5, 64),)),
    ),
)


def test_performance_changes_tempo_articulation_loudness_and_tuning():
    first, second = PERFORMANCE.apply(DUET).parts
    assert first.notes == (Note(0.0, 0.25, 69.5, 90), Note(0.5, 0.125, 71.75, 110))
    assert second.notes == (Note(0.25, 1.0, 45.5, 1),)


def test_the_same_performance_is_played_twice_alike():
    performance = Performance.draw(np.random.default_rng(3), n_parts=2)
    assert performance == Performance.draw(np.random.default_rng(3), n_parts=2)
    assert performance.apply(DUET) == performance.apply(DUET)
    assert performance.apply(DUET) != replace(performance, seed=performance.seed + 1).apply(DUET)


def test_performance_for_another_number_of_parts_is_refused():
    with pytest.raises(ValueError, match="n_parts=1"):
        PERFORMANCE.apply(Score("solo", DUET.parts[:1]))


def chorale(seconds: float = 600.0, parts: int = 2) -> Score:
    """Half a second a note, all parts together."""
    notes = tuple(Note(time, 0.5, 60.0, 80) for time in np.arange(1.0, seconds, 0.5))
    return Score("long", tuple(Part("violin", notes) for _ in range(parts)))


def strict(parts: int = 2, **changes) -> Performance:
    """As written, but for `changes`."""
    still = (0.0,) * parts
    return Performance(1.0, 0.0, 0.0, (1.0,) * parts, still, still, 3, **changes)


def numbers(score: Score, name: str) -> np.ndarray:
    """One entry of all notes, (parts, notes)."""
    return np.array([[getattr(note, name) for note in part.notes] for part in score.parts])


def test_a_strict_performance_is_the_page():
    assert strict().apply(chorale(20.0)) == chorale(20.0)


@pytest.mark.parametrize("spread", [0.027, 0.049])
def test_onsets_of_two_players_differ_by_the_asynchrony_and_on_average_by_nothing(spread):
    page = chorale()
    late = numbers(strict(asynchrony=spread).apply(page), "onset") - numbers(page, "onset")
    assert np.std(late[0] - late[1]) == pytest.approx(spread, rel=0.1)
    assert np.std(late, axis=1) == pytest.approx([spread / np.sqrt(2)] * 2, rel=0.15)
    assert np.abs(late.mean(axis=1)).max() < 0.2 * spread
    assert abs(np.corrcoef(late)[0, 1]) < 0.2


def test_who_is_late_is_still_three_quarters_as_late_at_the_next_note():
    page = chorale(2000.0)
    late = numbers(strict(asynchrony=0.04).apply(page), "onset") - numbers(page, "onset")
    assert np.corrcoef(late[0][1:], late[0][:-1])[0, 1] == pytest.approx(0.75, abs=0.05)


def test_no_onset_moves_by_more_than_three_standard_deviations():
    page = chorale(2000.0)
    late = numbers(strict(asynchrony=0.04).apply(page), "onset") - numbers(page, "onset")
    assert np.abs(late).max() <= 3 * 0.04 / np.sqrt(2) + 1e-9


def test_phrases_swell_together_by_half_of_the_drawn_velocity_at_least():
    played = numbers(strict(swell=40.0).apply(chorale()), "velocity")
    reach = np.ptp(played, axis=1)
    assert np.all((reach >= 18) & (reach <= 40))
    assert np.corrcoef(played)[0, 1] > 0.99
    falls = np.diff(np.sign(np.diff(played[0]))) < 0
    assert 600 / 8.0 - 5 <= falls.sum() <= 600 / 3.0  # phrases of three to eight seconds


def test_softness_is_taken_from_every_velocity():
    assert np.all(numbers(strict(softness=30.0).apply(chorale(20.0)), "velocity") == 50)


def test_intonation_spreads_pitches_from_note_to_note():
    cents = 100 * (numbers(strict(intonation=10.0).apply(chorale()), "pitch") - 60.0)
    assert np.std(cents, axis=1) == pytest.approx([10.0, 10.0], rel=0.1)
    assert np.abs(cents.mean(axis=1)).max() < 1.0


def test_old_draws_are_what_they_were():
    rng = np.random.default_rng(3)
    tempo, timing, accent = 2.0 ** rng.uniform(-0.5, 0.5), rng.uniform(0, 0.025), rng.uniform(0, 10)
    articulation, velocity = rng.uniform(0.75, 1.05, 2), rng.normal(0, 12, 2)
    tuning, seed = rng.normal(0, 6, 2), rng.integers(2**31)
    after = rng.random()
    again = np.random.default_rng(3)
    manner = {"asynchrony": (0.02, 0.05), "swell": 40.0, "softness": 30.0, "intonation": 9.0}
    drawn = Performance.draw(again, 2, **manner)
    assert (drawn.tempo, drawn.timing, drawn.accent, drawn.seed) == (tempo, timing, accent, seed)
    assert drawn.articulation == tuple(articulation)
    assert (drawn.velocity, drawn.tuning) == (tuple(velocity), tuple(tuning))
    assert again.random() == after
    plain = Performance.draw(np.random.default_rng(3), 2)
    assert plain == replace(drawn, asynchrony=0.0, swell=0.0, softness=0.0, intonation=0.0)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_drawn_lies_within_what_was_asked_for(seed):
    manner = {"asynchrony": (0.027, 0.049), "swell": 40.0, "softness": 30.0, "timing": 0.0}
    drawn = Performance.draw(np.random.default_rng(seed), 4, **manner)
    assert drawn.timing == 0.0 and drawn.intonation == 0.0
    assert 0.027 <= drawn.asynchrony <= 0.049
    assert 0.0 < drawn.swell < 40.0 and 0.0 < drawn.softness < 30.0
