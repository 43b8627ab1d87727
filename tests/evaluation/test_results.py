"""Tables that several processes write, whose means are known and whose README copy is checked."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from filelock import FileLock

from helpers import runtime
from helpers.evaluation import results
from helpers.evaluation.results import (
    append,
    markdown,
    output_folder,
    read,
    results_path,
    summary,
    update_readme,
)
from helpers.evaluation.rows import Row

WRITER = """
import sys
from dataclasses import replace
from helpers.evaluation.results import append, read
table, pattern, name = sys.argv[1:]
[row] = read(pattern)
for index in range(15):
    append(table, [replace(row, track=f"{name}-{index}")])
"""


@pytest.fixture
def rows(row: Row) -> Callable[..., list[Row]]:
    def make(system: str, values: dict[str, list[float]], **changes) -> list[Row]:
        return [
            replace(row, system=system, instrument=name, track=f"track {i}", value=value, **changes)
            for name, series in values.items()
            for i, value in enumerate(series)
        ]

    return make


def test_rows_come_back_as_they_were_written(tmp_path, rows):
    written = rows("wave-unet", {"violin": [1.5, -2.25], "cello, first": [math.inf]})
    append(tmp_path / "table.csv", written)
    assert sorted(read(tmp_path / "table.csv"), key=str) == sorted(written, key=str)


@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_a_table_that_a_spreadsheet_saved_is_read_and_appended_to(tmp_path, rows, line):
    table, written = tmp_path / "table.csv", rows("wave-unet", {"viola, muted": [1.5, 2.5]})
    append(table, written)
    plain = table.read_bytes()
    saved = plain.replace(b"\n", line.encode()) + line.encode()  # and an empty line at the end
    table.write_bytes(b"\xef\xbb\xbf" + saved)
    assert read(table) == read_back(plain, tmp_path)
    append(table, written)
    assert table.read_bytes() == plain


def read_back(content: bytes, folder) -> list[Row]:
    (folder / "plain.csv").write_bytes(content)
    return read(folder / "plain.csv")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace("12.3457", "12,3457"), "line 2 is wrong: it has 16 cells"),
        (lambda text: text.replace("12.3457", "loud"), "line 2 is wrong: its value 'loud'"),
        (lambda text: text.replace(",0,default", ",,default"), "line 2 is wrong: its seed ''"),
        (lambda text: text.replace("wave-unet", ""), "line 2 is wrong: .* lacks its system"),
        (lambda text: text + text.splitlines()[1][:20], "line 3 is wrong: it has 2 cells"),
        (lambda text: text + '"', "line 3 is wrong: unexpected end of data"),
        (lambda text: text.replace(",", ";"), "semicolons separate its cells"),
        (lambda text: text.replace(",0,", f",{'9' * 6000},"), "line 2 is wrong: its seed"),
        (lambda text: text.encode("utf-16").decode("latin-1"), "not a results table"),
        (lambda text: "", "not a results table"),
    ],
)
def test_what_is_wrong_in_a_table_is_named_by_line(tmp_path, row, damage, message):
    table = tmp_path / "table.csv"
    append(table, [row])
    table.write_text(damage(table.read_text()), encoding="latin-1")
    with pytest.raises(ValueError, match=rf"table\.csv: {message}"):
        read(table)


FORMULAS = ["=1+1", "+1", "-track", "@SUM(A1)", "\tx", "'=1", "''-x", "'plain", "it's", "a=b"]


def test_no_cell_of_text_is_a_formula_and_all_come_back(tmp_path, row):
    table = tmp_path / "table.csv"
    written = [replace(row, track=track, value=-1.0) for track in FORMULAS]
    append(table, written)
    append(table, [])
    assert sorted(read(table), key=str) == sorted(written, key=str)
    with table.open(newline="") as file:
        cells = [line["track"] for line in csv.DictReader(file)]
    assert not any(cell[0] in "=+-@\t\r" for cell in cells)
    assert "-1.0000" in table.read_text()


def test_a_name_that_is_not_utf8_comes_back(tmp_path, row):
    written = replace(row, track=b"caf\xe9".decode("utf-8", "surrogateescape"))
    append(tmp_path / "table.csv", [written])
    assert [each.track for each in read(tmp_path / "table.csv")] == [written.track]


def test_rows_replace_those_with_the_same_key_in_any_order(tmp_path, rows):
    first, second = rows("wave-unet", {"violin": [1.0, 2.0]})
    append(tmp_path / "one.csv", [first, second])
    append(tmp_path / "two.csv", [second, replace(first, value=9.0, commit="old")])
    append(tmp_path / "two.csv", [first])
    assert (tmp_path / "one.csv").read_text() == (tmp_path / "two.csv").read_text()


def test_processes_that_write_at_once_lose_no_row(tmp_path, row):
    table, pattern = tmp_path / "tables" / "table.csv", tmp_path / "pattern.csv"
    append(pattern, [row])
    command = [sys.executable, "-c", WRITER, table, pattern]
    writers = [
        subprocess.Popen([*command, name], cwd=runtime.repository_root()) for name in ("a", "b")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(read(table)) == 30
    assert list(table.parent.iterdir()) == [table]


def test_a_lock_file_that_a_killed_process_left_stops_nobody(tmp_path, row):
    (tmp_path / ".table.csv.lock").touch()
    append(tmp_path / "table.csv", [row])
    assert len(read(tmp_path / "table.csv")) == 1


def test_a_table_that_another_process_holds_is_refused_in_the_end(tmp_path, row, monkeypatch):
    monkeypatch.setattr(results, "LONGEST_WAIT", 0.1)
    with FileLock(tmp_path / ".table.csv.lock"), pytest.raises(ValueError, match="another process"):
        append(tmp_path / "table.csv", [row])


def test_rows_go_into_the_file_that_a_link_names(tmp_path, row):
    (tmp_path / "link.csv").symlink_to(tmp_path / "table.csv")
    append(tmp_path / "link.csv", [row])
    append(tmp_path / "link.csv", [replace(row, track="two")])
    assert (tmp_path / "link.csv").is_symlink() and len(read(tmp_path / "table.csv")) == 2


@pytest.mark.parametrize("profile", ["smoke", "reader"])
def test_rows_of_other_profiles_never_reach_the_published_tables(row, profile):
    table = runtime.repository_root() / "Results" / "never.csv"
    with pytest.raises(ValueError, match="only rows of the full profile"):
        append(table, [replace(row, profile=profile)])
    assert not table.exists()


@pytest.mark.parametrize(
    ("profile", "results", "runs"),
    [
        ("full", "Results", "runs"),
        ("reader", "runs/Results", "runs"),
        ("smoke", "runs/smoke/Results", "runs/smoke"),
    ],
)
def test_only_the_full_profile_writes_into_the_folders_of_the_repository(
    monkeypatch, tmp_path, profile, results, runs
):
    monkeypatch.setenv("DIVISI_PROFILE", profile)
    monkeypatch.setattr("helpers.runtime.repository_root", lambda: tmp_path)
    assert results_path("table") == tmp_path / results / "table.csv"
    assert output_folder("runs") == tmp_path / runs
    assert not list(tmp_path.iterdir())


def test_a_readers_table_begins_with_the_published_rows_and_leaves_them_as_they_are(
    monkeypatch, tmp_path, rows
):
    monkeypatch.delenv("DIVISI_PROFILE", raising=False)
    monkeypatch.setattr("helpers.runtime.repository_root", lambda: tmp_path)
    published = tmp_path / "Results" / "t.csv"
    append(published, rows("m", {"violin": [1.0, 2.0]}))
    before = published.read_bytes()
    path = results_path("t")
    assert path.read_bytes() == before
    own = rows("m", {"violin": [5.0]}, profile="reader", checkpoint_sha256="own")
    append(results_path("t"), own)
    assert [row.value for row in read(path)] == [5.0, 2.0]
    assert published.read_bytes() == before
    append(published, rows("m", {"violin": [1.0, 2.0, 7.0]}))  # a later version of the course
    os.utime(published, (path.stat().st_mtime + 1,) * 2)
    assert len(read(results_path("t"))) == 3


def test_a_csv_with_other_columns_is_refused_by_name(tmp_path, row):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"other.csv: not a results table"):
        append(tmp_path / "other.csv", [row])
    assert (tmp_path / "other.csv").read_text() == "a,b\n1,2\n"


def test_summary_is_mean_and_deviation_and_counts_silent_references_separately(tmp_path, rows):
    append(tmp_path / "table.csv", rows("m", {"violin": [1.0, 3.0, math.nan], "cello": [5.0]}))
    table = summary(tmp_path / "table.csv").set_index("instrument")
    assert table.loc["violin", ["mean", "n", "silent"]].tolist() == [2.0, 2, 1]
    assert table.loc["violin", "std"] == pytest.approx(math.sqrt(2))
    assert table.loc["all", ["mean", "n"]].tolist() == [3.0, 3]


def test_a_system_that_lacks_stems_has_no_mean_beside_those_that_have_all(tmp_path, rows):
    append(tmp_path / "t.csv", rows("whole", {"violin": [1.0, 2.0], "cello": [3.0]}))
    append(tmp_path / "t.csv", rows("partial", {"violin": [1.0, 2.0]}))
    assert "| partial |  | 1.5 ± 0.7 |  |" in markdown(summary(tmp_path / "t.csv"))


def test_systems_with_other_configs_are_never_averaged(tmp_path, rows):
    append(tmp_path / "t.csv", rows("m", {"violin": [1.0]}, config="he"))
    append(tmp_path / "t.csv", rows("m", {"violin": [9.0]}, config="xavier"))
    assert "| m | he | 1.0 | 1.0 |" in markdown(summary(tmp_path / "t.csv"))


def test_markdown_has_floor_first_and_ceiling_last(tmp_path, rows):
    for system, value in (("oracle-irm", 9.0), ("z-net", 3.0), ("mixture", -4.8), ("a-net", 1.0)):
        append(tmp_path / "t.csv", rows(system, {"violin": [value - 1, value + 1]}))
    assert markdown(summary(tmp_path / "t.csv")) == (
        "| system | violin | all |\n"
        "| --- | ---: | ---: |\n"
        "| mixture | -4.8 ± 1.4 | -4.8 ± 1.4 |\n"
        "| a-net | 1.0 ± 1.4 | 1.0 ± 1.4 |\n"
        "| z-net | 3.0 ± 1.4 | 3.0 ± 1.4 |\n"
        "| oracle-irm | 9.0 ± 1.4 | 9.0 ± 1.4 |\n"
    )


def test_readme_is_stale_until_it_is_written_and_then_not(tmp_path, rows):
    readme = tmp_path / "README.md"
    readme.write_text("Before\n<!-- results:t SNR -->\nold\n<!-- /results -->\nafter\n")
    append(tmp_path / "t.csv", rows("m", {"violin": [2.0]}, metric="SNR"))
    assert update_readme(readme, tmp_path, check=True)
    assert "old" in readme.read_text()
    assert update_readme(readme, tmp_path)
    assert "| m | 2.0 | 2.0 |\n<!-- /results -->\nafter\n" in readme.read_text()
    assert not update_readme(readme, tmp_path, check=True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<!-- results:none -->\n<!-- /results -->", "there is no .*none.csv"),
        ("<!-- results:t -->\n", "no end marker '<!-- /results -->'"),
        (
            "<!-- results:t -->\n<!-- results:t -->\n<!-- /results -->",
            "no end marker '<!-- /results",
        ),
    ],
)
def test_broken_marker_is_refused(tmp_path, text, sentence, row):
    (tmp_path / "README.md").write_text(text)
    append(tmp_path / "t.csv", [row])
    with pytest.raises(ValueError, match=sentence):
        update_readme(tmp_path / "README.md", tmp_path)
