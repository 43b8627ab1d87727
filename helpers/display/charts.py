"""Figures of numbers: how a training went, and how systems compare."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..evaluation.rows import HEADER
from .figures import INK, MUTED, Figure, style
from .palette import SERIES, label

Log = str | Path | pd.DataFrame

FLOOR, CEILING = "mixture", "oracle-irm"
TEXT = {name: str for name in HEADER if name not in ("value", "n_seconds", "seed")}
GROUP = 0.8  # how much of the distance between two groups the bars of one take
WIDEST = 0.3


def plot_training(logs: Log | Mapping[str, Log]) -> Figure:
    """Training loss and validation SI-SDR against the step, of one `log.csv` or of several by name.

    The loss is drawn as logged, faint, and smoothed over a twentieth of the rows.
    """
    named = logs if isinstance(logs, Mapping) else {"": logs}
    figure = Figure(8.0, 3.0)
    with style():
        loss, quality = figure.subplots(1, 2)
        for (name, log), shade in zip(named.items(), SERIES, strict=False):
            table = log if isinstance(log, pd.DataFrame) else pd.read_csv(log)
            measured = table.dropna(subset="loss")
            smooth = measured["loss"].ewm(span=max(1, len(measured) / 20)).mean()
            loss.plot(measured["step"], measured["loss"], color=shade, alpha=0.25, linewidth=0.8)
            loss.plot(measured["step"], smooth, color=shade, label=name)
            measured = table.dropna(subset="val_si_sdr")
            dots = "o" if len(measured) < 40 else ""
            quality.plot(
                measured["step"], measured["val_si_sdr"],
                color=shade, label=name, marker=dots, markersize=3,
            )  # fmt: skip
        for ax, title in ((loss, "Training loss"), (quality, "Validation SI-SDR (dB)")):
            ax.set(title=title, xlabel="step")
            ax.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
            ax.grid(axis="y")
            ax.margins(x=0.02)
        if len(named) > 1:
            quality.legend(loc="lower right")
    return figure


def plot_comparison(
    results: pd.DataFrame | str | Path,
    *,
    metric: str = "SI-SDR",
    by: str | None = None,
    floor: str = FLOOR,
    ceiling: str = CEILING,
) -> Figure:
    """The systems of a table of results: mean, standard deviation and every row as a dot.

    results: rows with the columns of a results CSV, or its path. One group of bars, or one for
    each value of the column `by`, for example `instrument` or `test_data`. The floor and the
    ceiling, where the table has them, are lines, with a band of one standard deviation. What has
    no value (a silent reference) is left out. Raises ValueError where nothing is left.
    """
    table = results if isinstance(results, pd.DataFrame) else pd.read_csv(results, dtype=TEXT)
    rows = table[table["metric"] == metric].dropna(subset="value")
    if rows.empty:
        known = ", ".join(sorted(set(table["metric"])))
        raise ValueError(f"There is no value of {metric} to compare; the table has: {known}.")
    systems = [name for name in dict.fromkeys(rows["system"]) if name not in (floor, ceiling)]
    groups = list(dict.fromkeys(rows[by])) if by else [None]
    figure = Figure(8.0, 3.4)
    with style():
        ax = figure.subplots()
        for place, group in enumerate(groups):
            here = rows if group is None else rows[rows[by] == group]
            _draw_limit(ax, here, ceiling, place, "-")
            _draw_bars(ax, here, systems, place)
            _draw_limit(ax, here, floor, place, (0, (4, 2)))
        ax.axhline(0.0, color=MUTED, linewidth=0.7, zorder=1)
        wide = max(8, 60 // len(groups))  # letters that fit under one group
        titles = [textwrap.fill(label(group), wide) if group else "" for group in groups]
        ax.set_xticks(range(len(groups)), titles)
        ax.tick_params(axis="x", length=0)
        ax.spines["bottom"].set_visible(False)
        ax.set_ylabel(f"{metric} (dB)")
        ax.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        ax.grid(axis="y")
        _legend(figure, ax)
    return figure


def plot_ablation(
    results: pd.DataFrame | str | Path,
    *,
    metric: str = "SI-SDR",
    config: str | None = None,
    floor: str = FLOOR,
    ceiling: str = CEILING,
) -> Figure:
    """A row for each system of a table of results, in the order of their names, from top to bottom.

    A dot is the mean over tracks and instruments of one seed, a stroke the mean of all seeds; the
    strokes are joined. Floor and ceiling are lines from top to bottom. config: only the systems of
    this one. Raises ValueError where there is no system.
    """
    table = results if isinstance(results, pd.DataFrame) else pd.read_csv(results, dtype=TEXT)
    rows = table[table["metric"] == metric].dropna(subset="value")
    limits = rows["system"].isin(rows.loc[rows["checkpoint_sha256"] == "none", "system"])
    steps = rows[~limits & (config is None or rows["config"] == config)]
    means = steps.groupby(["system", "seed"])["value"].mean()
    systems = sorted(set(steps["system"]))
    if not systems:
        raise ValueError(f"There is no system with a value of {metric} to compare.")
    strokes = [means[system].mean() for system in systems]
    figure = Figure(8.0, 1.1 + 0.27 * len(systems))
    with style():
        ax = figure.subplots()
        ax.plot(strokes, range(len(systems)), color=MUTED, linewidth=0.9, zorder=2)
        for place, system in enumerate(systems):
            dots = means[system]
            ax.plot(dots, [place] * len(dots), "o", color=SERIES[0], alpha=0.6, markersize=5)
            ax.vlines(strokes[place], place - 0.3, place + 0.3, color=INK, zorder=4)
        for name, dashes in ((floor, (0, (4, 2))), (ceiling, "-")):
            if (rows["system"] == name).any():
                mean = rows.loc[rows["system"] == name, "value"].mean()
                ax.axvline(mean, color=INK, linestyle=dashes, linewidth=1.2, label=name)
        ax.set_yticks(range(len(systems)), systems)
        ax.invert_yaxis()
        ax.set_xlabel(f"{metric} (dB)")
        ax.grid(axis="x")
        _legend(figure, ax)
    return figure


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


def _draw_limit(ax: Axes, rows: pd.DataFrame, system: str, place: int, dashes: object) -> None:
    """A line across one group of bars, with a band of one standard deviation."""
    values = rows.loc[rows["system"] == system, "value"]
    if values.empty:
        return
    ends = [place - 0.56 * GROUP, place + 0.56 * GROUP]
    mean, spread = values.mean(), values.std(ddof=1) if len(values) > 1 else 0.0
    ax.fill_between(ends, mean - spread, mean + spread, color=MUTED, alpha=0.13, linewidth=0)
    ax.plot(ends, [mean, mean], color=INK, linestyle=dashes, linewidth=1.3, label=system, zorder=5)


def _legend(figure: Figure, ax: Axes) -> None:
    """Each name once, beside the axes."""
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside right upper")
