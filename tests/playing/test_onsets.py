"""A rendered duo with known onsets, through the alignment and its refinement on the stems."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.music.alignment import align
from helpers.music.scores import Note, Part, Score
from helpers.playing.onsets import played_parts
from helpers.playing.timing import asynchrony, chords
from helpers.synthesis.renderer import render_score
from helpers.synthesis.tones import SPECTRA, Timbre, Tones

RATE, ATTACK = 22_050, 0.03
HIGH = (72, 74, 76, 77, 79, 77, 76, 74, 72, 76, 79, 84, 83, 81, 79, 77, 76, 74, 71, 72)
LOW = (48, 53, 52, 50, 47, 48, 55, 53, 52, 48, 47, 45, 43, 50, 52, 53, 55, 47, 50, 48)


def performed(attack_of_cello: float = ATTACK):
    """Twenty chords at 0.6 s; the cello is late by 30 ms on average, with a spread."""
    rng = np.random.default_rng(0)
    late = {"flute": rng.normal(0.0, 0.01, 20), "cello": rng.normal(0.03, 0.01, 20)}
    score = Score("duo", tuple(
        Part(name, tuple(Note(0.6 * i, 0.57, pitch) for i, pitch in enumerate(line)))
        for name, line in (("flute", HIGH), ("cello", LOW))
    ))  # fmt: skip
    parts = tuple(
        replace(part, notes=tuple(
            replace(note, onset=1.0 + note.onset + late[part.instrument][i])
            for i, note in enumerate(part.notes)
        ))
        for part in score.parts
    )  # fmt: skip
    timbres = {
        "flute": Tones(Timbre(SPECTRA["flute"], attack=ATTACK)),
        "cello": Tones(Timbre(SPECTRA["string"], attack=attack_of_cello)),
    }
    played = replace(score, parts=parts)
    track = render_score(played, timbres, RATE)
    return track, played, align(track.mixture, RATE, score)


@pytest.fixture(scope="module")
def duo():
    return performed()


def test_onsets_are_found_on_the_stems_to_a_few_milliseconds(duo):
    track, played, found = duo
    for part, truth in zip(played_parts(track.stems, RATE, found), played.parts, strict=True):
        onsets = np.array([note.onset for note in truth.notes]) + ATTACK / 2
        assert part.written == pytest.approx(0.6 * np.arange(20))
        errors = part.onsets - onsets
        assert abs(np.median(errors)) < 0.004
        assert np.std(errors) < 0.008


def test_who_plays_late_is_found_from_the_sound(duo):
    track, played, found = duo
    truth = [np.array([note.onset for note in part.notes]) for part in played.parts]
    late = np.mean(truth[1] - truth[0])
    result = asynchrony(chords(played_parts(track.stems, RATE, found)))
    assert result.names == ("flute", "cello")
    assert result.mean[1] - result.mean[0] == pytest.approx(late, abs=0.005)
    assert result.leader() == "flute"


def test_a_slow_attack_is_heard_late(duo):
    """By half of the time that it lasts longer: an onset is where the amplitude is half risen."""
    slow = 0.11
    means = []
    for track, _, found in (duo, performed(slow)):
        means.append(asynchrony(chords(played_parts(track.stems, RATE, found))).mean)
    (flute, cello), (other, late) = means
    assert (late - other) - (cello - flute) == pytest.approx((slow - ATTACK) / 2, abs=0.008)


def test_a_part_without_a_stem_is_named(duo):
    track, _, found = duo
    with pytest.raises(ValueError, match="no stem for cello; the stems are flute"):
        played_parts({"flute": track.stems["flute"]}, RATE, found)
