"""Levels, strokes and velocities of sounds that are known."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.transcription.levels import HOP, RATE, levels, strikes, with_velocities


def sound(*parts: tuple[float, float]) -> np.ndarray:
    """A sine in stretches of (seconds, amplitude)."""
    envelope = np.concatenate([np.full(round(s * RATE), a) for s, a in parts])
    return (envelope * np.sin(2 * np.pi * 500 * np.arange(len(envelope)) / RATE)).astype("f4")


def test_the_level_of_a_sine_is_three_decibels_below_its_amplitude():
    level = levels(sound((1.0, 0.1)))
    assert len(level) == RATE // HOP and level[50:-50] == pytest.approx(-23.01, abs=0.1)


def test_a_gap_of_thirty_milliseconds_is_a_new_stroke_and_a_swell_is_none():
    found = strikes(levels(sound((0.5, 0.2), (0.03, 0.02), (0.5, 0.2))))
    assert found == pytest.approx([0.53], abs=0.015)
    swell = levels(sound((0.5, 0.2)) * np.linspace(0.2, 1, RATE // 2, dtype="f4"))
    assert not [each for each in strikes(swell) if each > 0.05]


def test_silence_has_no_strokes():
    assert not len(strikes(levels(np.zeros(RATE, "f4"))))


def test_a_note_that_is_twelve_decibels_softer_has_half_the_velocity():
    level = levels(sound((0.5, 0.4), (0.5, 0.1)))
    loud, soft = with_velocities([(0.0, 0.45, 60), (0.55, 1.0, 62)], level)
    assert (loud.velocity, soft.velocity) == (110, 55)
    assert (soft.onset, soft.pitch) == (0.55, 62.0) and soft.duration == pytest.approx(0.45)


def test_no_notes_have_no_velocities():
    assert with_velocities([], levels(sound((0.1, 0.1)))) == []
