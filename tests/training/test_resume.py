"""A killed or interrupted training resumes and ends with the same weights."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from helpers.commands import errors
from helpers.training.config import TrainingConfig
from helpers.training.execution import interruption
from helpers.training.history import History
from helpers.training.losses import negative_snr
from helpers.training.runs import RunFolder, TrainingError
from helpers.training.trainer import fit
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
    """(weights, history) of an uninterrupted training."""
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


def test_more_steps_continue_from_the_last_one(tmp_path):
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
    with pytest.raises(TrainingError, match=f"last.ckpt: .*{sentence}") as refusal:
        train(tmp_path, replace(CONFIG, **{"steps": 10, **changes}))
    assert errors.sentence(refusal.value) == str(refusal.value)  # what the command prints


def test_a_state_without_a_newer_setting_resumes(tmp_path):
    train(tmp_path, replace(CONFIG, steps=10))
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    del state["settings"]["final_rate"]
    torch.save(state, tmp_path / "last.ckpt")
    with pytest.raises(TrainingError, match=r"final_rate 0.0 \(now 0.5\)"):
        train(tmp_path, replace(CONFIG, steps=11, final_rate=0.5))
    _, history = train(tmp_path, replace(CONFIG, steps=11))
    assert history.rows[-1]["step"] == 11


def test_a_training_with_automatic_precision_resumes_on_any_device(tmp_path):
    train(tmp_path, replace(CONFIG, steps=2, precision="bf16-mixed"))
    assert train(tmp_path, replace(CONFIG, steps=3, precision="auto"))[1].finished
    with pytest.raises(TrainingError, match=r"precision auto \(now 32-true\)"):
        train(tmp_path, replace(CONFIG, steps=4))


def test_another_model_is_refused(tmp_path):
    train(tmp_path, replace(CONFIG, steps=2))
    other = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 1), torch.nn.Unflatten(1, (2, 1)))
    with pytest.raises(TrainingError, match="not those of this model"):
        train(tmp_path, replace(CONFIG, steps=4), model=other)


def train_until(step, folder, config=CONFIG):
    """Train on the tones until the examples of a step cannot be read."""

    class Breaking(TwoTones):
        def __getitem__(self, index):
            if index == step * config.batch_size:
                raise RuntimeError("the disk failed")
            return super().__getitem__(index)

    with pytest.raises(RuntimeError, match="the disk failed"):
        fit(
            separator(), negative_snr, Breaking(), TwoTones(4, seed=1), config=config,
            folder=folder, progress=False,
        )  # fmt: skip


def damage(path):
    path.write_bytes(path.read_bytes()[:500])


def remove_key(path):
    state = torch.load(path, weights_only=True)
    del state["optimizer"]
    torch.save(state, path)


def changed(change):
    """Break a part of a state."""

    def break_file(path):
        state = torch.load(path, weights_only=True)
        change(state)
        torch.save(state, path)

    return break_file


BROKEN_PARTS = {
    "settings": lambda state: state.update(settings=3),
    "steps": lambda state: state["settings"].pop("steps"),
    "step": lambda state: state.update(step="45"),
    "step below": lambda state: state.update(step=-5),
    "step above": lambda state: state.update(step=10**12),
    "seconds": lambda state: state.update(seconds=float("nan")),
    "weights": lambda state: state["model"].pop("layers.0.bias"),
    "average": lambda state: state.update(average={}),
    "moments": lambda state: state["optimizer"]["state"][0].pop("exp_avg"),
    "shape": lambda state: state["optimizer"]["state"][0].update(exp_avg=torch.zeros(1)),
    "groups": lambda state: state["optimizer"].update(param_groups=[]),
    "betas": lambda state: state["optimizer"]["param_groups"][0].pop("betas"),
    "rows": lambda state: state.update(rows=[{"step": 1}]),
    "row": lambda state: state.update(rows=[3]),
    "window": lambda state: state.update(window=("a", 2)),
    "list": lambda state: state.update(optimizer=[]),
}


@pytest.mark.parametrize("part", BROKEN_PARTS)
def test_a_state_with_a_broken_part_is_replaced_by_the_one_before(tmp_path, part, half, unbroken):
    shutil.copytree(half, tmp_path / "run")
    changed(BROKEN_PARTS[part])(tmp_path / "run" / "last.ckpt")
    model, history = train(tmp_path / "run")
    assert same(model.state_dict(), unbroken[0])
    assert without_times(history) == without_times(unbroken[1])
    for name in ("last.ckpt", "previous.ckpt"):
        changed(BROKEN_PARTS[part])(tmp_path / "run" / name)
    with pytest.raises(TrainingError, match=r"last.ckpt: .*(cannot be read|not those|begun with)"):
        train(tmp_path / "run")


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """The folder of a training that broke off at step 45, with two states."""
    folder = tmp_path_factory.mktemp("half") / "run"
    train_until(45, folder)
    return folder


def test_best_weights_of_another_model_are_replaced(tmp_path, half):
    shutil.copytree(half, tmp_path / "run")
    changed(lambda best: best["weights"].pop("layers.0.bias"))(tmp_path / "run" / "best.ckpt")
    assert train(tmp_path / "run")[1].finished


def test_one_training_at_a_time(tmp_path):
    files = RunFolder(tmp_path)
    with files.locked(), files.locked(), ThreadPoolExecutor(1) as other:
        told = other.submit(train, tmp_path).exception()
        assert isinstance(told, TrainingError) and "another training is running" in str(told)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_wait_until_the_block_has_ended(number):
    received = []
    before = signal.signal(number, lambda number, _: received.append(number))
    try:
        with interruption() as interrupted:
            signal.raise_signal(number)
            assert interrupted.is_set() and received == []
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            signal.raise_signal(number)  # while it is being cleaned up
        assert received == [number]
    finally:
        signal.signal(number, before)


def write_nan(path):
    """As older versions did, which saved weights that are not finite."""
    state = torch.load(path, weights_only=True)
    state["model"]["layers.0.bias"][0] = torch.nan
    torch.save(state, path)


@pytest.mark.parametrize("break_file", [damage, remove_key, write_nan, Path.unlink])
def test_a_broken_state_is_replaced_by_the_one_before(tmp_path, break_file, unbroken):
    train_until(45, tmp_path)
    break_file(tmp_path / "last.ckpt")
    model, history = train(tmp_path)
    assert same(model.state_dict(), unbroken[0])
    assert without_times(history) == without_times(unbroken[1])


@pytest.mark.parametrize("break_file", [damage, remove_key, write_nan])
def test_where_no_state_is_good_a_sentence_names_it(tmp_path, break_file):
    train(tmp_path, replace(CONFIG, steps=2))
    break_file(tmp_path / "last.ckpt")
    with pytest.raises(TrainingError, match="last.ckpt: cannot be read"):
        train(tmp_path, replace(CONFIG, steps=4))


@pytest.mark.parametrize("text", [None, b"", b"step,loss\n1,2\n", b"\xff\x00,\n,,"])
def test_a_damaged_or_missing_log_is_written_again(tmp_path, text, unbroken):
    train_until(25, tmp_path)
    log = tmp_path / "log.csv"
    log.unlink() if text is None else log.write_bytes(text)
    model, history = train(tmp_path)
    assert without_times(History.read(log)) == without_times(history)
    assert without_times(history) == without_times(unbroken[1])
    assert same(model.state_dict(), unbroken[0])


@pytest.mark.parametrize("break_file", [damage, Path.unlink])
def test_without_good_best_weights_the_average_takes_their_place(tmp_path, break_file):
    train(tmp_path, replace(CONFIG, steps=12))
    break_file(tmp_path / "best.ckpt")
    model, _ = train(tmp_path, replace(CONFIG, steps=12))
    average = torch.load(tmp_path / "last.ckpt", weights_only=True)["average"]
    assert same(model.state_dict(), average)


def test_means_in_the_log_count_the_steps_before_a_resume(tmp_path):
    config = replace(CONFIG, steps=20, log_every=20, validate_every=20, checkpoint_seconds=0.0)
    _, whole = train(tmp_path / "whole", config)
    train_until(13, tmp_path / "broken", config)
    _, resumed = train(tmp_path / "broken", config)
    assert without_times(resumed) == without_times(whole)


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
    assert {path.name for path in tmp_path.iterdir()} == {"best.ckpt", "last.ckpt", "log.csv"}
