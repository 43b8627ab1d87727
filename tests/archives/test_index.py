"""index.csv: a row a recording, whoever writes it."""

from __future__ import annotations

import csv

import pytest

from helpers.archives import index as module
from helpers.archives.index import Index, Line
from helpers.folders import FolderError

REPORT = {
    "seconds": 12.5, "detected": ["violin", "cello"], "model": "duo", "real_time_factor": 0.1,
    "warnings": ["quartet.wav: is silent."],
}  # fmt: skip


def rows(output):
    with (output / "index.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_has_what_the_report_says(tmp_path):
    index = Index(tmp_path)
    index.add([Line.of_report("in/quartet.wav", "quartet", REPORT)])
    assert rows(tmp_path) == [
        {"recording": "in/quartet.wav", "folder": "quartet", "seconds": "12.5",
         "detected": "violin; cello", "model": "duo", "real_time_factor": "0.1",
         "warnings": "quartet.wav: is silent.", "error": ""}
    ]  # fmt: skip


def test_rows_are_sorted_replaced_and_kept(tmp_path):
    first, second = Index(tmp_path), Index(tmp_path)
    first.add([Line("b.wav", "b", error="it is damaged."), Line("c.wav", "c", seconds="3")])
    second.add([Line("a.wav", "a"), Line("b.wav", "b", seconds="2")])
    assert [(row["folder"], row["seconds"], row["error"]) for row in rows(tmp_path)] == [
        ("a", "", ""), ("b", "2", ""), ("c", "3", "")
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["index.csv"]


def test_names_are_kept_and_are_no_formulas(tmp_path):
    names = ["=1+1", "-a, b", "'quoted'", "'=x", 'two "words"', "two\nlines", "nr\udce9"]
    for _ in range(2):
        Index(tmp_path).add([Line(name, name) for name in names])
    content = (tmp_path / "index.csv").read_bytes().decode("utf-8", "surrogateescape")
    assert set(module._lines(content)) == set(names)
    assert not any(line.startswith(("=", "-")) for line in content.splitlines())


def test_rows_are_collected_where_writing_takes_long_and_written_at_the_end(tmp_path, monkeypatch):
    index = Index(tmp_path)
    index.add([Line("a.wav", "a")])
    index._rest = float("inf")
    index.add([Line("b.wav", "b")])
    assert len(rows(tmp_path)) == 1
    index.write()
    assert len(rows(tmp_path)) == 2


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "", '"', "\x00"])
def test_another_table_of_that_name_is_not_replaced(tmp_path, text):
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(FolderError, match="index.csv: is not the index of an archive"):
        Index(tmp_path)
    assert (tmp_path / "index.csv").read_text() == text


def test_an_index_can_lie_at_an_address():
    fsspec = pytest.importorskip("fsspec")
    Index("memory://indexed").add([Line("a.wav", "a")])
    Index("memory://indexed").add([Line("b.wav", "b")])
    text = fsspec.filesystem("memory").cat_file("/indexed/index.csv").decode()
    assert text.splitlines()[1:] == ["a.wav,a,,,,,,", "b.wav,b,,,,,,"]
