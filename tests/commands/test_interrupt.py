"""Ctrl-C at any moment: exit code 130 and no partial output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from helpers.audio import recordings
from helpers.commands import separate
from helpers.inference import stem_files


def start(*words):
    """The command line in its own process, which handles Ctrl-C as in a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "helpers.cli", *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_ctrl_c_while_separating_leaves_nothing(recording, duo, tmp_path):
    path = recording(rate=96_000, channels=8, seconds=30)
    process = start("separate", path, "-o", tmp_path / "out", "--model", duo)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/.divisi-*/.*.part")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "divisi: stopped; no partial output is left.\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("module", "step"),
    [(recordings, "examine"), (stem_files, "write_float"), (stem_files, "write_integer"),
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
