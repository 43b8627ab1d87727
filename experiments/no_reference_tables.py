"""The fit of the estimates of quality, and how they compare with the true SI-SDR."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from experiments.charts import add_legend
from helpers import runtime
from helpers.display.figures import INK, MUTED, Figure, publish, style
from helpers.display.palette import SERIES
from helpers.evaluation import results
from helpers.evaluation.no_reference import WINDOW
from helpers.evaluation.quality_estimate import (
    FARTHEST,
    FILE,
    INTERVAL,
    LEAST,
    MOST,
    SOUNDS,
    Predictor,
    predictors,
)
from helpers.evaluation.rows import Provenance, Row

MEASURES = ("remix", "shift", "semitone", "certainty", "overlap", "leakage", "level", "players")
PLACE = ["system", "test_data", "config", "track", "instrument"]
NAMES = {"recording": "without a score", "score": "with a score"}
RESAMPLES, FEWEST = 1000, 5
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0)


def windows(table: Path) -> pd.DataFrame:
    """A row for each stem in each window that it sounds in, a column for each metric.

    `truth` is the true SI-SDR in dB between `LEAST` and `MOST`, the least where the instrument does
    not play; `piece` is the track without its window.
    """
    rows = results.read_table(table)
    rows = rows[rows["track"].str.endswith(" s")]
    frame = rows.pivot_table("value", PLACE, "metric", dropna=False, observed=True)
    frame = frame.dropna(subset=["certainty"]).reset_index()
    frame["players"] = frame.groupby(PLACE[:4])["instrument"].transform("count").astype(float)
    frame["piece"] = frame["track"].str.rsplit(" ", n=2).str[0]
    plays = frame["true level"] > SOUNDS
    frame["truth"] = frame["SI-SDR"].where(plays, LEAST).fillna(LEAST).clip(LEAST, MOST)
    return frame[frame["level"] > SOUNDS].reset_index(drop=True)


def fit(table: Path, file: Path = FILE) -> None:
    """Write the coefficients that the windows of a table give, with and without a score."""
    frame = windows(table)
    scored = frame[frame["score fit"].notna()]
    fitted = {
        "recording": ridge(frame, MEASURES),
        "score": ridge(scored, (*MEASURES, "score fit")),
    }
    content = {
        "predictors": {name: asdict(predictor) for name, predictor in fitted.items()},
        "fitted": {
            "windows": len(frame), "with a score": len(scored),
            "pieces": int(frame.groupby(PLACE[:2])["piece"].nunique().sum()),
            "models": sorted(set(frame["system"])), "commit": runtime.commit(),
        },
    }  # fmt: skip
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def ridge(frame: pd.DataFrame, names: Sequence[str]) -> Predictor:
    """Ridge regression of the truth on measures; the penalty that leaves the least absolute error
    in pieces that are left out, five folds; the interval is that of the same errors.

    Hoerl and Kennard, "Ridge regression", Technometrics 12(1), 1970.
    """
    folds = frame.groupby("piece").ngroup().to_numpy() % 5
    errors = {penalty: np.zeros(len(frame)) for penalty in PENALTIES}
    for fold in range(5):
        kept, left = frame[folds != fold], frame[folds == fold]
        for penalty, found in errors.items():
            values = solve(kept, names, penalty).values(columns(left))
            found[folds == fold] = left["truth"].to_numpy() - values
    best = min(errors, key=lambda penalty: np.abs(errors[penalty]).mean())
    edges = np.quantile(errors[best], [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
    return solve(frame, names, best, *edges.tolist())


def solve(
    frame: pd.DataFrame, names: Sequence[str], penalty: float, low: float = 0.0, high: float = 0.0
) -> Predictor:
    """The coefficients for one penalty; a missing measure counts as its mean."""
    measured = frame[list(names)].to_numpy(float)
    means, scales = np.nanmean(measured, axis=0), np.nanstd(measured, axis=0) + 1e-9
    scaled = np.nan_to_num((measured - means) / scales, nan=0.0).clip(-FARTHEST, FARTHEST)
    truth = frame["truth"].to_numpy(float)
    gram = scaled.T @ scaled + penalty * np.eye(len(names))
    weights = np.linalg.solve(gram, scaled.T @ (truth - truth.mean()))
    return Predictor(
        tuple(names), tuple(means.tolist()), tuple(scales.tolist()), tuple(weights.tolist()),
        float(truth.mean()), low, high,
    )  # fmt: skip


def columns(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The measures of a frame, as a predictor takes them."""
    return {name: frame[name].to_numpy(float) for name in (*MEASURES, "score fit")}


def estimated(frame: pd.DataFrame) -> pd.DataFrame:
    """The windows with the estimate, low and high in dB, with a score and without: the columns
    `value`, `low`, `high` and `kind`. Windows without a score have no estimate with one."""
    tables = []
    for kind, predictor in predictors().items():
        rows = frame if kind == "recording" else frame[frame["score fit"].notna()]
        found = [predictor.estimate([v]) for v in predictor.values(columns(rows))]
        tables.append(rows.assign(kind=kind, **pd.DataFrame(map(asdict, found), rows.index)))
    return pd.concat(tables, ignore_index=True)


