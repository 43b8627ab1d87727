"""The sweep at toy size: every row, what resumes, and tables beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.nussl import sweep as nussl_sweep
from experiments.nussl.musicsourcesep import METRICS, Configuration
from experiments.nussl.sweep import Job, Sweep, finished, remaining, run
from helpers.audio.wav import save
from helpers.evaluation import results
from helpers.training.checkpoints import load_model

RATE = 8000
TINY = Configuration("A", mixes=2, hidden=4, layers=1, dropout=0.0, epoch_length=1, epochs=2)
TONES = {"violin": 1760.0, "clarinet": 880.0, "saxophone": 440.0, "bassoon": 220.0}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Two pieces, the second in two excerpts, of a tone an instrument."""
    folder = tmp_path_factory.mktemp("data") / "bach10_toy"
    time = np.arange(RATE // 2) / RATE
    for name in ("01-excerpt05", "02-excerpt03", "02-excerpt12"):
        (folder / name).mkdir(parents=True)
        for instrument, hertz in TONES.items():
            tone = 0.1 * np.sin(2 * np.pi * hertz * (1 + 0.01 * len(name)) * time)
            save(folder / name / f"{instrument}.wav", tone.astype(np.float32)[None], RATE)
    return folder


@pytest.fixture
def sweep(root, tmp_path) -> Sweep:
    return Sweep(root, tmp_path / "runs", seconds=0.25, device="cpu", sample_rate=RATE)


@pytest.fixture
def sweep_once(sweep, tmp_path, monkeypatch):
    """Runs the sweep of one tiny model for two instruments; returns the table and its jobs."""
    monkeypatch.setattr(nussl_sweep, "CONFIGURATIONS", (TINY,))
    measured = []

    def measure(job, sweep, real=nussl_sweep.measure):
        measured.append((job.instrument, job.piece))
        return real(job, sweep)

    monkeypatch.setattr(nussl_sweep, "measure", measure)
    table = tmp_path / "Results" / "table.csv"

    def once():
        measured.clear()
        run(sweep, table, (TINY,), ("violin", "bassoon"), workers=1)
        return table, list(measured)

    return once


def test_a_sweep_has_a_row_for_every_recording_instrument_and_metric(sweep_once):
    table, measured = sweep_once()
    assert len(measured) == 2 * 2
    rows = results.read(table)
    for system in ("Model A", "mixture", "oracle-irm"):
        keys = [
            (row.instrument, row.track, row.metric)
            for row in rows
            if row.system == system and row.metric in METRICS
        ]
        assert len(keys) == len(set(keys)) == 2 * 3 * len(METRICS)
    assert {path.name for path in table.parent.glob("SepModel_*")} >= {
        "SepModel_violin_FULL_EVAL_RESULTS.csv",
        "SepModel_bassoon_FULL_EVAL_RESULTS.csv",
    }


def test_a_sweep_goes_on_where_rows_are_missing_and_nowhere_else(sweep_once, sweep):
    table, _ = sweep_once()
    whole = table.read_text()
    assert sweep_once() == (table, [])
    assert table.read_text() == whole
    lost = [
        line
        for line in whole.splitlines(keepends=True)
        if not ("Model A" in line and ",02-excerpt12,bassoon," in line)
    ]
    table.write_text("".join(lost))
    assert sweep_once() == (table, [("bassoon", "02")])
    values = [[(row.key, row.value) for row in results.read(path)] for path in (table,)]
    table.write_text(whole)
    assert values == [[(row.key, row.value) for row in results.read(table)]]


def test_mixtures_of_another_length_are_another_experiment(sweep_once, sweep):
    table, _ = sweep_once()
    jobs = [Job(TINY, "violin", "01")]
    assert remaining(jobs, sweep, table) == []
    assert remaining(jobs, replace(sweep, seconds=0.5), table) == jobs


def test_two_processes_measure_what_one_does(sweep):
    jobs = [Job(TINY, "violin", "01"), Job(TINY, "violin", "02")]
    again = replace(sweep, runs=sweep.runs / "again")
    alone = {job.piece: rows for job, rows in finished(jobs, sweep, workers=1)}
    together = {job.piece: rows for job, rows in finished(jobs, again, workers=2)}
    assert together == alone


def test_the_trained_network_is_kept_and_is_the_one_that_was_measured(sweep):
    job = Job(TINY, "saxophone", "01")
    rows = nussl_sweep.measure(job, sweep)
    model = load_model(job.folder(sweep) / "nussl-saxophone")
    assert model.sources == ("saxophone", "rest")
    assert {row.checkpoint_sha256 for row in rows} == {model.card["sha256"]}
    assert {path.name for path in job.folder(sweep).iterdir()} == {
        "log.csv", "nussl-saxophone.json", "nussl-saxophone.safetensors",
    }  # fmt: skip
