"""Files appear whole or not at all, and under names that lead nowhere else."""

from __future__ import annotations

import pytest

from helpers.files import is_plain_name, plain_name, replaced_atomically


def test_a_draft_takes_the_place_of_the_file_when_all_went_well(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with replaced_atomically(path) as draft:
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_the_old_file_stands_and_nothing_else(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(error), replaced_atomically(path) as draft:
        draft.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["violin", "violin-1", "Kl. in B", "été", "a.b"])
def test_plain_names(name):
    assert is_plain_name(name) and plain_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "C:x", "nul", "COM1.wav", "a ", "a.", "x" * 121, "a\0",
     None, 3],
)  # fmt: skip
def test_names_that_lead_elsewhere_or_exist_on_some_systems_only(name):
    assert not is_plain_name(name)
    if isinstance(name, str):
        assert is_plain_name(plain_name(name))
