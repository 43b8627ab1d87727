"""The page of the benchmarks, and failed measurements."""

from __future__ import annotations

import importlib
import re

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.tables import README, replace_section, table


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_has_a_section_in_the_page(name):
    text = README.read_text(encoding="utf-8")
    assert len(re.findall(f"<!-- /?{name} -->", text)) == 2


def test_only_the_named_section_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n<!-- y -->\nkept\n<!-- /y -->\n")
    replace_section("x", "new", page)
    replace_section("x", "newer", page)
    assert page.read_text() == (
        "a\n<!-- x -->\n\nnewer\n\n<!-- /x -->\nb\n<!-- y -->\nkept\n<!-- /y -->\n"
    )
    with pytest.raises(ValueError, match="markers of 'z'"):
        replace_section("z", "new", page)


def test_numbers_are_right_aligned():
    assert table(("what", "how much"), [("a", 1)]) == (
        "| what | how much |\n| :-- | --: |\n| a | 1 |"
    )


def test_a_failing_command_is_an_error(tmp_path):
    memory = importlib.import_module("benchmarks.memory")
    with pytest.raises(RuntimeError, match="ended with 2"):
        memory.separate(minutes=0, model=str(tmp_path / "no-model"))
