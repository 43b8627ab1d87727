"""Output folders are written completely or not at all, and nothing of the user's is replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import folders
from helpers.folders import FolderError, new_folder, readable_size, targets

MARK = "report.json"


def write(target, overwrite=False, **files):
    """Write files with new_folder, NAME=content, beside a mark."""
    with new_folder(target, overwrite, MARK) as draft:
        (draft / MARK).write_text("{}")
        for name, text in files.items():
            (draft / name).write_text(text)


def content(folder):
    """Name -> text of all files but the mark, also the hidden ones."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != MARK]
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def test_a_folder_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "deep" / "down" / "quartet"
    with new_folder(target, False, MARK) as draft:
        (draft / MARK).write_text('{"gain": 1}')
        (draft / "violin").touch()
        assert not target.exists()
    assert {each.name for each in target.iterdir()} == {MARK, "violin"}
    assert [each.name for each in target.parent.iterdir()] == ["quartet"]
    assert json.loads((target / MARK).read_text()) == {"gain": 1, "files": [MARK, "violin"]}


def test_parent_folders_are_removed_after_a_failure(tmp_path):
    (tmp_path / "deep").mkdir()
    with (
        pytest.raises(ZeroDivisionError),
        new_folder(tmp_path / "deep" / "down" / "quartet", False, MARK) as draft,
    ):
        (draft / "half").touch()
        raise ZeroDivisionError
    assert [each.name for each in tmp_path.rglob("*")] == ["deep"]


def test_a_parent_folder_with_other_files_stays(tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        new_folder(tmp_path / "out" / "quartet", False, MARK),
    ):
        (tmp_path / "out" / "other").mkdir()
        raise ZeroDivisionError
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["other"]


def test_overwriting_replaces_what_the_earlier_run_wrote_and_nothing_else(tmp_path):
    target = tmp_path / "quartet"
    write(target, violin="old", horn="old")
    (target / "my mix.rpp").write_text("mine")
    (target / "takes").mkdir()
    (target / "takes" / "edit.wav").write_text("mine")
    write(target, overwrite=True, violin="new", piano="new")
    mine = {"my mix.rpp": "mine", "takes/edit.wav": "mine"}
    assert content(target) == {"violin": "new", "piano": "new", **mine}
    assert json.loads((target / MARK).read_text())["files"] == ["piano", MARK, "violin"]
    assert [each.name for each in tmp_path.iterdir()] == ["quartet"]
    write(target, overwrite=True, violin="newer")
    assert content(target) == {"violin": "newer", **mine}


def test_a_file_of_the_users_with_the_name_of_a_new_one_is_not_replaced(tmp_path):
    target = tmp_path / "quartet"
    write(target, violin="old")
    (target / "horn").write_text("mine")
    with pytest.raises(FolderError, match="horn: no earlier run wrote this file"):
        write(target, overwrite=True, violin="new", horn="new")
    assert content(target) == {"violin": "old", "horn": "mine"}
    assert [each.name for each in tmp_path.iterdir()] == ["quartet"]


def test_what_a_report_without_a_list_of_files_names_is_replaced(tmp_path):
    target = tmp_path / "quartet"
    write(target, **{"violin.wav": "old", "horn.wav": "old", "recording.wav": "mine"})
    levels = {"recording": {}, "violin": {}, "horn": {}, "residual": {}}
    (target / MARK).write_text(json.dumps({"levels": levels}))
    write(target, overwrite=True, **{"violin.wav": "new"})
    assert content(target) == {"violin.wav": "new", "recording.wav": "mine"}


@pytest.mark.parametrize("text", ["", "[]", "{", "3", '{"files": 3}', "[" * 100_000, "\x00"])
def test_with_a_damaged_report_nothing_is_replaced(tmp_path, text):
    target = tmp_path / "quartet"
    write(target, violin="old")
    (target / MARK).write_text(text)
    with pytest.raises(FolderError, match=MARK):
        write(target, overwrite=True, violin="new")
    assert content(target) == {"violin": "old"}


def test_a_report_that_names_files_elsewhere_deletes_nothing_there(tmp_path):
    target = tmp_path / "quartet"
    (tmp_path / "diary").write_text("mine")
    write(target, violin="old")
    names = ["../diary", str(tmp_path / "diary"), "violin", MARK]
    (target / MARK).write_text(json.dumps({"files": names}))
    write(target, overwrite=True, piano="new")
    assert content(tmp_path) == {"diary": "mine", "quartet/piano": "new"}


def test_a_folder_without_the_mark_is_refused(tmp_path):
    target = tmp_path / "quartet"
    target.mkdir()
    (target / "diary.txt").touch()
    with pytest.raises(FolderError, match=f"quartet: has no {MARK}"):
        write(target, overwrite=True)
    assert [each.name for each in target.iterdir()] == ["diary.txt"]


