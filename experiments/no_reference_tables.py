"""The fit of the estimates of quality, and how they compare with the true SI-SDR."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import runtime
from helpers.evaluation import results
from helpers.evaluation.no_reference import LEAKS
from helpers.evaluation.quality_estimate import FILE, INTERVAL, LEAST, MOST, SOUNDS, Predictor

MEASURES = ("remix", "shift", "semitone", "certainty", "overlap", "leakage", "level", "players")
PLACE = ["system", "test_data", "config", "track", "instrument"]
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
    scaled = np.nan_to_num((measured - means) / scales, nan=0.0)
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
