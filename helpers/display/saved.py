"""What a committed notebook shows in place of a player or a widget.

GitHub and Colab remove scripts and audio from a notebook that nobody has run, and audio makes it
large. In the `full` profile a player therefore adds an entry of the type `SAVED` to its output:
`shown`, the output that replaces it (a picture, or a sentence), and `sample`, a small player for
cells that have the tag `sample`. `scripts/notebooks.py` puts them into the notebook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import runtime
from ..audio.track import Track
from .palette import label

SAVED = "application/vnd.divisi.saved+json"


def saved_form(
    shown: Callable[[], dict[str, Any]], sample: Callable[[], str] | None = None
) -> dict[str, Any]:
    """The entry of the type `SAVED` in the `full` profile, else nothing.

    shown: makes an output, {"data": ..., "metadata": ...} by MIME type. sample: makes HTML.
    """
    if runtime.profile() != "full":
        return {}
    return {SAVED: {"shown": shown(), "sample": sample() if sample else None}}


def picture(track: Track, mixture: bool = True) -> dict[str, Any]:
    """The waveforms of what a player plays, by name, as an output."""
    from .figures import MUTED, style  # players also work without matplotlib
    from .plots import plot_waveforms

    figure = plot_waveforms(track, mixture=mixture)
    with style():
        hint = "▶ Run this cell to listen."
        figure.suptitle(hint, x=0.01, ha="left", fontsize=9.5, color=MUTED)
    data, metadata = figure._repr_mimebundle_()
    names = ", ".join(label(name) for name in track.stems)
    return {"data": {**data, "text/plain": f"A player of {names}"}, "metadata": metadata}


def sentence(text: str) -> dict[str, Any]:
    """A sentence as an output."""
    return {"data": {"text/markdown": f"*{text}*", "text/plain": text}, "metadata": {}}
