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
    COSTS,
    PUBLISHED,
    SOUNDFONTS,
    by_stem,
    costs_of,
    ensemble_of,
    is_new,
    kinds,
    ranked,
    trained,
)
from experiments.costs import FACTOR, PARAMETERS
from helpers.display.figures import INK, MUTED, Figure, publish, style
from helpers.display.palette import SERIES, label
from helpers.evaluation.significance import Ranks

AREA = 250.0  # square points of the largest circle
COLUMNS = 3  # of panels
RANKED = ("duo-TimGM6mb", "mixed-TimGM6mb", "quartet-FluidR3_GM", "quartet-TimGM6mb")
SHOWN = (*RANKED, "bach10_excerpts")


def plot_speed(rows: pd.DataFrame, tests: Sequence[str] = SHOWN) -> Figure:
    """Mean SI-SDR of every system against its real-time factor; a panel for each test.

    The factor is that of the ensemble of the test. `new` beside a number: the soundfont of the test
    is new to the system. The area of a circle shows the parameters; a hollow circle has values for
    some of the pieces only. Horizontal lines are floor, ceiling, and figures that others have
    published.
    """
    known = set(rows["test_data"])
    costs = {test: costs_of(rows, ensemble_of(test)) for test in tests if test in known}
    costs = {test: each for test, each in costs.items() if len(each)}
    stems = {test: by_stem(rows, [test]) for test in costs}
    systems = trained({name for test in costs for name in costs[test].index if name in stems[test]})
    most = max(each[PARAMETERS].max() for each in costs.values())
    figure = Figure(10.0, 0.6 + 3.2 * -(-len(costs) // COLUMNS))
    with style():
        axes = _grid(figure, len(costs), sharex=True, sharey=True)
        for ax, (test, of_test) in zip(axes, costs.items(), strict=True):
            new = [name for name in systems if name in stems[test] and is_new(rows, test, name)]
            _draw_circles(ax, stems[test], of_test, systems, new, most)
            for published in PUBLISHED:
                if published.test == test and published.metric == "SI-SDR":
                    ax.axhline(published.decibels, color=MUTED, linestyle=":", linewidth=1.4)
            ax.set(title=test, xlabel=FACTOR, xscale="log")
            ax.tick_params(labelbottom=True)
            ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.grid(axis="y")
            ax.margins(x=0.2, y=0.1)
        for ax in axes[::COLUMNS]:
            ax.set_ylabel("SI-SDR (dB)")
        _add_key(figure, systems)
    return figure


def _grid(figure: Figure, count: int, columns: int = COLUMNS, **options: bool) -> list[Axes]:
    """Panels in rows of `columns` at most."""
    columns = min(columns, count)
    axes = figure.subplots(-(-count // columns), columns, squeeze=False, **options).ravel()
    for ax in axes[count:]:
        ax.remove()
    return list(axes[:count])


def _draw_circles(
    ax: Axes,
    stems: pd.DataFrame,
    costs: pd.DataFrame,
    systems: Sequence[str],
    new: Collection[str],
    most: float,
) -> None:
    """most: parameters of the largest circle."""
    for place, system in enumerate(systems):
        if system not in stems or system not in costs.index:
            continue
        values = stems[system].dropna()
        area = max(AREA * costs[PARAMETERS][system] / most, 4.0)
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
    """Mean SI-SDRi of every system for every instrument: a panel for each test, with one soundfont
    above, of recordings below."""
    panels = {
        kind: [test for test in tests if not test.endswith(SOUNDFONTS[0])] or tests
        for kind, tests in kinds(rows).items()
    }
    tables = {
        test: by_stem(rows, [test], "SI-SDRi").groupby("instrument").mean()
        for tests in panels.values()
        for test in tests
    }
    systems = trained(set().union(*(table.columns for table in tables.values())))
    figure = Figure(10.0, (1.2 + 0.3 * len(systems)) * len(panels))
    with style():
        parts = figure.subfigures(len(panels), squeeze=False)[:, 0]
        for part, tests in zip(parts, panels.values(), strict=True):
            widths = [len(tables[test]) for test in tests]
            options = {"sharey": True, "squeeze": False, "width_ratios": widths}
            axes = part.subplots(1, len(tests), **options)[0]
            for ax, test in zip(axes, tests, strict=True):
                _draw_cells(ax, tables[test].reindex(columns=systems).T)
                ax.set_title(test)
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
    height = 1.2 + 0.3 * max(len(each.mean) for each in found.values())
    figure = Figure(10.0, height * -(-len(found) // 2))
    with style():
        axes = _grid(figure, len(found), columns=2)
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
    if set(SHOWN) & set(rows["test_data"]) and COSTS in set(rows["test_data"]):
        publish(plot_speed(rows), "09_speed")
    if kinds(rows):
        publish(plot_gains(rows), "09_gains")
    if found := {test: each for test in RANKED if (each := ranked(rows, test))}:
        publish(plot_ranks(found), "09_ranks")
