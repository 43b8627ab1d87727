"""Matrices of dynamic time warping, with their numbers, for chapter 8."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Rectangle

from helpers.display.figures import INK, MUTED, Figure, style
from helpers.display.palette import SERIES


def plot_matrix(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    path: Sequence[tuple[int, int]] = (),
) -> Figure:
    """A matrix with its numbers; NaN is an empty cell, and the cells of a path are framed.

    rows: of the recording, from the bottom up; columns: of the score.
    """
    height, width = values.shape
    figure = Figure(min(8.0, 1.4 + 0.55 * width), 0.9 + 0.32 * height)
    with style():
        ax = figure.subplots()
        ax.imshow(values, origin="lower", cmap="Blues", aspect="auto", alpha=0.6)
        for row, column in np.argwhere(~np.isnan(values)):
            ax.text(column, row, f"{values[row, column]:g}", ha="center", va="center", color=INK)
        for row, column in path:
            ax.add_patch(_frame(row, column))
        ax.set_xticks(range(width), columns)
        ax.set_yticks(range(height), rows)
        ax.tick_params(length=0)
        ax.set_xticks(np.arange(width - 1) + 0.5, minor=True)
        ax.set_yticks(np.arange(height - 1) + 0.5, minor=True)
        ax.grid(which="minor", color=MUTED, linewidth=0.3)
        ax.tick_params(which="minor", length=0)
        ax.set(xlabel="notes of the score", ylabel="frames of the recording")
    return figure


def _frame(row: int, column: int) -> Rectangle:
    return Rectangle(
        (column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=SERIES[0], linewidth=2.0, zorder=5
    )
