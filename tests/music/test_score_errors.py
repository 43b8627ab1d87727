"""Errors of a score: none is none, and each kind does what it says."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.music.score_errors import MAX_DEVIATION, ScoreErrors

NOTES = np.array([[0.5 * k, 0.5 * k + 0.4, 60.0 + k % 12] for k in range(2000)])
NONE = dict.fromkeys(vars(ScoreErrors()), 0.0)


def apply(notes=NOTES, **errors):
    return ScoreErrors(**{**NONE, **errors}).apply(notes, np.random.default_rng(0))


def test_without_errors_the_notes_stay():
    np.testing.assert_array_equal(apply(), NOTES)


def test_onsets_move_by_the_timing_and_a_whole_part_by_the_shift():
    moved = apply(timing=0.05)
    by = np.sort(moved[:, 0] - NOTES[:, 0])
    assert by.std() == pytest.approx(0.05, rel=0.1)
    assert np.abs(by).max() < MAX_DEVIATION * 0.05 + 1e-9
    shifted = apply(shift=0.05)[:, 0] - NOTES[:, 0]
    assert np.ptp(shifted) < 1e-9
    assert shifted[0] != 0.0


def test_durations_change_and_stay_positive():
    changed = apply(length=1.0)
    durations = changed[:, 1] - changed[:, 0]
    assert durations.min() > 0.0
    assert np.log(durations / 0.4).std() == pytest.approx(1.0, rel=0.1)


def test_a_share_of_the_notes_is_missing_wrong_extra_or_doubled():
    assert len(apply(missing=0.1)) == pytest.approx(1800, abs=60)
    wrong = apply(wrong=0.1)
    assert np.mean(wrong[:, 2] != NOTES[:, 2]) == pytest.approx(0.1, abs=0.03)
    extra = apply(extra=0.1)
    assert len(extra) == pytest.approx(2200, abs=60)
    octaves = apply(octaves=0.1)
    assert set(np.round(np.diff(np.unique(octaves[:, 2])), 6)) == {1.0}
    assert octaves[:, 2].max() == 60 + 11 + 12
    assert (np.diff(octaves[:, 0]) >= 0).all()


def test_a_drift_grows_from_the_first_note_to_the_last():
    late = apply(drift=0.1)[:, :2] - NOTES[:, :2]
    np.testing.assert_allclose(late[0], 0.0, atol=1e-9)
    assert 0.0 < abs(late[-1, 0]) <= MAX_DEVIATION * 0.1
    np.testing.assert_allclose(np.diff(late[:, 0], 2), 0.0, atol=1e-9)
    np.testing.assert_allclose(late[:, 0], late[:, 1])


def test_an_ornament_is_a_short_neighbour_at_the_beginning_of_a_note():
    ornamented = apply(ornaments=0.1)
    short = ornamented[ornamented[:, 1] - ornamented[:, 0] < 0.2]
    assert len(short) == len(ornamented) - len(NOTES) == pytest.approx(200, abs=50)
    pitches = dict(NOTES[:, [0, 2]].tolist())
    assert {abs(pitch - pitches[onset]) for onset, _, pitch in short.tolist()} == {1.0, 2.0}


def test_the_tuning_of_a_part_is_one():
    tuned = apply(tuning=20.0)[:, 2] - NOTES[:, 2]
    assert np.ptp(tuned) < 1e-9
    assert 0.0 < abs(tuned[0]) <= 0.6


def test_a_part_without_notes_stays_empty():
    assert ScoreErrors().apply(np.zeros((0, 3)), np.random.default_rng(0)).shape == (0, 3)


def test_drawn_errors_lie_between_zero_and_their_limits():
    drawn = [ScoreErrors().draw(np.random.default_rng(seed)) for seed in range(100)]
    timing = np.array([errors.timing for errors in drawn])
    assert timing.min() >= 0.0
    assert timing.max() <= ScoreErrors().timing
    assert np.median(timing) < 0.5 * ScoreErrors().timing
