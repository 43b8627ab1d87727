"""The pitch of notes, and mistakes of indexes, with tones whose pitch is known."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.runtime import data_root
from helpers.synthesis.note_pitch import (
    RATE,
    between_harmonics,
    measure_pitch,
    share_of_other_pitch,
    sounding_pitch,
)
from helpers.synthesis.note_samples import load_note_samples


def tone(pitch: float | np.ndarray, harmonics: int = 6, seconds: float = 1.5) -> np.ndarray:
    """Harmonics of equal slope; pitch: one value, or one for each sample."""
    hertz = 440 * 2 ** ((pitch + np.zeros(round(seconds * RATE)) - 69) / 12)
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return sum(np.sin(k * phase) / k for k in range(1, harmonics + 1))


def swinging(pitch: float, semitones: float, square: bool) -> np.ndarray:
    swing = np.sin(2 * np.pi * (4 if square else 6) * np.arange(round(1.5 * RATE)) / RATE)
    return tone(pitch + semitones * (np.sign(swing) if square else swing))


@pytest.mark.parametrize("pitch", [96, 100.2, 102, 105.2, 108])
def test_a_high_note_is_measured_though_its_harmonics_are_above_half_the_rate(pitch):
    """Failed before: from MIDI pitch 100 on, it was found up to 1.3 semitones sharp."""
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    time = np.arange(RATE // 2) / RATE
    sound = np.exp(-9.0 * time) * np.sin(2 * np.pi * hertz * time)
    sound += np.random.default_rng(0).normal(0.0, 0.03, len(time))
    assert measure_pitch(sound, round(pitch)) == pytest.approx(pitch, abs=0.02)


@pytest.mark.parametrize("pitch", [31, 45, 60, 79])
def test_a_note_an_octave_below_its_name_has_its_own_pitch(pitch):
    """Failed before: trombones sounded an octave below the score."""
    assert sounding_pitch(tone(pitch), pitch) == pytest.approx(pitch, abs=0.03)
    assert sounding_pitch(tone(pitch), pitch + 12) == pytest.approx(pitch, abs=0.03)
    assert (
        between_harmonics(tone(pitch), pitch)
        < 1e-3
        < 1.0
        < between_harmonics(tone(pitch), pitch + 12)
    )


@pytest.mark.parametrize("pitch", [50, 62, 74])
def test_trills_are_refused_and_vibrato_is_not(pitch):
    """Failed before: a viola's trills were taken for its notes."""
    for semitones in (0.5, 1.0):  # to each side of the middle: a trill of a half and a whole tone
        trill = swinging(pitch + semitones, semitones, square=True)
        assert share_of_other_pitch(trill, pitch) == pytest.approx(0.5, abs=0.25)
        assert sounding_pitch(trill, pitch) is None
    for depth in (0.0, 0.2, 0.4):
        assert share_of_other_pitch(swinging(pitch, depth, square=False), pitch) == 0.0
        assert sounding_pitch(swinging(pitch, depth, square=False), pitch) is not None


def test_a_wholly_other_note_is_refused():
    assert sounding_pitch(tone(60), 64) is None


@pytest.mark.real_audio
def test_the_trombones_of_the_philharmonia_have_their_own_pitch():
    samples = load_note_samples(data_root() / "philharmonia_more", "trombone")
    assert len(samples) > 300
    for sample in samples[::9]:
        assert between_harmonics(sample.sound[sample.start : sample.stop], sample.pitch) < 0.06
