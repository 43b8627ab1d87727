"""The matrices of chapter 8 show their numbers and the path."""

from __future__ import annotations

import numpy as np

from experiments.time_warping import plot_matrix


def test_a_matrix_shows_the_numbers_that_are_known_and_frames_the_path():
    values = np.array([[0.0, 2.0], [np.nan, 1.5]])
    (ax,) = plot_matrix(values, ["E", "F"], ["1 E", "2 F"], [(0, 0), (1, 1)]).axes
    shown = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in ax.texts}
    assert shown == {(0, 0): "0", (0, 1): "2", (1, 1): "1.5"}
    assert [patch.get_xy() for patch in ax.patches] == [(-0.5, -0.5), (0.5, 0.5)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["E", "F"]
