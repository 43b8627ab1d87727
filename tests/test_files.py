"""Atomic writes and valid file names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.files import (
    check_names,
    held,
    is_plain_name,
    plain_name,
    read_text,
    replaced_atomically,
)


def test_a_draft_replaces_the_file_on_success(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with replaced_atomically(path) as draft:
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_only_the_old_file_is_left(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(error), replaced_atomically(path) as draft:
        draft.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["violin", "violin-1", "Kl. in B", "été", "a.b"])
def test_plain_names_are_valid(name):
    assert is_plain_name(name) and plain_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "C:x", "nul", "COM1.wav", "a ", "a.", "x" * 121, "a\0",
     "CONIN$", "com\u00b9", "lpt\u00b3.wav", "\u4e00" * 90, "\ud800", "a\x7f", "a\x9b2J", "\u202ea",
     None, 3],
)  # fmt: skip
def test_invalid_names_become_plain_names(name):
    assert not is_plain_name(name)
    if isinstance(name, str):
        assert is_plain_name(plain_name(name))


@pytest.mark.parametrize(
    "names",
    [["violin", "Violin"], ["stra\u00dfe", "STRASSE"], ["\u00e9", "e\u0301"], ["a", "Residual"]],
)
def test_names_that_are_one_file_somewhere_cannot_lie_in_one_folder(names):
    with pytest.raises(ValueError, match="cannot be used"):
        check_names(names, kept=["residual"])


def test_a_lock_is_held_by_one_and_leaves_no_file(tmp_path):
    lock = tmp_path / "lock"
    with held(lock) as mine, ThreadPoolExecutor(1) as other, held(lock, unsure=False) as again:
        assert mine and not again
        assert other.submit(lambda: held(lock).__enter__()).result() is False
    assert list(tmp_path.iterdir()) == []
    with held(lock) as mine:
        assert mine


def test_a_text_without_end_is_not_read(tmp_path):
    with pytest.raises(ValueError, match="more than"):
        read_text(Path("/dev/zero"))
    (tmp_path / "card").write_text("été", encoding="utf-8")
    assert read_text(tmp_path / "card") == "été"
