"""Panels of curves and images, and the course of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from experiments.charts import add_legend
from helpers.display.figures import Figure, style
from helpers.display.palette import COLOURS, SERIES

Log = Path | pd.DataFrame


def plot_curves(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    *,
    xlabel: str = "",
    ylabel: str = "",
    **axis: object,
) -> Figure:
    """Lines, (x, y) by name, in panels by title; instruments in their colours.

    axis: properties of all axes, such as xlim, ylim and xscale.
    """
    figure = Figure(8, 2.8)
    with style():
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for ax, (title, curves) in zip(axes, panels.items(), strict=True):
            for (name, (x, y)), shade in zip(curves.items(), cycle(SERIES), strict=False):
                mark = "o" if len(x) == 1 else None  # a line of one point is invisible
                ax.plot(
                    x, y, color=COLOURS.get(name, shade), label=name, linewidth=1.2, marker=mark
                )
            ax.set(title=title, xlabel=xlabel, **axis)
            ax.grid(axis="y")
        axes[0].set_ylabel(ylabel)
        if max(map(len, panels.values())) > 1:
            add_legend(figure, max(axes, key=lambda ax: len(ax.lines)))
    return figure


def plot_images(
    panels: Mapping[str, np.ndarray],
    extent: tuple[float, float, float, float],
    *,
    xlabel: str = "",
    ylabel: str = "",
    lowest: float | None = None,
    **axis: object,
) -> Figure:
    """Matrices (rows from the bottom up, columns) as images, in panels by title.

    extent: (left, right, bottom, top) in the units of the axes. lowest: the value drawn as black.
    axis: properties of all axes, such as ylim.
    """
    figure = Figure(8, 2.8)
    with style():
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for ax, (title, image) in zip(axes, panels.items(), strict=True):
            ax.imshow(
                image, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=lowest
            )
            ax.set(title=title, xlabel=xlabel, **axis)
        axes[0].set_ylabel(ylabel)
    return figure


def plot_training(logs: Log | Mapping[str, Log]) -> Figure:
    """Training loss and validation SI-SDR against the step, of one `log.csv` or of several by name.

    The loss is drawn as logged, faint, and smoothed over a twentieth of the rows.
    """
    by_name = logs if isinstance(logs, Mapping) else {"": logs}
    figure = Figure(8.0, 3.0)
    with style():
        loss, quality = figure.subplots(1, 2)
        for (name, log), shade in zip(by_name.items(), SERIES, strict=False):
            table = log if isinstance(log, pd.DataFrame) else pd.read_csv(log)
            logged = table.dropna(subset="loss")
            smooth = logged["loss"].ewm(span=max(1, len(logged) / 20)).mean()
            loss.plot(logged["step"], logged["loss"], color=shade, alpha=0.25, linewidth=0.8)
            loss.plot(logged["step"], smooth, color=shade, label=name)
            validated = table.dropna(subset="val_si_sdr")
            quality.plot(
                validated["step"], validated["val_si_sdr"], "o-",
                color=shade, label=name, markersize=3,
            )  # fmt: skip
        for ax, title in ((loss, "Training loss"), (quality, "Validation SI-SDR (dB)")):
            ax.set(title=title, xlabel="step")
            ax.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
            ax.grid(axis="y")
            ax.margins(x=0.02)
        if len(by_name) > 1:
            quality.legend(loc="lower right")
    return figure
