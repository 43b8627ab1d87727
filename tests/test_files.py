"""Atomic writes and valid file names."""

from __future__ import annotations

import pytest

from helpers.files import is_plain_name, plain_name, replaced_atomically


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
     None, 3],
)  # fmt: skip
def test_invalid_names_become_plain_names(name):
    assert not is_plain_name(name)
    if isinstance(name, str):
        assert is_plain_name(plain_name(name))
