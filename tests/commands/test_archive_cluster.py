"""`divisi separate FOLDER --workers N`: what is lost with a worker is done by another."""

from __future__ import annotations

import csv
import json
import os
import signal
import threading
import time

import pytest

from tests.commands.processes import start

pytest.importorskip("distributed")


def kill_a_worker(output, killed):
    """SIGKILL to the first process that writes stems."""
    import psutil

    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not killed:
        for child in psutil.Process().children(recursive=True):
            try:
                files = [each.path for each in child.open_files()]
            except psutil.Error:
                continue
            if any(str(output) in path for path in files):
                os.kill(child.pid, signal.SIGKILL)
                killed.append(child.pid)
                return
        time.sleep(0.01)


def test_a_worker_that_is_killed_loses_nothing(divisi, recording, duo, tmp_path):
    for number in range(4):
        recording(f"album/{number}.wav", rate=48_000, channels=2, seconds=5)
    output, killed = tmp_path / "out", []
    killer = threading.Thread(target=kill_a_worker, args=(output, killed))
    killer.start()
    words = ("separate", tmp_path / "album", "-o", output, "--model", duo, "--workers", "2")
    code, out, err = divisi(*words)
    killer.join()
    assert killed and (code, err) == (0, [])
    assert sum("s of audio at" in line for line in out) == 4
    assert sorted(path.name for path in output.iterdir()) == ["0", "1", "2", "3", "index.csv"]
    with (output / "index.csv").open(newline="") as file:
        assert [row["error"] for row in csv.DictReader(file)] == [""] * 4
    for number in range(4):
        report = json.loads((output / str(number) / "separation.json").read_text())
        assert all((output / str(number) / name).is_file() for name in report["files"])


def test_ctrl_c_with_workers_leaves_whole_folders(recording, duo, tmp_path, tmp_path_factory):
    for number in range(2):
        recording(f"album/{number}.wav", rate=96_000, channels=8, seconds=30)
    output = tmp_path / "out"
    words = ("separate", tmp_path / "album", "-o", output, "--model", duo, "--workers", "1")
    running = start(*words, folder=tmp_path_factory.mktemp("prints"))
    deadline = time.monotonic() + 300
    while not list(output.rglob(".divisi-*/.*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.stop(signal.SIGINT)
    code, _, err = running.wait()
    assert (code, err) == (130, ["divisi: stopped; no partial output is left."])
    assert {path.name for path in output.rglob("*")} <= {"index.csv"}
