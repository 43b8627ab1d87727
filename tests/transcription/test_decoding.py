"""Notes out of evidence in frames, where the likeliest ones are known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from helpers.transcription.decoding import Costs, decode_keys, decode_line

COSTS = Costs(begin=3.0, end=1.0, again=1.0)


def evidence(states: list[int], count: int = 3, odds: float = 2.0):
    """Frames that are `odds` nepers likelier in their state (-1: silence) than in any other."""
    notes = np.zeros((len(states), count))
    silence = np.zeros(len(states))
    for frame, state in enumerate(states):
        if state < 0:
            silence[frame] = odds
        else:
            notes[frame, state] = odds
    return notes, silence, np.zeros(len(states))


def test_a_line_with_a_rest_is_read_as_it_was_played():
    states = [-1, 0, 0, 0, 2, 2, 2, -1, -1, 1, 1, 1, -1]
    assert decode_line(*evidence(states), COSTS) == [(1, 4, 0), (4, 7, 2), (9, 12, 1)]


def test_a_single_frame_of_another_pitch_is_no_note():
    states = [0, 0, 0, 1, 0, 0, 0]
    assert decode_line(*evidence(states), COSTS) == [(0, 7, 0)]


def test_the_same_pitch_begins_again_only_where_an_onset_says_so():
    notes, silence, again = evidence([1] * 10)
    assert decode_line(notes, silence, again, COSTS) == [(0, 10, 1)]
    again[5] = 5.0
    assert decode_line(notes, silence, again, COSTS) == [(0, 5, 1), (5, 10, 1)]


def test_keys_sound_together_and_are_struck_again():
    ratios = np.full((12, 3), -2.0)
    ratios[1:9, 0] = ratios[3:12, 2] = 2.0
    onsets = np.zeros_like(ratios)
    onsets[6, 0] = 5.0
    assert decode_keys(ratios, onsets, COSTS) == [(1, 6, 0), (3, 12, 2), (6, 9, 0)]


@pytest.mark.parametrize("decode", [decode_line, decode_keys])
def test_silence_and_nothing_have_no_notes(decode):
    for frames in (0, 4):
        notes, silence, again = evidence([-1] * frames)
        given = (silence, again) if decode is decode_line else (np.zeros_like(notes),)
        assert decode(notes - 1.0, *given, COSTS) == []


@pytest.mark.parametrize("seed", range(40))
def test_no_other_line_is_likelier(seed):
    rng = np.random.default_rng(seed)
    frames, count = 4, 3
    notes = rng.normal(0, 3, (frames, count))
    silence, again = rng.normal(0, 3, (2, frames))

    def score(states) -> float:
        """states: of each frame, -1, or (pitch, whether it begins)."""
        total, before = 0.0, -1
        for t, state in enumerate(states):
            if state == -1:
                total += silence[t] - (costs.end if before != -1 else 0.0)
                before = -1
                continue
            pitch, begins = state
            if not begins and before != pitch:
                return -np.inf
            if begins:
                total += (again[t] - costs.again if before == pitch else 0.0) - costs.begin
            total, before = total + notes[t, pitch], pitch
        return total

    costs = Costs(1.0, 0.5, 2.5)
    every = product([-1, *product(range(count), (True, False))], repeat=frames)
    best = max(every, key=score)
    expected = []
    for t, state in enumerate(best):
        if state != -1 and state[1]:
            expected.append([t, t + 1, state[0]])
        elif state != -1:
            expected[-1][1] = t + 1
    assert decode_line(notes, silence, again, costs) == [tuple(each) for each in expected]
