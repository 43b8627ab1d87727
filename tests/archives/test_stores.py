"""Stems at addresses are complete where their report is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.archives import stores
from helpers.folders import FolderError

fsspec = pytest.importorskip("fsspec")
MARK = "report.json"


@pytest.fixture(params=["memory", "file"])
def base(request, tmp_path):
    """An address below which there is nothing."""
    return f"memory://{tmp_path.name}" if request.param == "memory" else f"file://{tmp_path}/store"


@pytest.fixture
def stems(tmp_path):
    """Write a folder of stems, NAME=content, with a report that lists them."""

    def write(**contents):
        folder = tmp_path / "draft"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, text in contents.items():
            (folder / name).write_text(text)
        (folder / MARK).write_text(json.dumps({"files": [*contents, MARK]}))
        return folder

    return write


def content(address):
    return {str(path): Path(where).name for path, (where, _) in stores.files(address).items()}


def test_places_are_told_apart():
    assert stores.place("s3://bucket/album") == "s3://bucket/album"
    assert stores.place("album/a.wav") == Path("album/a.wav")
    assert stores.join("s3://bucket/", "a/b") == "s3://bucket/a/b"
    assert stores.join(Path("out"), "a/b") == Path("out/a/b")


def test_uploaded_stems_are_whole_and_replace_those_of_an_earlier_run(base, stems):
    target = f"{base}/deep/quartet"
    assert stores.read_report(target, MARK) is None
    stores.upload(stems(violin="old", horn="old"), target, MARK)
    assert set(content(target)) == {"violin", "horn", MARK}
    stores.upload(stems(violin="new", piano="new"), target, MARK)
    assert set(content(target)) == {"violin", "piano", MARK}
    assert stores.read_report(target, MARK) == {"files": ["violin", "piano", MARK]}
    assert stores.read_bytes(f"{target}/violin") == b"new"


def test_without_one_of_its_files_a_folder_is_not_whole(base, stems, tmp_path):
    target = f"{base}/quartet"
    folder = stems(violin="v", horn="h")
    stores.upload(folder, target, MARK)
    system, root = fsspec.core.url_to_fs(target)
    system.rm_file(f"{root}/horn")
    (folder / "horn").unlink()
    assert stores.read_report(target, MARK) is None
    assert stores.read_report(folder, MARK) is None


@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt])
def test_of_an_upload_that_breaks_off_nothing_stays(base, stems, monkeypatch, error):
    system, root = fsspec.core.url_to_fs(f"{base}/quartet")
    put = type(system).put_file

    def break_off(self, local, remote, **options):
        if remote.endswith("violin"):
            raise error
        return put(self, local, remote, **options)

    monkeypatch.setattr(type(system), "put_file", break_off)
    expected = FolderError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        stores.upload(stems(horn="h", violin="v"), f"{base}/quartet", MARK)
    assert not system.exists(f"{root}/horn") and not system.exists(f"{root}/{MARK}")


def test_a_recording_is_copied_to_the_disk_for_a_while(base):
    stores.write_text(f"{base}/quartet.wav", "sound")
    with stores.on_disk(f"{base}/quartet.wav") as path:
        assert path.name == "quartet.wav" and path.read_text() == "sound"
    assert not path.exists()
    with stores.on_disk(Path("quartet.wav")) as path:
        assert path == Path("quartet.wav")


def test_what_is_missing_is_one_sentence():
    with (
        pytest.raises(FolderError, match="memory://none.wav: cannot be used"),
        stores.on_disk("memory://none.wav"),
    ):
        pass
    assert stores.read_bytes("memory://none.csv") is None
