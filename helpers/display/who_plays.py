"""A picture of who plays when, as a model hears it: one line an instrument."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator

from ..inference.detection import Detection
from ..inference.players import stem_names
from ..training.conditioning import OTHER
from .figures import MUTED, Figure, style
from .palette import colour, label

NEAR = 0.2  # confidence from which an instrument that was not detected is shown too
MOST = 3  # of these


def plot_who_plays(detection: Detection) -> Figure:
    """The confidence in each detected instrument over time, from 0 to 1, and in all of it at the
    right; in grey those that were nearly detected.

    ValueError for a detection without curves.
    """
    if detection.curves is None:
        raise ValueError("This detection has no curves; make it with `detect`.")
    found = [name for name in detection.present if name != OTHER]
    near = _nearly_detected(detection)
    names = dict(zip(found, stem_names(found), strict=True)) | {name: name for name in near}
    figure = Figure(8.0, 0.7 + 0.45 * max(len(names), 1))
    with style():
        axes = figure.subplots(max(len(names), 1), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for ax, (source, name) in zip(axes, names.items(), strict=False):
            shade = MUTED if source in near else colour(name)
            curve = detection.curves.values[source]
            edges = np.minimum(np.arange(len(curve) + 1) * detection.curves.seconds,
                               detection.curves.whole)  # fmt: skip
            ax.stairs(curve, edges, fill=True, color=shade, alpha=0.35 if source in near else 0.9)
            ax.axhline(0.5, color=MUTED, linewidth=0.4, linestyle=":")
            ax.set_ylabel(label(name), rotation=0, ha="right", va="center", color=shade)
            ax.annotate(
                f"{detection.confidence[source]:.0%}", (1.01, 0.5), xycoords="axes fraction",
                va="center", color=shade,
            )  # fmt: skip
        for ax in axes:
            ax.set_ylim(0, 1)
            ax.set_yticks([])
            ax.set_xlim(0, detection.curves.whole)
        axes[-1].xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        axes[-1].set_xlabel("time (s)")
    return figure


def _nearly_detected(detection: Detection) -> list[str]:
    confidence = {
        name: value
        for name, value in detection.confidence.items()
        if name not in (*detection.present, OTHER) and value >= NEAR
    }
    return sorted(confidence, key=confidence.get, reverse=True)[:MOST]
