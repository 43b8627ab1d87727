"""Profile, folders, device, seed and commit."""

from __future__ import annotations

import platform
import re
import subprocess
import sys

import pytest
import torch

from helpers import runtime


def test_the_profile_is_that_of_a_reader_by_default(monkeypatch):
    monkeypatch.delenv("DIVISI_PROFILE", raising=False)
    assert runtime.profile() == "reader"
    for name in ("reader", "smoke", "full"):
        monkeypatch.setenv("DIVISI_PROFILE", name)
        assert runtime.profile() == name


def test_an_unknown_profile_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("DIVISI_PROFILE", "quick")
    with pytest.raises(ValueError, match="'quick'.*'reader', 'smoke' or 'full'"):
        runtime.profile()


def test_a_missing_data_folder_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("DIVISI_DATA", str(tmp_path / "missing"))
    assert runtime.data_root() is None
    monkeypatch.setenv("DIVISI_DATA", str(tmp_path))
    assert runtime.data_root() == tmp_path


def test_an_absent_device_is_refused_instead_of_falling_back():
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(ValueError, match=f"no '{absent}' device; it has: .*cpu"):
        runtime.pick_device(absent)
    with pytest.raises(ValueError, match="choose auto, cpu, cuda or mps"):
        runtime.pick_device("tpu")


def test_the_same_seed_draws_the_same_numbers():
    draws = [(runtime.seed_everything(7).random(), torch.rand(1).item()) for _ in range(2)]
    assert draws[0] == draws[1]


def test_models_come_from_divisi_checkpoints_the_checkout_or_the_package(monkeypatch, tmp_path):
    monkeypatch.delenv("DIVISI_CHECKPOINTS", raising=False)
    assert runtime.checkpoints_root() == runtime.repository_root() / "Checkpoints"
    monkeypatch.setattr(runtime, "PACKAGE", tmp_path / "divisi")
    assert runtime.checkpoints_root() == tmp_path / "divisi" / "checkpoints"
    monkeypatch.setenv("DIVISI_CHECKPOINTS", str(tmp_path))
    assert runtime.checkpoints_root() == tmp_path


def test_outside_a_checkout_results_go_into_the_current_directory(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "PACKAGE", tmp_path / "site-packages" / "divisi")
    monkeypatch.chdir(tmp_path)
    assert runtime.repository_root() == tmp_path
    assert runtime.commit() == "unknown"


def test_the_commit_is_a_hash_or_unknown():
    assert re.fullmatch(r"[0-9a-f]{7,}\+?|unknown", runtime.commit())


def test_runs_are_kept_where_divisi_runs_says_or_on_a_connected_drive(monkeypatch, tmp_path):
    monkeypatch.delenv("DIVISI_RUNS", raising=False)
    monkeypatch.delenv("DIVISI_CACHE", raising=False)
    assert runtime.runs_root() == runtime.repository_root() / "runs"
    monkeypatch.setattr(runtime, "DRIVE", tmp_path / "divisi")
    assert runtime.runs_root() == tmp_path / "divisi" / "runs"
    assert runtime.cache_root() == tmp_path / "divisi" / "cache"
    monkeypatch.setenv("DIVISI_RUNS", str(tmp_path / "elsewhere"))
    assert runtime.keep_on_drive() == tmp_path / "elsewhere"


def test_what_the_code_itself_writes_does_not_change_the_commit(monkeypatch, tmp_path):
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t", *words],
                       cwd=tmp_path, check=True, capture_output=True)  # fmt: skip

    monkeypatch.setattr(runtime, "PACKAGE", tmp_path / "helpers")
    written = ["Results/t.csv", "Checkpoints/m.json", "Notebooks/01_x.ipynb"]
    for name in (*written, "pyproject.toml", "code.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("before")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "all")
    for name in written:
        (tmp_path / name).write_text("after")
    assert not runtime.commit().endswith("+")
    (tmp_path / "code.py").write_text("after")
    assert runtime.commit().endswith("+")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="an option of glibc")
def test_freed_memory_is_used_again_without_new_pages():
    code = """
import resource
from contextlib import nullcontext
import torch
from helpers import runtime
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
with runtime.freed_memory_kept() if {keep} else nullcontext():
    for _ in range(4):  # the heap grows to what it needs
        torch.zeros(1 << 24).add_(1)
    before = faults()
    for _ in range(40):
        torch.zeros(1 << 24).add_(1)
    print(faults() - before)
"""
    counts = [
        int(subprocess.run([sys.executable, "-c", code.format(keep=keep)],
                           capture_output=True, text=True, check=True).stdout)
        for keep in (False, True)
    ]  # fmt: skip
    assert counts[1] < counts[0] / 3


def test_without_glibc_nothing_changes(monkeypatch):
    monkeypatch.setattr(runtime.ctypes, "CDLL", lambda _: object())
    with runtime.freed_memory_kept():
        pass
