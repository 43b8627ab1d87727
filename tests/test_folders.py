"""Output folders are written completely or not at all."""

from __future__ import annotations

import pytest

from helpers.folders import FolderError, new_folder, readable_size


def test_a_folder_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "deep" / "down" / "quartet"
    with new_folder(target, overwrite=False, mark="done") as draft:
        (draft / "done").touch()
        assert not target.exists()
    assert [each.name for each in target.iterdir()] == ["done"]
    assert [each.name for each in target.parent.iterdir()] == ["quartet"]


def test_parent_folders_are_removed_after_a_failure(tmp_path):
    (tmp_path / "deep").mkdir()
    with (
        pytest.raises(ZeroDivisionError),
        new_folder(tmp_path / "deep" / "down" / "quartet", False, "done") as draft,
    ):
        (draft / "half").touch()
        raise ZeroDivisionError
    assert [each.name for each in tmp_path.rglob("*")] == ["deep"]


def test_a_parent_folder_with_other_files_stays(tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        new_folder(tmp_path / "out" / "quartet", False, "done"),
    ):
        (tmp_path / "out" / "other").mkdir()
        raise ZeroDivisionError
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["other"]


def test_only_folders_with_our_mark_are_replaced(tmp_path):
    target = tmp_path / "quartet"
    target.mkdir()
    (target / "diary.txt").touch()
    with pytest.raises(FolderError, match="quartet"), new_folder(target, True, "done"):
        pass
    (target / "done").touch()
    with new_folder(target, True, "done") as draft:
        (draft / "new").touch()
    assert [each.name for each in target.rglob("*")] == ["new"]
    assert [each.name for each in tmp_path.iterdir()] == ["quartet"]


def test_a_link_is_never_replaced(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "quartet").symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(FolderError, match="exists and is no folder"),
        new_folder(tmp_path / "quartet", True, "done"),
    ):
        pass


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (1500, "1.5 kB"), (2.5e9, "2.5 GB"), (4e12, "4 TB")]
)
def test_sizes_are_readable(count, words):
    assert readable_size(count) == words
