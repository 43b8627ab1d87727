"""The pitch of sounds whose pitch is known, in the range of every instrument."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.music.instruments import INSTRUMENTS, instrument
from helpers.transcription.pitch import HIGHEST, LOWEST, OCTAVE, octaves_down, pitch_curve

RATE = 44_100


def tone(pitch: float, seconds: float = 1.0) -> np.ndarray:
    """Six partials of a MIDI pitch, (samples,)."""
    time = np.arange(round(seconds * RATE)) / RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    return sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 7)).astype("f4") * 0.2


@pytest.mark.parametrize("row", INSTRUMENTS, ids=lambda row: row.name)
def test_the_network_hears_the_whole_range_of_an_instrument_that_plays_lines(row):
    if row.family not in ("strings", "woodwind", "brass", "voice"):
        return
    lowered = OCTAVE * octaves_down(row.low, row.high)
    assert row.high - lowered <= HIGHEST + 0.5
    assert row.low - lowered >= LOWEST or row.name in ("contrabassoon", "double-bass", "tuba")


@pytest.mark.parametrize(
    ("name", "pitch"),
    [("piccolo", 107.0), ("violin", 100.3), ("clarinet", 60.0), ("cello", 40.2), ("tuba", 32.0)],
)
def test_the_pitch_of_a_tone_is_found_to_a_fifth_of_a_semitone(name, pitch):
    pytest.importorskip("swift_f0")
    row = instrument(name)
    curve = pitch_curve(tone(pitch), RATE, row.low - 1, row.high + 1)
    inside = (curve.seconds > 0.2) & (curve.seconds < 0.8)
    assert np.median(np.abs(curve.pitch[inside] - pitch)) < 0.2
    assert np.median(curve.confidence[inside]) > 0.5


def test_no_sound_has_no_frames():
    pytest.importorskip("swift_f0")
    assert len(pitch_curve(np.zeros(0, "f4"), RATE, 55, 103).seconds) == 0
