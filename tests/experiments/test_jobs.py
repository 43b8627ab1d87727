"""Jobs whose rows a table lacks are run, once each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from experiments.jobs import Job, missing, run
from helpers.evaluation import results


def measured(row, calls, name):
    """Two tracks of one system; notes the call in a folder, which other processes share."""
    (calls / name).touch()
    return [replace(row, system=name, track=track) for track in ("one", "two")]


@pytest.fixture
def jobs(row, tmp_path):
    calls = tmp_path / "calls"
    calls.mkdir()

    def job(name):
        columns = {"system": name, "seed": 0, "config": "default"}
        return Job(columns, ["one", "two"], partial(measured, row, calls, name))

    return [job("a"), job("b")], calls


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_writes_its_rows(jobs, workers, tmp_path):
    run(jobs[0], tmp_path / "table.csv", workers)
    rows = results.read(tmp_path / "table.csv")
    assert sorted((row.system, row.track) for row in rows) == [
        ("a", "one"), ("a", "two"), ("b", "one"), ("b", "two"),
    ]  # fmt: skip


def test_only_a_job_that_lacks_a_track_runs_again(jobs, tmp_path):
    (first, second), calls = jobs
    table = tmp_path / "table.csv"
    run([first, second], table)
    assert missing([first, second], table) == []
    for name in ("a", "b"):
        (calls / name).unlink()
    kept = [row for row in results.read(table) if (row.system, row.track) != ("b", "two")]
    table.unlink()
    results.append(table, kept)
    run([first, second], table)
    assert [path.name for path in calls.iterdir()] == ["b"]


@pytest.mark.parametrize("column", [{"seed": 1}, {"config": "he"}, {"checkpoint_sha256": "new"}])
def test_another_value_in_a_column_is_another_job(jobs, tmp_path, column):
    job = jobs[0][0]
    run([job], tmp_path / "table.csv")
    other = replace(job, columns={**job.columns, **column})
    assert missing([job, other], tmp_path / "table.csv") == [other]


def test_rows_of_the_smoke_profile_do_not_count_as_results(jobs, tmp_path, monkeypatch):
    run(jobs[0], tmp_path / "table.csv")
    monkeypatch.setenv("DIVISI_PROFILE", "smoke")
    assert missing(jobs[0], tmp_path / "table.csv") == jobs[0]
