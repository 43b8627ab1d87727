"""Notes as bars, and what is true of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from helpers.display.figures import Figure, style
from helpers.display.palette import colour, label
from helpers.music.scores import Note


def plot_notes(panels: Mapping[str, Mapping[str, Sequence[Note]]]) -> Figure:
    """The notes of each player, in seconds and MIDI pitches, in panels by title."""
    figure = Figure(8.0, 2.8)
    with style():
        axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        for ax, (title, players) in zip(axes, panels.items(), strict=True):
            for player, notes in players.items():
                ax.barh(
                    [note.pitch for note in notes], [note.duration for note in notes],
                    left=[note.onset for note in notes], height=0.8, color=colour(player),
                    label=label(player),
                )  # fmt: skip
            ax.set(title=title, xlabel="time (s)")
            ax.grid(axis="y")
        axes[0].set_ylabel("pitch (MIDI)")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
    return figure


def note_f1(found: Sequence[Note], truth: Sequence[Note], onset: float = 0.05) -> float:
    """The F-measure of notes, 0 to 1: right where the pitch is, and the onset within so many
    seconds; each true note counts once."""
    left = list(truth)
    for note in found:
        near = [t for t in left if t.pitch == note.pitch and abs(t.onset - note.onset) <= onset]
        if near:
            left.remove(min(near, key=lambda t: abs(t.onset - note.onset)))
    right = len(truth) - len(left)
    return 2 * right / max(len(found) + len(truth), 1)
