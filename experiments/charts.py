"""Charts of results tables: comparisons of systems, seeds, ablations."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from helpers.display.figures import INK, MUTED, Figure, style
from helpers.display.palette import SERIES, label
from helpers.evaluation import results

FLOOR, CEILING = "mixture", "oracle-irm"
DASHES = {FLOOR: (0, (4, 2)), CEILING: "-"}
GROUP = 0.8  # width of the bars of one group, as a share of the distance between groups
WIDEST = 0.3

Table = pd.DataFrame | Path


def plot_comparison(table: Table, *, metric: str = "SI-SDR", by: str | None = None) -> Figure:
    """Systems of a results table: a bar for the mean, its standard deviation, a dot for each row.

    by: a column, for example `instrument` or `test_data`; one group of bars for each of its values.
    Floor and ceiling are lines with a band of one standard deviation. Raises ValueError for a table
    without values of the metric.
    """
    rows = _values(table, metric)
    systems = [name for name in dict.fromkeys(rows["system"]) if name not in DASHES]
    groups = list(dict.fromkeys(rows[by])) if by else [None]
    figure = Figure(8.0, 3.4)
    with style():
        ax = figure.subplots()
        for place, group in enumerate(groups):
            group_rows = rows if group is None else rows[rows[by] == group]
            for limit in (CEILING, FLOOR):
                _draw_limit(ax, group_rows, limit, place)
            _draw_bars(ax, group_rows, systems, place)
        ax.axhline(0.0, color=MUTED, linewidth=0.7, zorder=1)
        characters = max(8, 60 // len(groups))  # that fit under one group
        titles = [textwrap.fill(label(group), characters) if group else "" for group in groups]
        ax.set_xticks(range(len(groups)), titles)
        ax.tick_params(axis="x", length=0)
        ax.spines["bottom"].set_visible(False)
        ax.set_ylabel(f"{metric} (dB)")
        ax.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        ax.grid(axis="y")
        add_legend(figure, ax)
    return figure


def plot_seeds(
    table: Table,
    systems: Iterable[str],
    panels: Iterable[str],
    *,
    by: str = "system",
    panel: str = "test_data",
) -> Figure:
    """Mean SI-SDR: a row for each system, a dot for each seed, a stroke for their mean.

    systems, panels: the values of the columns `by` and `panel`, in order.
    """
    rows, systems, panels = _values(table, "SI-SDR"), list(systems), list(panels)
    figure = Figure(8, 0.9 + 0.24 * len(systems))
    with style():
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for ax, name in zip(axes, panels, strict=True):
            _draw_seeds(ax, rows[rows[panel] == name], systems, by)
            ax.set(title=name, xlabel="SI-SDR (dB)")
        axes[0].invert_yaxis()
    return figure


def plot_ablation(table: Table, *, config: str | None = None) -> Figure:
    """Mean SI-SDR of the steps of an ablation, in the order of their names, from top to bottom.

    A dot is one seed, a stroke the mean of all seeds; floor and ceiling are vertical lines.
    config: only the systems with this one. Raises ValueError for a table without systems.
    """
    rows = _values(table, "SI-SDR")
    baselines = rows["checkpoint_sha256"] == "none"
    steps = rows[~baselines & (config is None or rows["config"] == config)]
    systems = sorted(set(steps["system"]))
    if not systems:
        raise ValueError("There is no trained system with a value of SI-SDR.")
    figure = Figure(8.0, 1.1 + 0.27 * len(systems))
    with style():
        ax = figure.subplots()
        means = _draw_seeds(ax, steps, systems, "system")
        ax.plot(means, range(len(systems)), color=MUTED, linewidth=0.9, zorder=2)
        for name, dashes in DASHES.items():
            if (rows["system"] == name).any():
                mean = rows.loc[rows["system"] == name, "value"].mean()
                ax.axvline(mean, color=INK, linestyle=dashes, linewidth=1.2, label=name)
        ax.invert_yaxis()
        ax.set_xlabel("SI-SDR (dB)")
        add_legend(figure, ax)
    return figure


def _values(table: Table, metric: str) -> pd.DataFrame:
    """The rows with a value of a metric; rows without one have a silent reference."""
    table = table if isinstance(table, pd.DataFrame) else results.read_table(table)
    rows = table[table["metric"] == metric].dropna(subset="value")
    if rows.empty:
        known = ", ".join(sorted(set(table["metric"])))
        raise ValueError(f"There is no value of {metric} to compare; the table has: {known}.")
    return rows


def _draw_seeds(ax: Axes, rows: pd.DataFrame, systems: list[str], by: str) -> list[float]:
    """Dots and strokes; returns the mean of each system."""
    means = rows.groupby([by, "seed"])["value"].mean()
    for place, system in enumerate(systems):
        dots = means[system]
        ax.plot(dots, [place] * len(dots), "o", color=SERIES[0], alpha=0.6, markersize=5)
        ax.vlines(dots.mean(), place - 0.35, place + 0.35, color=INK, zorder=4)
    ax.set_yticks(range(len(systems)), systems)
    ax.grid(axis="x")
    return [means[system].mean() for system in systems]


def _draw_bars(ax: Axes, rows: pd.DataFrame, systems: list[str], place: int) -> None:
    width = min(GROUP / max(len(systems), 1), WIDEST)
    for index, system in enumerate(systems):
        values = rows.loc[rows["system"] == system, "value"].to_numpy()
        if not len(values):
            continue
        shade = SERIES[index % len(SERIES)]
        centre = place + (index - (len(systems) - 1) / 2) * width
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
        ax.bar(centre, values.mean(), 0.86 * width, color=shade, label=system, alpha=0.82)
        ax.errorbar(centre, values.mean(), spread, color=INK, linewidth=1.1, capsize=3, zorder=4)
        across = centre + 0.28 * width * np.linspace(-1, 1, len(values))
        ax.plot(across, values, "o", color=INK, alpha=0.35, markersize=2.2, zorder=3, mew=0)


def _draw_limit(ax: Axes, rows: pd.DataFrame, system: str, place: int) -> None:
    """A line across one group of bars, with a band of one standard deviation."""
    values = rows.loc[rows["system"] == system, "value"]
    if values.empty:
        return
    ends = [place - 0.56 * GROUP, place + 0.56 * GROUP]
    mean, spread = values.mean(), values.std(ddof=1) if len(values) > 1 else 0.0
    ax.fill_between(ends, mean - spread, mean + spread, color=MUTED, alpha=0.13, linewidth=0)
    ax.plot(
        ends,
        [mean, mean],
        color=INK,
        linestyle=DASHES[system],
        linewidth=1.3,
        label=system,
        zorder=5,
    )


def add_legend(figure: Figure, ax: Axes) -> None:
    """Each name once, beside the axes."""
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside right upper")
