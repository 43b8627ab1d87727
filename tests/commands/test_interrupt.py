"""Ctrl-C, SIGTERM and SIGHUP at any moment: their exit codes and no partial output."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from helpers.audio import recordings
from helpers.commands import separate
from helpers.inference import stem_files
from tests.commands.processes import start


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ([signal.SIGINT], 130),
        ([signal.SIGTERM], 143),
        ([signal.SIGHUP], 129),
        ([signal.SIGINT, signal.SIGINT], 130),
        ([signal.SIGHUP, signal.SIGINT, signal.SIGTERM], 129),
    ],
    ids=str,
)
def test_a_signal_while_separating_leaves_nothing(
    recording, duo, tmp_path, tmp_path_factory, signals, code
):
    path = recording(rate=96_000, channels=8, seconds=60)
    prints = tmp_path_factory.mktemp("prints")
    running = start("separate", path, "-o", tmp_path / "out", "--model", duo, folder=prints)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("out/.divisi-*/.*.part")) and time.monotonic() < deadline:
        time.sleep(0.01)
    for number in signals:
        running.stop(number)
    assert running.wait() == (code, [], ["divisi: stopped; no partial output is left."])
    assert list(tmp_path.iterdir()) == [path]


def ignore():
    """As `nohup` does."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_a_signal_that_is_ignored_stays_ignored(recording, duo, tmp_path, tmp_path_factory):
    path = recording(rate=48_000, channels=8, seconds=10)
    words = ("separate", path, "-o", tmp_path / "out", "--model", duo)
    running = start(*words, folder=tmp_path_factory.mktemp("prints"), prepare=ignore)
    while not list(tmp_path.glob("out/.divisi-*/.*.part")) and running.process.is_alive():
        time.sleep(0.01)
    running.stop(signal.SIGHUP)
    assert running.wait()[0] == 0
    assert Path(tmp_path, "out", "quartet", "violin.wav").is_file()


@pytest.mark.parametrize(
    ("module", "step"),
    [(recordings, "examine"), (stem_files, "write_float"), (stem_files, "write_final"),
     (separate, "summary")],
)  # fmt: skip
def test_ctrl_c_at_each_step(divisi, recording, duo, tmp_path, monkeypatch, module, step):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, step, stop)
    code, _, err = divisi("separate", recording(), "-o", tmp_path / "out", "--model", duo)
    assert code == 130 and len(err) == 1
    whole = step == "summary"  # by then the folder is complete
    assert (tmp_path / "out" / "quartet" / "violin.wav").is_file() == whole
    assert whole or not (tmp_path / "out").exists()
