"""What may make a target easy or hard: spectra, data, pitch. Chapter: 05.

    python -m experiments.target_features

measures, for each target, the overlap of its long-time spectrum with that of the rest, the minutes
of its stems in the training data, and its mean pitch. The quality of the oracle mask is in the
table of `experiments.targets`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from experiments.jobs import Job, run
from experiments.targets import (
    NOTEBOOK,
    TABLE,
    TARGETS,
    recipe_of,
    test_scores,
    test_tracks,
)
from helpers.audio.track import Track
from helpers.display.figures import MUTED, Figure, style
from helpers.display.palette import colour
from helpers.evaluation import results
from helpers.evaluation.rows import Provenance, Row
from helpers.music.scores import Score
from helpers.recipes.stem_banks import stem_bank

FEATURES = "05_target_features"
#: Edges in Hz of the third octaves in which long-time spectra are compared.
BANDS = 50.0 * 2.0 ** (np.arange(24) / 3)
#: The columns of `table` that may explain the improvement, and their labels.
LABELS = {
    "oracle": "oracle mask, SI-SDR (dB)",
    "overlap": "overlap of long-time spectra",
    "minutes": "training data (minutes)",
    "pitch": "mean pitch (MIDI)",
}


def overlap(track: Track) -> float:
    """How much the long-time spectra of the two stems of a track overlap: 0 (nowhere) to 1 (equal).

    The power of each stem in third octaves from 50 Hz to 10 kHz, divided by its sum; the overlap is
    the sum over the bands of the smaller of the two shares.
    """
    shares = []
    for stem in track.stems.values():
        power = np.abs(np.fft.rfft(stem.mean(axis=0))) ** 2
        hertz = np.fft.rfftfreq(stem.shape[1], 1 / track.sample_rate)
        bands = np.add.reduceat(power, np.searchsorted(hertz, BANDS))[:-1]
        shares.append(bands / bands.sum())
    return float(np.minimum(*shares).sum())


def mean_pitch(scores: Iterable[Score], target: str) -> float:
    """The mean MIDI pitch of a target's notes, weighted with their durations."""
    parts = [part for score in scores for part in score.parts if part.instrument == target]
    notes = [(note.pitch, note.duration) for part in parts for note in part.notes]
    pitches, durations = np.array(notes).T
    return float((pitches * durations).sum() / durations.sum())


def minutes_of_training(target: str) -> float:
    """Minutes of stems of a target in the stem bank that it trains from."""
    bank = stem_bank(recipe_of(target), "training")
    samples = sum(each.length for each in bank.variants if each.instrument == target)
    return samples / bank.sample_rate / 60


def feature_job(target: str) -> Job:
    """One row for each feature of a target."""

    def measure() -> list[Row]:
        tracks = test_tracks(target, "rendered")
        values = {
            "overlap": float(np.mean([overlap(track) for track in tracks])),
            "minutes": minutes_of_training(target),
            "pitch": mean_pitch(test_scores(target), target),
        }
        where, seconds = Provenance(NOTEBOOK, "rendered"), sum(track.seconds for track in tracks)
        return [
            Row(
                system="none", track="all", instrument=target, metric=metric, value=value,
                n_seconds=seconds, **vars(where),
            )
            for metric, value in values.items()
        ]  # fmt: skip

    return Job({"instrument": target, "system": "none"}, ["all"], measure)


def table(test: str = "rendered") -> pd.DataFrame:
    """A row for each measured target: floor, SI-SDR, SDR, gain, oracle (dB), and its features.

    Empty where nothing is measured yet.
    """
    path, features = (results.results_path(name) for name in (TABLE, FEATURES))
    if not path.exists():
        return pd.DataFrame()
    rows = results.read_table(path).query("test_data == @test")
    rows = rows.assign(system=rows["system"].where(~rows["system"].str.startswith("open-"), "umx"))
    means = rows.pivot_table("value", "instrument", ["system", "metric"])
    columns = {
        "floor": ("mixture", "SI-SDR"), "SI-SDR": ("umx", "SI-SDR"), "SDR": ("umx", "SDR"),
        "gain": ("umx", "SI-SDRi"), "oracle": ("oracle-irm", "SI-SDR"),
    }  # fmt: skip
    columns = {name: key for name, key in columns.items() if key in means}
    whole = pd.DataFrame({name: means[key] for name, key in columns.items()})
    if features.exists():
        measured = results.read_table(features)
        whole = whole.join(measured.pivot_table("value", "instrument", "metric"))
    return whole.dropna(subset="gain") if "gain" in whole else pd.DataFrame()


def spearman(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's rank correlation, and its 95 % interval by the bootstrap over pairs."""

    def rho(x: np.ndarray, y: np.ndarray) -> float:
        return float(stats.spearmanr(x, y).statistic)

    interval = stats.bootstrap(
        (x, y), rho, paired=True, vectorized=False, n_resamples=2000, method="percentile",
        random_state=0,
    ).confidence_interval  # fmt: skip
    return rho(x, y), float(interval.low), float(interval.high)


def correlations(targets: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rho of each feature with the gain: columns `rho`, `low` and `high`."""
    rows = {name: spearman(targets[name], targets["gain"]) for name in LABELS if name in targets}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["rho", "low", "high"])


def plot_features(targets: pd.DataFrame) -> Figure:
    """The gain of each target in dB against each feature, a dot in its colour with its name."""
    figure = Figure(8.0, 5.6)
    with style():
        axes = figure.subplots(2, 2, sharey=True).flat
        for ax, (name, title) in zip(axes, LABELS.items(), strict=True):
            if name not in targets:
                continue
            for target, row in targets.iterrows():
                ax.plot(row[name], row["gain"], "o", color=colour(target), markersize=5)
                ax.annotate(
                    target, (row[name], row["gain"]), (4, 3), textcoords="offset points",
                    fontsize=7, color=MUTED,
                )  # fmt: skip
            ax.set(xlabel=title)
            ax.margins(x=0.15)
            ax.grid(axis="y")
        figure.supylabel("SI-SDR improvement (dB)", fontsize=9)
    return figure


def stopping_step(validation: Iterable[tuple[int, float]], patience: int) -> int:
    """Where early stopping ends a training: after `patience` validations without a new best one.

    validation: (step, value), more is better. The last step where it never stops.
    """
    best, waited, end = -np.inf, 0, 0
    for end, value in validation:  # noqa: B007 - the step at which it ends
        best, waited = (value, 0) if value > best else (best, waited + 1)
        if waited >= patience:
            break
    return end


def plot_stopping(curves: Mapping[str, Sequence[tuple[int, float]]], patience: int) -> Figure:
    """Validation SI-SDR against the step for each target, and where early stopping would end."""
    figure = Figure(8.0, 3.2)
    with style():
        ax = figure.subplots()
        for target, validation in curves.items():
            steps, values = zip(*validation, strict=True)
            ax.plot(steps, values, color=colour(target), label=target)
            end = stopping_step(validation, patience)
            ax.plot(end, dict(validation)[end], "x", color=colour(target), markersize=7)
        ax.set(xlabel="step", ylabel="validation SI-SDR (dB)")
        ax.grid(axis="y")
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def main() -> None:
    run([feature_job(target) for target in TARGETS], results.results_path(FEATURES))


if __name__ == "__main__":
    main()
