"""Notes whose pitch is known."""

import numpy as np
import pytest

from helpers.music.instruments import instrument
from helpers.music.scores import Note, Part
from helpers.playing.onsets import PlayedPart
from helpers.playing.pitch import (
    TEMPERAMENTS,
    Interval,
    intervals,
    note_pitches,
    pitch_curve,
    tracked_pitch,
    vibrato,
)
from helpers.synthesis.tones import SPECTRA, Timbre, Tones

RATE = 22_050


def line(pitches, seconds=1.0, name="violin", **timbre):
    """A line of tones, and what a score says about it."""
    notes = tuple(Note(i * seconds, 0.9 * seconds, pitch) for i, pitch in enumerate(pitches))
    stem = Tones(Timbre(attack=0.02, **timbre)).render(Part("violin", notes), RATE)
    onsets = np.array([note.onset for note in notes])
    written = tuple((float(round(pitch)),) for pitch in pitches)
    return stem, PlayedPart(name, "violin", onsets, onsets, onsets + 0.9 * seconds, written)


def test_the_pitch_of_every_note_is_found_to_two_cents():
    cents = np.array([0, 14, -22, 37, -41, 5, 60])
    stem, part = line(np.array([36, 45, 52, 60, 69, 76, 88]) + cents / 100)
    part = PlayedPart(
        part.name, part.instrument, part.written, part.onsets, part.ends,
        tuple((float(p),) for p in (36, 45, 52, 60, 69, 76, 88)),
    )  # fmt: skip
    found = [note.between(note.seconds[0] + 0.2, 10.0) for note in note_pitches(stem, RATE, part)]
    assert found == pytest.approx(cents, abs=2)


def test_another_instrument_below_does_not_move_it():
    stem, part = line([69.2, 71.2])
    other, _ = line([48, 53], harmonics=SPECTRA["reed"])
    mixed = stem + 0.5 * other
    found = [note.between(0.0, 10.0) for note in note_pitches(mixed, RATE, part)]
    assert found == pytest.approx([20, 20], abs=3)


def test_late_in_a_recording_pitches_still_have_their_time():
    """A glance at the grid: after a minute a note begins where it is heard, not a tenth earlier."""
    note = Note(60.0, 1.0, 69.0)
    stem = Tones(Timbre(attack=0.005, release=0.01)).render(Part("violin", (note,)), RATE)
    part = PlayedPart(
        "violin", "violin", np.zeros(1), np.array([59.5]), np.array([61.5]), ((69.0,),)
    )
    (found,) = note_pitches(stem, RATE, part)
    heard = found.seconds[np.isfinite(found.cents)]
    assert heard[[0, -1]] == pytest.approx([60.0, 61.0], abs=0.05)
    curve = pitch_curve([found], 3100)
    assert curve[3025] == pytest.approx(440.0, rel=1e-3)
    assert curve[:2990].max() == 0.0


def test_a_line_without_a_score_is_tracked():
    stem, _ = line([60, 67, 64], 0.5)
    curve = tracked_pitch(stem, RATE, instrument("violin"), 75)
    assert curve[[12, 37, 62]] == pytest.approx([261.6, 392.0, 329.6], rel=0.01)
    assert tracked_pitch(np.zeros_like(stem), RATE, instrument("violin"), 75).max() == 0.0


def test_silence_has_no_pitch():
    stem, part = line([60, 62])
    notes = note_pitches(np.zeros_like(stem), RATE, part)
    assert all(np.isnan(note.cents).all() for note in notes)
    assert np.isnan(notes[0].between(0.0, 1.0))


@pytest.mark.parametrize(
    ("pitch", "rate", "extent"), [(69, 5.5, 25.0), (48, 6.5, 15.0), (81, 4.8, 40.0)]
)
def test_vibrato_has_its_rate_and_extent(pitch, rate, extent):
    stem, part = line([pitch, pitch + 2], 1.5, vibrato_rate=rate, vibrato_depth=extent)
    for note in note_pitches(stem, RATE, part):
        found = vibrato(note)
        assert found.rate == pytest.approx(rate, abs=0.2)
        assert found.extent == pytest.approx(extent, rel=0.15)  # it takes a third of a second


def test_a_steady_note_and_a_short_one_have_no_vibrato():
    steady, part = line([69, 67])
    assert [vibrato(note) for note in note_pitches(steady, RATE, part)] == [None, None]
    short, part = line([69, 67], 0.3, vibrato_depth=30.0)
    assert [vibrato(note) for note in note_pitches(short, RATE, part)] == [None, None]


def test_a_pure_third_is_narrower_than_an_equal_one_and_a_pythagorean_one_wider():
    pure = Interval(("cello", "violin"), 0.0, 16, 1200 + 1200 * np.log2(5 / 4))
    assert pure.deviation("just") == pytest.approx(0.0, abs=1e-9)
    assert pure.deviation("equal") == pytest.approx(-13.686, abs=0.01)
    assert pure.deviation("Pythagorean") == pytest.approx(-21.506, abs=0.01)
    assert TEMPERAMENTS["just"][7] == TEMPERAMENTS["Pythagorean"][7] == pytest.approx(701.955)


def test_intervals_between_players_have_the_size_they_are_played_with():
    fifth = 12 * np.log2(3 / 2)
    low, below = line([48, 50], name="cello")
    high, above = line([48 + fifth, 50 + 12 * np.log2(5 / 4)], name="violin")
    found = intervals(
        [above, below], [note_pitches(high, RATE, above), note_pitches(low, RATE, below)]
    )
    assert [each.semitones for each in found] == [7, 4]
    assert [each.names for each in found] == [("cello", "violin")] * 2
    assert [each.deviation("just") for each in found] == pytest.approx([0, 0], abs=2)
