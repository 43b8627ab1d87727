"""Figures of scores: the alignment of a score to a recording."""

from __future__ import annotations

from matplotlib.axes import Axes

from ..music.alignment import Alignment
from ..music.instruments import numbered_names
from ..music.scores import Score
from .figures import INK, MUTED, Figure, style
from .palette import colour, label

THICK = 1.6  # points: the line of a note


def plot_alignment(alignment: Alignment) -> Figure:
    """Score time against recording time.

    The curve is the map of `alignment`; where it is steep, the players are slow. Below it stand the
    notes as they are written; on its left are the same notes as they lie in the recording. The
    dashed line is the mean tempo. Chapter: 08.
    """
    figure = Figure(8.0, 5.0)
    with style():
        axes = figure.subplots(
            2, 2, sharex="col", sharey="row", width_ratios=(1, 4), height_ratios=(4, 1)
        )
        (left, middle), (corner, below) = axes
        corner.set_axis_off()
        times, found = alignment.times
        middle.plot(times[[0, -1]], found[[0, -1]], "--", color=MUTED, linewidth=0.9)
        middle.plot(times, found, color=INK, linewidth=1.4)
        middle.grid()
        _draw_notes(below, alignment.written, upright=False)
        _draw_notes(left, alignment.score, upright=True)
        below.set(xlabel="time in the score (s)", ylabel="pitch")
        left.set(ylabel="time in the recording (s)", xlabel="pitch")
        left.tick_params(axis="x", labelbottom=True)
        below.tick_params(axis="y", labelleft=True)
        figure.legend(loc="outside upper center", ncols=len(alignment.written.parts))
    return figure


def _draw_notes(ax: Axes, score: Score, upright: bool) -> None:
    """A line for each note; time runs upwards where `upright`, else to the right."""
    names = numbered_names([(part.instrument, part.number) for part in score.parts])
    for name, part in zip(names, score.parts, strict=True):
        starts = [note.onset for note in part.notes]
        ends = [note.onset + note.duration for note in part.notes]
        draw = ax.vlines if upright else ax.hlines
        pitches = [note.pitch for note in part.notes]
        draw(
            pitches, starts, ends, color=colour(name), linewidth=THICK,
            label=None if upright else label(name),
        )  # fmt: skip
