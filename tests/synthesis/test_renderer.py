"""From a score to a Track: names, lengths and levels of the stems."""

import numpy as np
import pytest

from helpers.music.scores import Note, Part, Score
from helpers.synthesis.renderer import render_score, stem_names

RATE = 8000


class Click:
    """A renderer whose stem is `level` as long as the part lasts."""

    def __init__(self, level: float) -> None:
        self.level = level

    def render(self, part: Part, sample_rate: int) -> np.ndarray:
        return np.full((1, round(part.seconds * sample_rate)), self.level, np.float32)


def score(*players: str) -> Score:
    parts = (Part(player, (Note(0.0, 1.0 + i, 60.0),)) for i, player in enumerate(players))
    return Score("piece", tuple(parts))


def test_two_players_of_one_instrument_are_numbered():
    assert stem_names(score("violin", "violin", "cello")) == ["violin-1", "violin-2", "cello"]


def test_players_keep_the_numbers_of_their_parts():
    second, first = Part("violin", (), number=2), Part("violin", (), number=1)
    assert stem_names(Score("duo", (second, first))) == ["violin-2", "violin-1"]


def test_the_gain_of_a_part_changes_its_stem_within_ten_milliseconds():
    part = Part("violin", (Note(0.0, 3.0, 60.0),), gain=((0.0, 0.5), (1.0, 0.25), (2.0, 1.0)))
    stem = render_score(Score("swell", (part,)), Click(1.0), RATE).stems["violin"][0]
    assert np.all(stem[:RATE] == 0.5)
    assert np.all(stem[RATE + 80 : 2 * RATE] == 0.25)
    assert np.all(stem[2 * RATE + 80 :] == 1.0)
    assert 0.25 < stem[RATE + 40] < 0.5


def test_a_gain_before_its_first_step_is_one_and_dense_steps_keep_their_order():
    gain = ((0.5, 0.0), (0.501, 1.0), (0.502, 0.5))
    part = Part("violin", (Note(0.0, 1.0, 60.0),), gain=gain)
    stem = render_score(Score("dense", (part,)), Click(1.0), RATE).stems["violin"][0]
    assert np.all(stem[: RATE // 2] == 1.0) and stem[-1] == 0.5
    assert stem[round(0.501 * RATE)] == pytest.approx(0.0, abs=1e-6)


def test_shorter_stems_end_in_silence():
    track = render_score(score("violin", "cello"), Click(0.5), RATE)
    assert {stem.shape for stem in track.stems.values()} == {(1, 2 * RATE)}
    assert np.array_equal(track.stems["violin"][0, RATE:], np.zeros(RATE))


def test_mixture_is_the_sum_of_unscaled_stems():
    track = render_score(score("violin", "cello"), Click(0.75), RATE)
    assert np.all(track.mixture[0, :RATE] == 1.5)
    assert np.all(track.mixture[0, RATE:] == 0.75)


def test_renderer_is_looked_up_by_stem_then_by_instrument():
    renderers = {"violin": Click(0.1), "violin-2": Click(0.2)}
    track = render_score(score("violin", "violin"), renderers, RATE)
    assert track.stems["violin-1"][0, 0] == np.float32(0.1)
    assert track.stems["violin-2"][0, 0] == np.float32(0.2)


def test_part_without_a_renderer_is_refused_by_name():
    with pytest.raises(KeyError, match="'cello'"):
        render_score(score("violin", "cello"), {"violin": Click(1.0)}, RATE)


def test_score_without_parts_is_refused():
    with pytest.raises(ValueError, match="no parts"):
        render_score(Score("empty", ()), Click(1.0), RATE)


def test_track_is_called_after_its_score_or_title():
    assert render_score(score("violin"), Click(1.0), RATE).name == "piece"
    assert render_score(score("violin"), Click(1.0), RATE, title="second").name == "second"
