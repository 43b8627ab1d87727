"""Performances do what was drawn, and are repeatable."""

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


def test_performance_changes_tempo_articulation_velocity_and_tuning():
    first, second = PERFORMANCE.apply(DUET).parts
    assert first.notes == (Note(0.0, 0.25, 69.5, 90), Note(0.5, 0.125, 71.75, 110))
    assert second.notes == (Note(0.25, 1.0, 45.5, 1),)


def test_the_same_performance_is_played_the_same_twice():
    performance = Performance.draw(np.random.default_rng(3), n_parts=2)
    assert performance == Performance.draw(np.random.default_rng(3), n_parts=2)
    assert performance.apply(DUET) == performance.apply(DUET)
    assert performance.apply(DUET) != replace(performance, seed=performance.seed + 1).apply(DUET)


def test_performance_for_another_number_of_parts_is_refused():
    with pytest.raises(ValueError, match="n_parts=1"):
        PERFORMANCE.apply(Score("solo", DUET.parts[:1]))


def test_the_order_of_the_draws_is_fixed():
    rng = np.random.default_rng(3)
    tempo, timing, accent = 2.0 ** rng.uniform(-0.5, 0.5), rng.uniform(0, 0.025), rng.uniform(0, 10)
    articulation, velocity = rng.uniform(0.75, 1.05, 2), rng.normal(0, 12, 2)
    tuning, seed = rng.normal(0, 6, 2), rng.integers(2**31)
    after = rng.random()
    again = np.random.default_rng(3)
    drawn = Performance.draw(again, 2)
    assert (drawn.tempo, drawn.timing, drawn.accent, drawn.seed) == (tempo, timing, accent, seed)
    assert drawn.articulation == tuple(articulation)
    assert (drawn.velocity, drawn.tuning) == (tuple(velocity), tuple(tuning))
    assert again.random() == after


def test_no_onset_moves_by_more_than_three_standard_deviations():
    notes = tuple(Note(time, 0.5, 60.0, 80) for time in np.arange(1.0, 2000.0, 0.5))
    performance = Performance(1.0, 0.02, 0.0, (1.0,), (0.0,), (0.0,), 3)
    (played,) = performance.apply(Score("long", (Part("violin", notes),))).parts
    late = np.array([n.onset for n in played.notes]) - [n.onset for n in notes]
    assert np.abs(late).max() == pytest.approx(0.06)


def test_a_player_lags_by_the_same_time_at_every_note_and_tuning_is_from_player_to_player():
    rng = np.random.default_rng(5)
    drawn = Performance.draw(rng, 400, timing=0.0, accent=0.0, lag=0.01, tuning=3.0)
    assert np.std(drawn.lag) == pytest.approx(0.01, rel=0.1)
    assert np.std(drawn.tuning) == pytest.approx(3.0, rel=0.1)
    one = Performance(1.0, 0.0, 0.0, (1.0,), (0.0,), (0.0,), 0, lag=(0.02,))
    part = Part("violin", tuple(Note(1.0 + i, 0.5, 69.0) for i in range(4)))
    (played,) = one.apply(Score("one", (part,))).parts
    assert [note.onset for note in played.notes] == pytest.approx([1.02, 2.02, 3.02, 4.02])


def test_without_a_lag_a_performance_is_drawn_as_before():
    plain, late = (Performance.draw(np.random.default_rng(1), 3, lag=lag) for lag in (0.0, 0.1))
    assert plain.lag == () and len(late.lag) == 3
    assert (plain.tempo, plain.tuning, plain.seed) == (late.tempo, late.tuning, late.seed)
