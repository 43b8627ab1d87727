"""Figures of chapter 03: masks, and the models beside what was published."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from helpers.display.figures import MUTED, PAPER, Figure, style
from helpers.display.palette import colour, label


def plot_masks(
    masks: Mapping[str, np.ndarray], sample_rate: int, hop: int, *, limit: float = 8_000.0
) -> Figure:
    """Masks (bins, frames) with values from 0, white, to 1, the colour of the instrument.

    The bins run from 0 to sample_rate / 2; hop: samples from one frame to the next.
    """
    figure = Figure(8.0, 0.6 + 1.35 * len(masks))
    with style():
        axes = figure.subplots(len(masks), 1, sharex=True, squeeze=False)[:, 0]
        for ax, (name, mask) in zip(axes, masks.items(), strict=True):
            seconds = np.arange(mask.shape[1]) * hop / sample_rate
            kilohertz = np.linspace(0.0, sample_rate / 2000, len(mask))
            shades = LinearSegmentedColormap.from_list(name, [PAPER, colour(name)])
            mesh = ax.pcolormesh(
                seconds, kilohertz, mask, cmap=shades, vmin=0, vmax=1, rasterized=True
            )
            figure.colorbar(mesh, ax=ax, ticks=[0, 0.5, 1], aspect=9, pad=0.01)
            ax.set(ylim=(0, limit / 1000), ylabel="kHz")
            ax.set_title(label(name), color=colour(name))
        axes[-1].set_xlabel("time (s)")
    return figure


def plot_models(means: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Mean SI-SDR of Models A to G, a dot for each instrument, and a cross where it was published.

    means, published: systems by instrument; `mixture` and `oracle-irm` of `means` are lines.
    """
    figure, letters = Figure(8, 3.6), [f"Model {letter}" for letter in "ABCDEFG"]
    with style():
        ax = figure.subplots()
        for place, name in enumerate(published.columns):
            across = np.arange(len(letters)) + 0.12 * (place - 1.5)
            ax.plot(across, means.loc[letters, name], "o", color=colour(name), label=name)
            crosses, title = published[name].reindex(letters), None if place else "as published"
            ax.plot(across, crosses, "x", color=colour(name), label=title)
        for limit in ("mixture", "oracle-irm"):
            mean = means.loc[limit, published.columns].mean()
            ax.axhline(mean, color=MUTED, linestyle=":")
            ax.text(len(letters) - 0.5, mean, limit, va="bottom", ha="right")
        ax.set(ylabel="SI-SDR (dB)", xticks=range(len(letters)), xticklabels=letters)
        ax.legend(loc="center left", bbox_to_anchor=(0.0, 0.7))
    return figure
