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


def test_the_archive_on_paper_follows_from_what_was_measured():
    archive = importlib.import_module("benchmarks.archive")
    one = archive.Run(
        210, 200, 1.5, audio=1000, read=176_400_000, written=529_200_000, recordings=50
    )
    many = archive.Run(110, 100, 1.5, audio=1000, read=0, written=0, recordings=50)
    killed = archive.Run(130, 120, 1.5, audio=1000, read=0, written=0, recordings=50)
    table = archive.measured(one, many, killed)
    assert "| 110 s | 10.0 | 2.00 (aim: 1.7) | 1.50 GiB |" in table
    assert "The killed worker cost 20 s" in table
    text = archive.on_paper(one, many)
    # 3.6e9 s of audio at 5 x real time on 16 cores: 4.5e7 s
    assert "| 1 | 521 days | 14.1 MB/s | 42.3 MB/s | 4.52 % |" in text
    assert "| 10 | 52.1 days |" in text and "From about 22 machines on" in text
    assert "635 TB as 16-bit WAV" in text and "players are 1,905 TB" in text


def test_the_archive_benchmark_has_a_section_in_both_pages():
    archive = importlib.import_module("benchmarks.archive")
    for page, name in ((archive.PAGE, "archive"), (archive.ESTIMATES, "archives")):
        assert len(re.findall(f"<!-- /?{name} -->", page.read_text(encoding="utf-8"))) == 2
