"""A training that was killed or interrupted goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from helpers.training.history import History
from helpers.training.losses import negative_snr
from helpers.training.runs import TrainingError
from helpers.training.trainer import TrainingConfig, fit
from tests.training.tiny import TwoTones, separator

HERE = Path(__file__).parent
CONFIG = TrainingConfig(
    steps=60,
    batch_size=4,
    learning_rate=1e-2,
    warmup_steps=5,
    validate_every=12,
    checkpoint_every=10,
    log_every=1,
)


def train(folder, config=CONFIG, model=None):
    """Train on the tones; returns (model, history)."""
    model = model or separator()
    validation = TwoTones(4, seed=1)
    history = fit(
        model,
        negative_snr,
        TwoTones(),
        validation,
        config=config,
        folder=folder,
        progress=False,
    )
    return model, history


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """(weights, history) of the training that nothing disturbed."""
    model, history = train(tmp_path_factory.mktemp("unbroken"))
    return model.state_dict(), history


@pytest.fixture
def process(tmp_path):
    """Start the training of `CONFIG` in `tmp_path / "run"`, in a process group of its own."""
    started = []

    def start(**changes):
        script = [str(HERE / "tones_script.py"), str(tmp_path / "run")]
        settings = json.dumps(asdict(replace(CONFIG, **changes)))
        child = subprocess.Popen(
            [sys.executable, *script, settings, "0.02", str(tmp_path / "weights.pt")],
            cwd=HERE,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


def wait_for_step(folder, step, child):
    """Return once the log has reached a step; fail where the process ends before it."""
    deadline = time.monotonic() + 120
    while True:
        rows = History.read(folder / "log.csv").rows
        if rows and rows[-1]["step"] >= step:
            return
        assert child.poll() is None, child.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def same(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


def without_times(history):
    return [
        {name: str(row[name]) for name in ("step", "loss", "gradient_norm", "val_si_sdr")}
        for row in history.rows
    ]


def test_a_killed_training_ends_with_the_weights_of_an_unbroken_one(tmp_path, process, unbroken):
    folder = tmp_path / "run"
    child = process(workers=2)
    wait_for_step(folder, 26, child)  # the best is of step 24, the state of step 20
    child.kill()
    child.wait()
    left_off = torch.load(folder / "last.ckpt", weights_only=True)["step"]
    assert 20 <= left_off < CONFIG.steps
    assert History.read(folder / "log.csv").rows[-1]["step"] > left_off
    model, history = train(folder)
    assert same(model.state_dict(), unbroken[0])
    assert history.finished
    assert without_times(history) == without_times(unbroken[1])
    assert without_times(History.read(folder / "log.csv")) == without_times(history)


def test_ctrl_c_saves_ends_cleanly_and_loses_nothing(tmp_path, process, unbroken):
    folder = tmp_path / "run"
    child = process(workers=2)
    wait_for_step(folder, 23, child)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    printed, complaint = child.communicate(timeout=60)
    assert child.returncode == 0, complaint
    assert "Traceback" not in complaint
    step = torch.load(folder / "last.ckpt", weights_only=True)["step"]
    assert printed.split() == ["interrupted", str(step)]
    assert 23 <= step < CONFIG.steps
    assert (tmp_path / "weights.pt").exists()
    model, history = train(folder)
    assert same(model.state_dict(), unbroken[0])
    assert history.finished


def test_a_finished_training_returns_at_once_with_its_result(tmp_path, unbroken):
    config = replace(CONFIG, steps=12)
    first, history = train(tmp_path, config)
    again, repeated = train(tmp_path, config, model=separator(seed=5))
    assert same(first.state_dict(), again.state_dict())
    assert str(repeated) == str(history)


def test_more_steps_go_on_from_the_last_one(tmp_path):
    train(tmp_path, replace(CONFIG, steps=10))
    _, history = train(tmp_path, replace(CONFIG, steps=14, log_every=2, workers=1))
    assert [row["step"] for row in history.rows] == [*range(1, 11), 12, 14]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"learning_rate": 0.5}, r"learning_rate 0.01 \(now 0.5\)"),
        ({"seed": 7}, r"seed 0 \(now 7\)"),
        ({"steps": 5}, r"steps 10 \(now 5\)"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, changes, sentence):
    train(tmp_path, replace(CONFIG, steps=10))
    with pytest.raises(TrainingError, match=f"last.ckpt: .*{sentence}"):
        train(tmp_path, replace(CONFIG, **{"steps": 10, **changes}))


def test_a_state_from_before_a_setting_was_there_goes_on(tmp_path):
    train(tmp_path, replace(CONFIG, steps=10))
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    del state["settings"]["final_rate"]
    torch.save(state, tmp_path / "last.ckpt")
    with pytest.raises(TrainingError, match=r"final_rate 0.0 \(now 0.5\)"):
        train(tmp_path, replace(CONFIG, steps=11, final_rate=0.5))
    _, history = train(tmp_path, replace(CONFIG, steps=11))
    assert history.rows[-1]["step"] == 11


def test_another_model_is_refused(tmp_path):
    train(tmp_path, replace(CONFIG, steps=2))
    other = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 1), torch.nn.Unflatten(1, (2, 1)))
    with pytest.raises(TrainingError, match="not those of this model"):
        train(tmp_path, replace(CONFIG, steps=4), model=other)


def test_a_damaged_state_is_refused_by_name(tmp_path):
    train(tmp_path, replace(CONFIG, steps=2))
    state = tmp_path / "last.ckpt"
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(TrainingError, match="last.ckpt: cannot be read"):
        train(tmp_path, replace(CONFIG, steps=4))


def test_a_failed_write_leaves_the_state_before_it(tmp_path, monkeypatch):
    train(tmp_path, replace(CONFIG, steps=2))
    before = (tmp_path / "last.ckpt").read_bytes()

    def fill_the_disk(state, path):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        train(tmp_path, replace(CONFIG, steps=4))
    assert (tmp_path / "last.ckpt").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt", "log.csv"]