def agreement(rows: pd.DataFrame, seed: int = 0) -> dict[str, float]:
    """How estimates and true SI-SDR of windows agree.

    The interval of Spearman's rho is a percentile bootstrap over pieces, since the windows of one
    are not independent of each other; NaN for fewer than `FEWEST` pieces.
    """
    error = rows["value"] - rows["truth"]
    inside = (rows["low"] <= rows["truth"]) & (rows["truth"] <= rows["high"])
    pieces = [group for _, group in rows.groupby("piece")]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES if len(pieces) >= FEWEST else 0):
        chosen = pd.concat([pieces[k] for k in rng.integers(len(pieces), size=len(pieces))])
        drawn.append(spearmanr(chosen["value"], chosen["truth"])[0])
    low, high = np.nanquantile(drawn, [0.025, 0.975]) if drawn else (np.nan, np.nan)
    rho = float(spearmanr(rows["value"], rows["truth"])[0])
    return {
        "Spearman's rho": rho,
        "Spearman's rho, 95 % from": float(low),
        "Spearman's rho, 95 % to": float(high),
        "mean absolute error (dB)": float(error.abs().mean()),
        "mean error (dB)": float(error.mean()),
        "in the interval of 80 %": float(inside.mean()),
    }


def groups(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """(test_data, kind, windows), of each test and of all real ones, with the instruments named,
    and of those that were detected or named too many."""
    for kind, rows in frame.groupby("kind"):
        named = rows["config"] == "instruments named"
        real = ~rows["test_data"].str.startswith("rendered")
        for test, own in rows[named].groupby("test_data"):
            yield test, kind, own
        yield "real", kind, rows[named & real]
        yield "real, instruments detected", kind, rows[~named & real]
        yield "rendered, one too many", kind, rows[~named & ~real]


def add_estimates(table: Path, provenance: Provenance) -> None:
    """Rows of the estimates of every window, and of how they agree with the truth."""
    frame = estimated(windows(table))
    rows = []
    for at in frame.itertuples():
        where = replace(provenance, test_data=at.test_data, config=at.config)
        for metric in ("value", "low", "high"):
            rows.append(
                Row(system=at.system, track=at.track, instrument=at.instrument,
                    metric=f"estimated SI-SDR, {NAMES[at.kind]}, {metric}",
                    value=float(getattr(at, metric)), n_seconds=WINDOW, **asdict(where))
            )  # fmt: skip
    for test, kind, own in groups(frame):
        if len(own) < 3:
            continue
        where = replace(provenance, test_data=test, config=NAMES[kind])
        for metric, value in {**agreement(own), "windows of stems": len(own)}.items():
            rows.append(
                Row(system="estimate", track=results.ALL, instrument=results.ALL, metric=metric,
                    value=float(value), n_seconds=WINDOW * len(own), **asdict(where))
            )  # fmt: skip
    results.append(table, rows)


def fooled(frame: pd.DataFrame, count: int = 8) -> pd.DataFrame:
    """The real windows whose estimates, without a score, are farthest from the truth."""
    rows = frame[(frame["kind"] == "recording") & (frame["config"] == "instruments named")]
    rows = rows[~rows["test_data"].str.startswith("rendered")]
    order = (rows["value"] - rows["truth"]).abs().sort_values(ascending=False).index[:count]
    kept = ["test_data", "track", "instrument", "truth", "value", "low", "high"]
    return rows.loc[order, kept].round(1)


def plot_estimates(frame: pd.DataFrame) -> Figure:
    """Estimate against true SI-SDR: a dot for each stem in each window, a panel for each kind."""
    figure = Figure(8.0, 3.8)
    named = frame[frame["config"] == "instruments named"]
    with style():
        axes = figure.subplots(1, len(NAMES), sharex=True, sharey=True)
        for ax, (kind, title) in zip(axes, NAMES.items(), strict=True):
            rows = named[named["kind"] == kind]
            for (test, own), shade in zip(rows.groupby("test_data"), SERIES, strict=False):
                rendered = test.startswith("rendered")
                ax.plot(
                    own["value"], own["truth"], "o", color=MUTED if rendered else shade,
                    markersize=2.5 if rendered else 4, zorder=1 if rendered else 2, label=test,
                )  # fmt: skip
            ax.plot([LEAST, MOST], [LEAST, MOST], color=INK, linewidth=0.8)
            ax.set(title=title, xlabel="estimated SI-SDR (dB)", aspect="equal")
            ax.set(xlim=(LEAST, MOST), ylim=(LEAST - 0.5, MOST))
            ax.grid()
        axes[0].set_ylabel("true SI-SDR (dB)")
        add_legend(figure, axes[0])
    return figure


def report(table: Path) -> None:
    """Print how estimates and truth agree, and where they do not."""
    frame = estimated(windows(table))
    publish(plot_estimates(frame), table.stem)
    for test, kind, own in groups(frame):
        if len(own) >= 3:
            found = ", ".join(f"{name} {value:.2f}" for name, value in agreement(own).items())
            print(f"{test}, {NAMES[kind]} ({len(own)} windows of stems): {found}")
    print(fooled(frame).to_string(index=False))
