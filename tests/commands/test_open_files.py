"""No file is renamed, replaced or removed while it is open: Windows refuses that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

OPEN = Path("/proc/self/fd")
pytestmark = pytest.mark.skipif(not OPEN.is_dir(), reason="this system does not list open files")


def opened() -> set[Path]:
    return {Path(os.path.realpath(link)) for link in OPEN.iterdir()}


@pytest.fixture
def windows(monkeypatch):
    """Let the system refuse as Windows does; returns what was renamed, replaced or removed."""
    touched = []

    def careful(act):
        def act_on(*paths, **options):
            for path in paths:
                whole = Path(os.path.realpath(path))
                blocked = [each for each in opened() if each.is_relative_to(whole)]
                if blocked:
                    raise PermissionError(13, "the file is open", str(blocked[0]))
                touched.append(whole.name)
            return act(*paths, **options)

        return act_on

    for name in ("rename", "replace", "unlink"):
        monkeypatch.setattr(os, name, careful(getattr(os, name)))
    return touched


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_separate_replaces_no_open_file(divisi, recording, duo, tmp_path, windows, subtype):
    path = recording(subtype=subtype)
    for more in ([], ["--overwrite"], ["--overwrite", "--minus", "each", "--format", "flac"]):
        code, _, err = divisi("separate", path, "-o", tmp_path / "out", "--model", duo, *more)
        assert (code, err) == (0, [])
    assert {"violin.wav", "bassoon.wav", "quartet"} <= set(windows)


def test_separate_flushes_only_what_is_open_for_writing(
    divisi, recording, duo, tmp_path, monkeypatch
):
    flush = os.fsync

    def careful(descriptor):
        os.write(descriptor, b"")  # an error where the file is open for reading only
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", careful)
    code, _, err = divisi("separate", recording(), "-o", tmp_path / "out", "--model", duo)
    assert (code, err) == (0, [])