def test_a_link_is_never_replaced(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "quartet").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FolderError, match="exists and is no folder"):
        write(tmp_path / "quartet", overwrite=True)


@pytest.mark.parametrize("kind", ["folder", "file", "link", "earlier result"])
def test_what_appears_during_the_run_is_never_replaced(tmp_path, kind):
    target = tmp_path / "quartet"
    with (
        pytest.raises(FolderError, match="quartet: exists"),
        new_folder(target, False, MARK) as draft,
    ):
        (draft / MARK).write_text("{}")
        if kind == "file":
            target.write_text("mine")
        elif kind == "link":
            target.symlink_to(tmp_path)
        else:
            target.mkdir()
            (target / (MARK if kind == "earlier result" else "diary")).write_text("mine")
    assert [each.name for each in tmp_path.iterdir()] == ["quartet"]
    assert target.is_symlink() or "mine" in [*content(tmp_path).values(), "mine"]


def test_a_folder_that_appears_in_the_last_moment_is_never_replaced(tmp_path, monkeypatch):
    target = tmp_path / "quartet"
    rename = os.rename

    def late(source, goal):
        target.mkdir()
        (target / "diary").write_text("mine")
        rename(source, goal)

    monkeypatch.setattr(os, "rename", late)
    with pytest.raises(FolderError, match="quartet: cannot be written"):
        write(target, violin="new")
    assert content(tmp_path) == {"quartet/diary": "mine"}


WRITER = """
import sys
from pathlib import Path
from helpers.folders import new_folder
with new_folder(Path(sys.argv[1]), False, "report.json") as draft:
    (draft / "report.json").write_text("{}")
    (draft / "half").write_text("half")
    print("begun", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def writer(tmp_path):
    """Another process that is writing `tmp_path / "out" / NAME` until it is given a line."""
    started = []

    def start(name):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "out" / name)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(Path(folders.__file__).parents[1])},
        )  # fmt: skip
        started.append(child)
        assert child.stdout.readline() == "begun\n"
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


def test_of_two_runs_into_one_folder_the_second_is_told(tmp_path, writer):
    child = writer("quartet")
    with pytest.raises(FolderError, match="quartet: another run is writing it"):
        write(tmp_path / "out" / "quartet", violin="mine")
    write(tmp_path / "out" / "duo", violin="mine")
    child.communicate("\n")
    assert content(tmp_path / "out") == {"quartet/half": "half", "duo/violin": "mine"}


@pytest.mark.parametrize("name", ["quartet", "duo"])
def test_the_draft_of_a_killed_run_goes_at_the_next_run(tmp_path, writer, name):
    child = writer("quartet")
    child.kill()
    child.wait()
    assert content(tmp_path / "out")
    write(tmp_path / "out" / name, violin="mine")
    assert content(tmp_path / "out") == {f"{name}/violin": "mine"}
    assert [each.name for each in (tmp_path / "out").iterdir()] == [name]


def test_recordings_that_would_share_a_folder_are_refused(tmp_path):
    one, other = Path("a/été.wav"), Path("b/e\u0301té.flac".replace("é", "e\u0301"))
    for second in (other, Path("b/ÉTÉ.wav")):
        with pytest.raises(FolderError, match="as .* would"):
            targets([one, second], tmp_path)


def test_a_recording_that_lies_in_a_target_is_refused(tmp_path):
    write(tmp_path / "quartet", **{"violin.wav": "old"})
    (tmp_path / "link").symlink_to(tmp_path / "quartet" / "violin.wav")
    for path in (tmp_path / "quartet" / "violin.wav", tmp_path / "link"):
        with pytest.raises(FolderError, match=f"{path.name}: lies in {tmp_path / 'quartet'}"):
            targets([Path("quartet.wav"), path], tmp_path)


def test_a_file_in_the_place_of_a_parent_is_named(tmp_path):
    (tmp_path / "song.wav").touch()
    with (
        pytest.raises(FolderError, match="song.wav: cannot be made .File exists"),
        new_folder(tmp_path / "song.wav" / "out", True, MARK),
    ):
        pass


@pytest.mark.parametrize("name", ["...wav", ".. .wav"])
def test_a_folder_is_never_the_parent(tmp_path, name):
    assert targets([Path(name)], tmp_path)[Path(name)] == tmp_path / "_"


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (1500, "1.5 kB"), (2.5e9, "2.5 GB"), (4e12, "4 TB")]
)
def test_sizes_are_readable(count, words):
    assert readable_size(count) == words
