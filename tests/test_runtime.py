"""Profile, folders, device, seed and commit."""

from __future__ import annotations

import re

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
