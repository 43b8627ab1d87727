"""What the coupling of players may be read from: simulated onsets, without any sound."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from experiments.ensemble_players import CORRECTION, MOTOR, SWAY, TIMEKEEPER
from helpers.evaluation.rows import Provenance, Row
from helpers.music.scores import CHORALE_QUARTET
from helpers.playing.phase_correction import fit_coupling, simulate
from helpers.playing.timing import Chords

TIMING = "simulated timing"
WIDTH = 2.0  # written seconds in which the tempo may change
GAP = 0.8  # seconds from chord to chord


def measure_timing(events: int, noise: float, width: float | None, seeds: int = 40) -> list[Row]:
    """The fit to simulated onsets that are known to `noise` milliseconds, of four players.

    width: of `fit_coupling`; None fits a steady tempo to a steady one. With `WIDTH`, as recordings
    are measured, the tempo sways by `SWAY`.
    """
    off = ~np.eye(4, dtype=bool)
    written = GAP * np.arange(events)
    sway = 0.0 if width is None else SWAY
    gaps = GAP * (1 + sway * np.sin(2 * np.pi * written[:-1] / 8.0))
    fits, leaders = [], []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, events])
        onsets = simulate(CORRECTION, TIMEKEEPER, MOTOR, gaps, rng)
        onsets = onsets + rng.normal(0.0, noise / 1000, onsets.shape)
        found = fit_coupling([Chords(CHORALE_QUARTET, written, onsets)], width)
        fits.append(found.correction[off])
        leaders.append(found.following().argmin() == 0)
    errors = np.array(fits) - CORRECTION[off]
    values = {
        "correction, bias": np.mean(errors),
        "correction, error (RMS)": np.sqrt(np.mean(np.square(errors))),
        "correction, correlation": np.mean([np.corrcoef(f, CORRECTION[off])[0, 1] for f in fits]),
        "leader found (share)": np.mean(leaders),
    }
    where, track = asdict(Provenance("none", TIMING)), timing_track(events, noise, width)
    return [
        Row(system="bGLS", track=track, instrument="all", metric=metric, value=float(value),
            n_seconds=GAP * events, **where)
        for metric, value in values.items()
    ]  # fmt: skip


def timing_track(events: int, noise: float, width: float | None) -> str:
    tempo = "steady tempo" if width is None else "swaying tempo"
    return f"{events} chords, onsets to {noise:g} ms, {tempo}"
