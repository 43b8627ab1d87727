"""Charts of all systems: quality against speed and size, gains by instrument, ranks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from experiments.charts import CEILING, DASHES, FLOOR
from experiments.comparison_tables import (
    PUBLISHED,
    by_stem,
    costs_of,
    is_new,
    kinds,
    ranked,
    trained,
)
from experiments.costs import FACTOR, PARAMETERS
from helpers.display.figures import INK, MUTED, Figure, publish, style
from helpers.display.palette import SERIES, label
from helpers.evaluation.significance import Ranks

AREA = 900.0  # square points of the largest circle
SHOWN = ("quartet-FluidR3_GM", "quartet-TimGM6mb", "bach10_excerpts")
RANKED = SHOWN[:2]


def plot_speed(rows: pd.DataFrame, tests: Sequence[str] = SHOWN) -> Figure:
    """Mean SI-SDR of every system against its real-time factor; a panel for each test.

    `new` beside a number: the soundfont of the test is new to the system. The area of a circle
    shows the parameters; a hollow circle has values for some of the pieces only. Horizontal lines
    are floor, ceiling, and figures that others have published.
    """
    tests = [test for test in tests if test in set(rows["test_data"])]
    costs = costs_of(rows)
    systems = list(costs.index)
    figure = Figure(10.0, 3.8)
    with style():
        axes = figure.subplots(1, len(tests), sharex=True, sharey=True, squeeze=False)[0]
        for ax, test in zip(axes, tests, strict=True):
            stems = by_stem(rows, [test])
            new = [name for name in systems if name in stems and is_new(rows, test, name)]
            _draw_circles(ax, stems, costs, systems, new)
            for published in PUBLISHED:
                if published.test == test and published.metric == "SI-SDR":
                    ax.axhline(published.decibels, color=MUTED, linestyle=":", linewidth=1.4)
            ax.set(title=test, xlabel=FACTOR, xscale="log")
            ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.grid(axis="y")
            ax.margins(x=0.2, y=0.1)
        axes[0].set_ylabel("SI-SDR (dB)")
        _add_key(figure, systems)
    return figure


def _draw_circles(
    ax: Axes,
    stems: pd.DataFrame,
    costs: pd.DataFrame,
    systems: Sequence[str],
    new: Collection[str],
) -> None:
    for place, system in enumerate(systems):
        if system not in stems:
            continue
        values = stems[system].dropna()
        area = max(AREA * costs[PARAMETERS][system] / costs[PARAMETERS].max(), 4.0)
        whole = len(values) == len(stems)
        shade = SERIES[place % len(SERIES)]
        at = costs[FACTOR][system], values.mean()
        ax.scatter(*at, s=area, color=shade if whole else "none", edgecolors=shade, alpha=0.7)
        beside = (np.sqrt(area) / 2 + 2, -3)
        number = f"{place + 1}{' new' * (system in new)}"
        ax.annotate(number, at, beside, textcoords="offset points", fontsize=8)
    for limit in (FLOOR, CEILING):
        if limit in stems:
            ax.axhline(stems[limit].mean(), color=INK, linestyle=DASHES[limit], linewidth=1.0)


def _add_key(figure: Figure, systems: Sequence[str]) -> None:
    handles = [
        Line2D([], [], marker="o", linestyle="", color=SERIES[place % len(SERIES)])
        for place in range(len(systems))
    ]
    handles += [Line2D([], [], color=INK, linestyle=DASHES[limit]) for limit in (FLOOR, CEILING)]
    names = [f"{place + 1}  {name}" for place, name in enumerate(systems)] + [FLOOR, CEILING]
    for published in PUBLISHED:
        if published.test:
            handles.append(Line2D([], [], color=MUTED, linestyle=":"))
            names.append(f"{published.system},\nas published")
    figure.legend(handles, names, loc="outside right upper")


def plot_gains(rows: pd.DataFrame) -> Figure:
    """Mean SI-SDRi of every system for every instrument, on rendered pieces and on recordings."""
    panels = kinds(rows)
    tables = {kind: by_stem(rows, tests, "SI-SDRi") for kind, tests in panels.items()}
    tables = {kind: stems.groupby("instrument").mean() for kind, stems in tables.items()}
    systems = trained(set().union(*(table.columns for table in tables.values())))
    figure = Figure(10.0, 1.2 + 0.3 * len(systems))
    with style():
        widths = [len(table) for table in tables.values()]
        options = {"sharey": True, "squeeze": False, "width_ratios": widths}
        axes = figure.subplots(1, len(tables), **options)[0]
        for ax, (kind, table) in zip(axes, tables.items(), strict=True):
            _draw_cells(ax, table.reindex(columns=systems).T)
            ax.set_title(kind)
        axes[0].set_yticks(range(len(systems)), systems)
    return figure


def _draw_cells(ax: Axes, gains: pd.DataFrame) -> None:
    """A colour and a number in dB for each system and instrument."""
    ax.imshow(gains.to_numpy(), cmap="RdYlBu", vmin=-15, vmax=15, aspect="auto")
    for (row, column), value in np.ndenumerate(gains.to_numpy()):
        if np.isfinite(value):
            shade = "white" if abs(value) > 11 else INK
            text = f"{value:.1f}".replace("-0.0", "0.0")
            ax.text(column, row, text, ha="center", va="center", fontsize=8, color=shade)
    names = [label(name) for name in gains.columns]
    ax.set_xticks(range(len(names)), names, rotation=35, ha="right")
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def plot_ranks(found: Mapping[str, Ranks]) -> Figure:
    """Mean rank of each system over all works, with a bar as wide as the critical difference.

    A panel for each test. Two systems whose bars do not overlap differ significantly.
    """
    figure = Figure(10.0, 1.2 + 0.3 * max(len(each.mean) for each in found.values()))
    with style():
        axes = figure.subplots(1, len(found), squeeze=False)[0]
        for ax, (test, each) in zip(axes, found.items(), strict=True):
            places, half = range(len(each.mean)), each.critical / 2
            low, high = each.mean - half, each.mean + half
            ax.hlines(places, low, high, color=SERIES[1], alpha=0.35, lw=7)
            ax.plot(each.mean, places, "o", color=INK, markersize=5)
            ax.set_yticks(places, each.mean.index)
            ax.invert_yaxis()
            ax.grid(axis="x")
            ax.set(title=test, xlabel=f"mean rank over {each.pieces} works; 1 is best")
    return figure


def publish_charts(rows: pd.DataFrame) -> None:
    """The figures that the table has the values for."""
    if set(SHOWN) & set(rows["test_data"]) and not costs_of(rows).empty:
        publish(plot_speed(rows), "09_speed")
    if kinds(rows):
        publish(plot_gains(rows), "09_gains")
    if found := {test: each for test in RANKED if (each := ranked(rows, test))}:
        publish(plot_ranks(found), "09_ranks")
