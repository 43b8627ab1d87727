"""Figures of scores, on an alignment whose map is known."""

from __future__ import annotations

import numpy as np

from helpers.display.score_plots import plot_alignment
from helpers.music.alignment import Alignment
from helpers.music.scores import Note, Part, Score


def line(*notes: tuple[float, float, float], number: int = 1) -> Part:
    return Part("violin", tuple(Note(*note) for note in notes), number)


def segments(ax) -> list[list[list[float]]]:
    return [np.round(each, 6).tolist() for lines in ax.collections for each in lines.get_segments()]


def test_alignment_shows_the_map_and_the_notes_of_both_sides():
    score = Score(
        "duo", (line((0.0, 1.0, 76.0), (1.0, 1.0, 74.0)), line((0.0, 2.0, 69.0), number=2))
    )
    played = Score(
        "duo", (line((3.0, 2.0, 76.0), (5.0, 1.0, 74.0)), line((3.0, 3.0, 69.0), number=2))
    )
    times = np.array([[0.0, 1.0, 2.0], [3.0, 5.0, 6.0]])
    figure = plot_alignment(Alignment(played, times, 0, 0.0, 0.9, score))
    left, middle, _, below = figure.axes
    tempo, curve = middle.lines
    np.testing.assert_array_equal(curve.get_xydata(), times.T)
    np.testing.assert_array_equal(tempo.get_xydata(), [[0.0, 3.0], [2.0, 6.0]])
    assert segments(below) == [[[0, 76], [1, 76]], [[1, 74], [2, 74]], [[0, 69], [2, 69]]]
    assert segments(left) == [[[76, 3], [76, 5]], [[74, 5], [74, 6]], [[69, 3], [69, 6]]]
    assert middle.get_xlim() == below.get_xlim() and middle.get_ylim() == left.get_ylim()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Violin 1", "Violin 2"]
