"""The tables of chapter 8 as means, sentences and figures."""

from __future__ import annotations

import pandas as pd

from experiments.alignment import SYSTEM
from experiments.score_informed import (
    BLIND,
    FAULTS,
    GUIDED,
    MISSING,
    ROBUSTNESS,
    TABLE,
    VARIANTS,
)
from helpers import runtime
from helpers.display.figures import MUTED, Figure, style
from helpers.display.palette import SERIES
from helpers.evaluation import results

ALIGNMENT = "08_alignment"
COMMANDS = {
    ALIGNMENT: "python -m experiments.alignment",
    TABLE: "python -m experiments.score_informed",
    ROBUSTNESS: "python -m experiments.score_informed",
}
GAIN = "SI-SDRi"
ONSET_ERRORS = {
    "onset error, median (ms)": "median (ms)",
    "onset error, 95 % (ms)": "95 % (ms)",
}


def published_rows(table: str) -> pd.DataFrame:
    """The rows of Results/TABLE.csv as the course brings it; empty where it has none yet."""
    path = runtime.repository_root() / "Results" / f"{table}.csv"
    return results.read_table(path) if path.exists() else pd.DataFrame(columns=results.HEADER)


def missing(table: str) -> str:
    """A sentence for a table that does not exist yet."""
    return (
        f"`Results/{table}.csv` has not been measured yet; `{COMMANDS[table]}` makes it, once the"
        " network is trained."
    )


def onset_errors(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors of onsets of `align` over all parts, in ms: tracks by measure."""
    errors = rows[(rows["system"] == SYSTEM) & (rows["instrument"] == "all")]
    errors = errors[errors["metric"].str.startswith("onset error")]
    table = errors.pivot_table("value", ["test_data", "track"], "metric", sort=False)
    return table.reindex(columns=ONSET_ERRORS).rename(columns=ONSET_ERRORS).round(1)


def means(rows: pd.DataFrame, metric: str = "SI-SDR") -> pd.DataFrame:
    """Means in dB over tracks, instruments and seeds: systems by test."""
    rows = rows[rows["metric"] == metric].dropna(subset="value")
    table = rows.pivot_table("value", "system", "test_data", sort=False)
    return table.loc[sorted(table.index, key=results.floor_first)].round(1)


def guided_and_blind(rows: pd.DataFrame) -> str:
    """How much the score gives on each test, and which stems the blind model separates better."""
    rows = rows[rows["metric"] == "SI-SDR"].dropna(subset="value")
    stems = rows.pivot_table("value", ["test_data", "track", "instrument"], "system", sort=False)
    if not {GUIDED, BLIND} <= set(stems.columns):
        return missing(TABLE)
    both = stems[[GUIDED, BLIND]].dropna()
    gains = (both[GUIDED] - both[BLIND]).groupby("test_data", sort=False).mean()
    each = ", ".join(f"{value:+.1f} dB on {test}" for test, value in gains.items())
    worse = int((both[BLIND] > both[GUIDED]).sum())
    return (
        f"Against `{BLIND}`, which is told the instruments, the score changes the mean SI-SDR by"
        f" {each}. `{BLIND}` is better on {worse} of {len(both)} stems."
    )


def ablation(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean SI-SDR in dB of the networks of the ablation, by test, and that of each seed."""
    rows = rows[(rows["metric"] == "SI-SDR") & rows["system"].isin(VARIANTS)]
    seeds = rows.pivot_table("value", "system", ["test_data", "seed"], sort=False)
    table = seeds.T.groupby("test_data", sort=False).mean().T.round(1).astype(str)
    for test in table:
        each = seeds[test].sort_index(axis=1).round(1).astype(str)
        table[test] += " (" + each.agg(", ".join, axis=1) + ")"
    return table.reindex([name for name in VARIANTS if name in table.index])


def by_fault(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean improvement in dB: faults of the score by test."""
    rows = rows[(rows["metric"] == GAIN) & (rows["system"] == GUIDED)]
    table = rows.pivot_table("value", "config", "test_data", sort=False)
    return table.reindex([fault for fault in (*FAULTS, MISSING) if fault in table.index]).round(1)


def falls(rows: pd.DataFrame) -> str:
    """What the largest faults of each kind cost."""
    table = by_fault(rows)
    if table.empty:
        return missing(ROBUSTNESS)
    lost = table.iloc[0] - table
    worst = [
        fault for fault in ("onsets 200 ms", "wrong notes 10%", MISSING) if fault in lost.index
    ]
    each = [f"{fault}: {round(lost.loc[fault].mean(), 1) + 0.0:.1f} dB" for fault in worst]
    return f"Lost on the mean of the tests: {'; '.join(each)}."


def plot_robustness(rows: pd.DataFrame, blind: pd.DataFrame) -> Figure:
    """Improvement with each fault of the score, a dot for each test.

    blind: rows of the blind model on the same tests, whose means are dashed lines.
    """
    table = by_fault(rows)
    of_blind = means(blind[blind["system"] == BLIND], GAIN)
    figure = Figure(8.0, 3.2)
    with style():
        ax = figure.subplots()
        for (test, values), shade in zip(table.items(), SERIES, strict=False):
            ax.plot(range(len(values)), values, "o", color=shade, markersize=5, label=test)
            if test in of_blind:
                ax.axhline(of_blind.loc[BLIND, test], color=shade, linestyle="--", linewidth=0.9)
        ax.axhline(0.0, color=MUTED, linewidth=0.7)
        ax.set_xticks(range(len(table)), table.index, rotation=20, ha="right")
        ax.set_ylabel("SI-SDR improvement (dB)")
        ax.grid(axis="y")
        figure.legend(loc="outside right upper")
    return figure
