"""Measures without a reference, on signals and models whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.evaluation.no_reference import (
    certainty,
    leakage,
    measures,
    remix_consistency,
    score_fit,
    semitone_agreement,
    shift_agreement,
)
from helpers.music.scores import Note, Part, Score

RATE = 8000
TIME = np.arange(3 * RATE) / RATE


def tone(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * TIME).astype(np.float32)[None]


def split_at(hertz: float):
    """A separator that is always right about sounds below and above a frequency."""

    def again(mixture, delays=(), speed=1.0):
        spectrum = np.fft.rfft(mixture)
        low = np.fft.rfftfreq(mixture.shape[-1], 1 / RATE) < hertz
        return np.fft.irfft([spectrum * low, spectrum * ~low], mixture.shape[-1]).astype("f4")

    return again


def halves(mixture, delays=(), speed=1.0):
    """A separator that knows nothing: half of the mixture to each."""
    return np.stack([0.5 * mixture] * 2)


STEMS = np.stack([tone(220.0), tone(1900.0)])
MIXTURE = STEMS.sum(axis=0)


def test_a_perfect_separator_agrees_with_itself_in_every_way():
    again = split_at(700.0)
    assert (remix_consistency(again, STEMS, RATE) > 30).all()
    assert (shift_agreement(again, MIXTURE, STEMS, RATE) > 30).all()
    assert (semitone_agreement(again, MIXTURE, STEMS) > 25).all()


def test_two_players_of_one_instrument_may_change_places():
    def exchanged(mixture, delays=(), speed=1.0):
        return split_at(700.0)(mixture)[::-1]

    for measure in (
        lambda pairs: remix_consistency(exchanged, STEMS, RATE, pairs=pairs),
        lambda pairs: shift_agreement(exchanged, MIXTURE, STEMS, RATE, pairs),
        lambda pairs: semitone_agreement(exchanged, MIXTURE, STEMS, pairs),
    ):
        assert (measure(()) < 3).all() and (measure([(0, 1)]) > 25).all()


def test_remixing_shows_a_separator_that_knows_nothing():
    # Two copies of the mixture, shifted and mixed: its half is as much one stem as the other.
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(1, 3 * RATE)).astype(np.float32)
    stems = halves(noise)
    found = remix_consistency(halves, stems, RATE)
    assert found.sum() == pytest.approx(0.0, abs=0.5)  # g1 : g2 and g2 : g1
    assert (np.abs(found) < 8).all()
    assert (shift_agreement(halves, noise, stems, RATE) == 40.0).all()  # which does not show it


def test_a_separator_that_depends_on_the_moment_disagrees_with_the_shifted_mixture():
    gate = (np.sin(2 * np.pi * 7 * TIME) > 0).astype(np.float32)

    def gated(mixture, delays=(), speed=1.0):
        return np.stack([gate * mixture, (1 - gate) * mixture])

    found = shift_agreement(gated, MIXTURE, gated(MIXTURE), RATE)
    assert (found < 3).all()


def test_a_separator_that_goes_by_absolute_pitch_disagrees_with_the_transposed_mixture():
    edge = 1950.0  # between the tone and the tone a semitone higher
    again = split_at(edge)
    stems = again(MIXTURE)
    assert semitone_agreement(again, MIXTURE, stems)[0] < 3


def test_again_learns_how_the_mixture_was_changed():
    told = []

    def again(mixture, delays, speed):
        told.append((mixture.shape[-1], delays, speed))
        return split_at(700.0)(mixture)

    measures(again, MIXTURE, STEMS, RATE)
    remixed, shifted, higher = told
    assert sorted(remixed[1]) == [0.0, 1.5] and remixed[2] == 1.0
    assert shifted[1] == [0.05, 0.05]
    assert higher[2] == pytest.approx(2 ** (1 / 12), abs=1e-3)
    assert higher[0] == pytest.approx(len(TIME) / 2 ** (1 / 12), abs=1)


def test_certainty_is_the_sdr_of_a_wiener_filter():
    # The mask m everywhere: signal m, noise m (1 - m); stems apart in frequency have masks of 1.
    shares = np.array([0.75, 0.25], np.float32)
    found = certainty(shares[:, None, None] * MIXTURE, RATE)
    assert found == pytest.approx(-10 * np.log10(1 - shares), abs=0.05)
    assert (certainty(STEMS, RATE) > 25).all()


def test_coherence_of_a_copy_is_one_and_of_other_sounds_little():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(2, 1, 3 * RATE)).astype(np.float32)
    overlap, leaks = leakage(np.stack([noise[0], 0.3 * noise[0]]), RATE)
    assert overlap == pytest.approx([1.0, 1.0], abs=1e-3)
    assert np.isnan(leaks).all()  # neither rests
    assert (leakage(noise, RATE)[0] < 0.35).all()


@pytest.mark.parametrize("level", [-30.0, -40.0])
def test_leakage_in_a_rest_is_the_level_of_what_is_left_of_the_others(level):
    rng = np.random.default_rng(2)
    other = rng.normal(size=(1, 3 * RATE)).astype(np.float32)
    own = rng.normal(size=(1, 3 * RATE)).astype(np.float32)
    own[:, RATE:] = 10 ** (level / 20) * other[:, RATE:]
    assert leakage(np.stack([own, other]), RATE)[1][0] == pytest.approx(level, abs=1.0)


def test_score_fit_is_the_share_of_the_energy_on_the_own_notes():
    own, other = Part("cello", (Note(0.0, 3.0, 57.0),)), Part("flute", (Note(0.0, 3.0, 82.0),))
    low, high = tone(220.0), tone(440 * 2 ** (13 / 12))
    assert score_fit(low, RATE, own, [other]) == pytest.approx(1.0, abs=0.01)
    assert score_fit(low + high, RATE, own, [other]) == pytest.approx(0.5, abs=0.02)
    assert score_fit(high, RATE, own, [other]) == pytest.approx(0.0, abs=0.01)
    assert np.isnan(score_fit(0 * low, RATE, own, [other]))


def test_measures_of_a_window_have_a_number_for_each_stem():
    score = Score("", (Part("cello", (Note(0, 3, 57.0),)), Part("flute", (Note(0, 3, 94.3),))))
    found = measures(split_at(700.0), MIXTURE, STEMS, RATE, score)
    assert {value.shape for value in found.values()} == {(2,)}
    assert found["level"] == pytest.approx([-3.0, -3.0], abs=0.1)
    assert (found["score fit"] > 0.95).all()
    assert np.isnan(measures(split_at(700.0), MIXTURE, STEMS, RATE)["score fit"]).all()
