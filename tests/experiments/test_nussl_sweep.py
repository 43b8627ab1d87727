"""The sweep at toy size: every row, what resumes, and tables beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.jobs import missing
from experiments.nussl import sweep as nussl_sweep
from experiments.nussl.musicsourcesep import METRICS, Configuration, target_and_rest
from experiments.nussl.sweep import Network, Sweep, run_sweep
from helpers.audio.track import Track
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
    """Runs the sweep of one tiny model for two instruments; returns table and networks."""
    monkeypatch.setattr(nussl_sweep, "CONFIGURATIONS", (TINY,))
    measured = []

    def measure(network, sweep, real=nussl_sweep.measure):
        measured.append((network.instrument, network.piece))
        return real(network, sweep)

    monkeypatch.setattr(nussl_sweep, "measure", measure)
    table = tmp_path / "Results" / "table.csv"

    def once():
        measured.clear()
        run_sweep(sweep, table, (TINY,), ("violin", "bassoon"), workers=1)
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


def test_a_sweep_runs_only_what_the_table_lacks(sweep_once, sweep):
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
    network, longer = Network(TINY, "violin", "01"), replace(sweep, seconds=0.5)
    assert missing([network.job(sweep)], table) == []
    assert len(missing([network.job(longer)], table)) == 1


def test_target_and_rest_are_two_stems_of_the_same_mixture():
    stems = {name: np.full((1, 10), level, "f4") for name, level in (("a", 0.1), ("b", 0.2))}
    track = Track("t", RATE, {**stems, "c": np.full((1, 10), 0.3, "f4")})
    pair = target_and_rest(track, "b")
    assert pair.instruments == ("b", "rest")
    np.testing.assert_array_equal(pair.stems["b"], track.stems["b"])
    np.testing.assert_allclose(pair.mixture, track.mixture, atol=1e-6)
    recorded = replace(track, recording=track.mixture + np.float32(0.01))
    np.testing.assert_array_equal(target_and_rest(recorded, "b").mixture, recorded.recording)


def test_the_trained_network_is_kept_and_is_the_one_that_was_measured(sweep):
    network = Network(TINY, "saxophone", "01")
    rows = nussl_sweep.measure(network, sweep)
    model = load_model(network.folder(sweep) / "nussl-saxophone")
    assert model.sources == ("saxophone", "rest")
    assert {row.checkpoint_sha256 for row in rows} == {model.card["sha256"]}
    assert {path.name for path in network.folder(sweep).iterdir()} == {
        "log.csv", "nussl-saxophone.json", "nussl-saxophone.safetensors",
    }  # fmt: skip
