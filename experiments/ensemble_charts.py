"""Pictures of how players play together, from the rows of `experiments.ensemble_playing`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from helpers.display.figures import INK, MUTED, Figure, publish, style
from helpers.display.palette import SERIES, colour, label
from helpers.evaluation import results
from helpers.playing.pitch import TEMPERAMENTS

TRUTH, PARAMETERS, TRUE, OURS = "truth", "parameters", "true stems", "chamber"
TITLES = {
    "simulated players": "Simulated players",
    "bach10_excerpts": "Bach10: seven passages",
    "trios": "TRIOS: Brahms, horn trio",
}
INTERVALS = {3: "minor third", 4: "major third", 5: "fourth", 7: "fifth", 8: "minor sixth",
             9: "major sixth", 0: "octave"}  # fmt: skip
#: What is compared between true stems and ours, with its unit.
COMPARED = {
    "asynchrony, mean (ms)": "who is early: mean asynchrony (ms)",
    "asynchrony, spread (ms)": "spread of the asynchrony (ms)",
    "correction": "correction of timing",
    "wider than equal (cents)": "size of intervals, less equal (cents)",
    "vibrato, extent (cents)": "vibrato, extent (cents)",
    "vibrato, rate (Hz)": "vibrato, rate (Hz)",
    "dynamics, range of notes (dB)": "dynamics, range of notes (dB)",
    "dynamics, correlation": "dynamics of two players, correlation",
}
#: The system that knows the answer, where it is not the truth of the onsets.
KNOWN = {"correction": PARAMETERS}
SURE, LIKELY = 0.9, 0.7  # correlations


def draw(table: Path, tempo: Mapping[str, Mapping[str, list]] | None = None) -> None:
    """Publish all pictures. tempo: by system, the tempo curves of the players of one recording."""
    rows = results.read_table(table)
    publish(plot_together(rows), "10_together")
    publish(plot_coupling(rows), "10_coupling")
    publish(plot_intervals(rows), "10_intervals")
    publish(plot_bias(rows), "10_ensemble_bias")
    if tempo:
        publish(plot_tempo(tempo), "10_tempo")


def value(rows: pd.DataFrame, **columns: str) -> float:
    """The value of one row, NaN where there is none."""
    for name, wanted in columns.items():
        rows = rows[rows[name] == wanted]
    return float(rows["value"].iloc[0]) if len(rows) else float("nan")


def pooled(rows: pd.DataFrame, test: str, system: str) -> pd.DataFrame:
    is_it = (rows["test_data"] == test) & (rows["system"] == system) & (rows["track"] == "all")
    return rows[is_it]


def plot_together(rows: pd.DataFrame) -> Figure:
    """Who plays early and who late: the mean of each player and, as a bar, the spread of notes.

    A line across is what simulated players did.
    """
    figure = Figure(9.0, 2.9)
    with style():
        axes = figure.subplots(1, len(TITLES), sharex=True)
        for ax, (test, title) in zip(axes, TITLES.items(), strict=True):
            true = pooled(rows, test, TRUE)
            players = list(true[true["metric"] == "asynchrony, mean (ms)"]["instrument"])
            for place, player in enumerate(players):
                for system, shift, filled in ((TRUE, -0.14, True), (OURS, 0.14, False)):
                    own = pooled(rows, test, system)
                    middle = value(own, instrument=player, metric="asynchrony, mean (ms)")
                    spread = value(own, instrument=player, metric="asynchrony, spread (ms)")
                    y, shade = place + shift, colour(player)
                    ax.plot([middle - spread, middle + spread], [y, y], color=shade, alpha=0.35,
                            linewidth=5 if filled else 2, solid_capstyle="butt")  # fmt: skip
                    ax.plot(middle, y, "o", color=shade, markerfacecolor=shade if filled else "w")
                known = pooled(rows, test, TRUTH)
                played = value(known, instrument=player, metric="asynchrony, mean (ms)")
                ax.plot([played, played], [place - 0.35, place + 0.35], color=INK, linewidth=1.5)
            ax.axvline(0.0, color=MUTED, linewidth=0.8, zorder=0)
            ax.set(title=title, xlabel="early  ← ms →  late")
            ax.set_yticks(range(len(players)), [label(player) for player in players])
            ax.invert_yaxis()
        _add_key(figure)
    return figure


def _add_key(figure: Figure) -> None:
    dots = [
        Line2D([], [], color=INK, marker="o", linestyle="", markerfacecolor=face, label=name)
        for name, face in ((TRUE, INK), (f"stems of {OURS}", "w"))
    ]
    played = Line2D([], [], color=INK, marker="|", markersize=10, linestyle="", label="as played")
    figure.legend(handles=[*dots, played], loc="outside upper right", ncols=3)


def plot_tempo(curves: Mapping[str, Mapping[str, list]]) -> Figure:
    """The tempo of each player over the time of a recording, against the mean of all."""
    figure = Figure(9.0, 2.8)
    with style():
        ax = figure.subplots()
        usual = np.median(np.concatenate([tempo for _, tempo in curves[TRUE].values()]))
        for system, line in ((TRUE, "-"), (OURS, (0, (3, 2)))):
            for player, (seconds, tempo) in curves.get(system, {}).items():
                name = label(player) if system == TRUE else None
                percent = 100 * np.asarray(tempo) / usual
                ax.plot(seconds, percent, linestyle=line, color=colour(player), label=name)
        ax.axhline(100.0, color=MUTED, linewidth=0.7, zorder=0)
        ax.set(xlabel="seconds", ylabel="tempo (% of the usual one)")
        ax.plot([], [], color=MUTED, linestyle=(0, (3, 2)), label=f"stems of {OURS}")
        figure.legend(loc="outside right upper")
    return figure


def plot_coupling(rows: pd.DataFrame) -> Figure:
    """How much of an asynchrony each player (row) makes good towards each other one (column)."""
    shown = [
        (PARAMETERS, "simulated players"),
        (TRUE, "simulated players"),
        (OURS, "simulated players"),
    ]
    shown += [(s, t) for t in ("bach10_excerpts", "trios") for s in (TRUE, OURS)]
    figure = Figure(10.5, 5.4)
    with style():
        axes = figure.subplots(2, 4).ravel()
        for ax, (system, test) in zip(axes, shown, strict=False):
            _draw_matrix(ax, pooled(rows, test, system))
            name = "as simulated" if system == PARAMETERS else system
            ax.set_title(f"{TITLES[test].split(':')[0]}\n{name}", fontsize=9)
        for ax in axes[len(shown) :]:
            ax.axis("off")
        axes[-1].text(0.0, 0.5, "Share of the distance to the\ncolumn's player that the row's\n"
                      "player makes good by the next\nnote; below it, its standard error.",
                      va="center", color=INK)  # fmt: skip
    return figure


def _draw_matrix(ax: Axes, rows: pd.DataFrame) -> None:
    pairs = rows[rows["metric"] == "correction"]["instrument"]
    players = list(dict.fromkeys(pair.split(" to ")[0] for pair in pairs))
    for one, name in enumerate(players):
        for two, other in enumerate(players):
            if one == two:
                continue
            pair = f"{name} to {other}"
            share = value(rows, instrument=pair, metric="correction")
            error = value(rows, instrument=pair, metric="correction, standard error")
            clear = np.clip(share, 0.0, 1.0)
            ax.add_patch(_square(two, one, clear))
            text = f"{share:.2f}" + (f"\n±{error:.2f}" if np.isfinite(error) else "")
            ax.text(two, one, text, ha="center", va="center", fontsize=7,
                    color="w" if clear > 0.55 else INK)  # fmt: skip
    short = [label(player)[:4] for player in players]
    ax.set_xticks(range(len(players)), short, fontsize=7.5)
    ax.set_yticks(range(len(players)), short, fontsize=7.5)
    ax.set(xlim=(-0.5, len(players) - 0.5), ylim=(len(players) - 0.5, -0.5), aspect="equal")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def _square(x: int, y: int, share: float):
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, color=SERIES[1], alpha=0.06 + 0.9 * share)


def plot_intervals(rows: pd.DataFrame) -> Figure:
    """The size of harmonic intervals as played, and where just and Pythagorean ones lie."""
    tests = [test for test in TITLES if test != "simulated players"]
    figure = Figure(8.5, 2.9)
    with style():
        axes = figure.subplots(1, len(tests), sharey=True)
        for ax, test in zip(axes, tests, strict=True):
            for place, semitones in enumerate(INTERVALS):
                for name, shade in (("just", SERIES[4]), ("Pythagorean", SERIES[2])):
                    off = TEMPERAMENTS[name][semitones] - 100 * semitones
                    ax.plot([place - 0.36, place + 0.36], [off, off], color=shade, linewidth=2.2)
                metric = f"interval of {semitones} semitones, wider than equal (cents)"
                for system, shift, face in ((TRUE, -0.12, INK), (OURS, 0.12, "w")):
                    cents = value(pooled(rows, test, system), metric=metric)
                    ax.plot(place + shift, cents, "o", color=INK, markerfacecolor=face)
            ax.axhline(0.0, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
            ax.set_title(TITLES[test])
            ax.set_xticks(range(len(INTERVALS)), [n.replace(" ", "\n") for n in INTERVALS.values()],
                          fontsize=7.5)  # fmt: skip
        axes[0].set_ylabel("wider than equal (cents)")
        for name, shade in (("just", SERIES[4]), ("Pythagorean", SERIES[2])):
            axes[-1].plot([], [], color=shade, linewidth=2.2, label=name)
        axes[-1].plot([], [], color=MUTED, linestyle=(0, (4, 2)), label="equal")
        axes[-1].plot([], [], "o", color=INK, label=TRUE)
        axes[-1].plot([], [], "o", color=INK, markerfacecolor="w", label=f"stems of {OURS}")
        figure.legend(loc="outside right upper")
    return figure


def compared(
    rows: pd.DataFrame, metric: str, tests: Sequence[str], true: str = TRUE, ours: str = OURS
) -> pd.DataFrame:
    """Pairs of one measure by two systems: columns `true`, `ours`, `test`, `instrument`.

    Corrections and intervals are those of all tracks together, all else that of each track.
    """
    rows = rows[rows["test_data"].isin(tests)]
    is_pooled = metric in ("correction", "wider than equal (cents)")
    rows = rows[(rows["track"] == "all") == is_pooled]
    kept = rows["metric"] == metric
    if metric.startswith("wider"):
        kept = rows["metric"].str.endswith(metric)
    keys = ["test_data", "track", "instrument", "metric"]
    wide = rows[kept].pivot_table("value", keys, "system").reindex(columns=[true, ours]).dropna()
    wide.columns = ["true", "ours"]
    return wide.reset_index().rename(columns={"test_data": "test"})


def bias(rows: pd.DataFrame, tests: Sequence[str]) -> pd.DataFrame:
    """For each measure: its bias and error in our stems, how much it varies, and a verdict.

    `correlation` is that of our stems and the true ones, `with truth` that of the true stems and
    what simulated players did. The lower one decides: what cannot be read from true stems cannot be
    read from ours.
    """
    lines = {}
    for metric, name in COMPARED.items():
        pairs = compared(rows, metric, tests)
        if len(pairs) < 4:
            continue
        off = pairs["ours"] - pairs["true"]
        known = compared(rows, metric, tests, KNOWN.get(metric, TRUTH), TRUE)
        agree, possible = (correlation(each) for each in (pairs, known))
        lowest = np.nanmin([agree, possible])
        lines[name] = {
            "values": len(pairs), "bias": off.mean(), "typical error": off.abs().median(),
            "spread in true stems": pairs["true"].std(), "correlation": agree,
            "with truth": possible,
            "verdict": "may be said" if lowest >= SURE else
                       "as a tendency" if lowest >= LIKELY else "not from these stems",
        }  # fmt: skip
    return pd.DataFrame(lines).T


def correlation(pairs: pd.DataFrame) -> float:
    """Of the columns `true` and `ours`; NaN for fewer than four pairs."""
    if len(pairs) < 4:
        return float("nan")
    return float(np.corrcoef(pairs["true"], pairs["ours"])[0, 1])


def plot_bias(rows: pd.DataFrame) -> Figure:
    """Each measure in our stems against the same in the true ones; on the line they agree."""
    tests = list(TITLES)
    figure = Figure(10.0, 5.2)
    with style():
        axes = figure.subplots(2, 4).ravel()
        for ax, (metric, name) in zip(axes, COMPARED.items(), strict=True):
            pairs = compared(rows, metric, tests)
            for place, test in enumerate(tests):
                some = pairs[pairs["test"] == test]
                ax.plot(some["true"], some["ours"], "o", color=SERIES[place], alpha=0.6,
                        markersize=4, label=TITLES[test].split(":")[0])  # fmt: skip
            both = pairs[["true", "ours"]].to_numpy()
            if len(both):
                ends = [both.min(), both.max()]
                ax.plot(ends, ends, color=MUTED, linewidth=0.8, zorder=0)
            what, _, unit = name.partition(" (")
            ax.set_title(what.replace(": ", ":\n").replace(", ", ",\n"), fontsize=8.5)
            ax.set_xlabel("true stems" + (f" ({unit}" if unit else ""), fontsize=8)
        axes[0].set_ylabel(f"stems of {OURS}")
        axes[4].set_ylabel(f"stems of {OURS}")
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
    return figure


def read_tempo(files: Mapping[str, Path]) -> dict[str, dict]:
    """The tempo curves by system, of the files that exist."""
    return {system: json.loads(path.read_text()) for system, path in files.items() if path.exists()}
