"""The job runner of all experiments: measure what a table lacks, in parallel, and resume.

A job is one system on some tracks. It is done when the table holds a row for each of its tracks;
an experiment that was stopped runs only the jobs that are not done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from helpers import runtime
from helpers.datasets.stem_folders import StemFolder
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate_baselines
from helpers.evaluation.rows import Provenance, Row


@dataclass(frozen=True)
class Job:
    """A system that is trained or loaded, and measured.

    columns: what its rows have in common, such as system, config, seed and test_data. tracks: the
    names of those that it is measured on. measure: makes its rows; with several workers it runs in
    another process.
    """

    columns: Mapping[str, Any]
    tracks: Iterable[str]
    measure: Callable[[], list[Row]]


def covered(rows: Iterable[Row], columns: Mapping[str, Any], tracks: Iterable[str]) -> bool:
    """Whether rows of this profile with these values in these columns cover all tracks."""
    known = {
        row.track
        for row in rows
        if counts(row) and all(getattr(row, name) == value for name, value in columns.items())
    }
    return set(tracks) <= known


def counts(row: Row) -> bool:
    """Whether a row counts in this profile; for a reader those of the published table count too."""
    return (row.profile == "smoke") == (runtime.profile() == "smoke")


def read_rows(table: Path) -> list[Row]:
    """The rows of a table, none if it does not exist yet."""
    return results.read(table) if table.exists() else []


def missing(jobs: Iterable[Job], table: Path) -> list[Job]:
    """The jobs that are not done."""
    rows = read_rows(table)
    return [job for job in jobs if not covered(rows, job.columns, job.tracks)]


def run(jobs: Sequence[Job], table: Path, workers: int = 1, title: str = "") -> None:
    """Run the jobs that are not done and append the rows of each to the table as it finishes.

    workers: processes at a time, of one thread each; 1 runs all jobs in this process.
    """
    remaining = missing(jobs, table)
    rows_of_jobs = Parallel(workers, return_as="generator_unordered")(
        delayed(_measure)(job, one_thread=workers > 1) for job in remaining
    )
    for rows in tqdm(rows_of_jobs, total=len(remaining), desc=title, disable=not remaining):
        results.append(table, rows)


def baseline_job(provenance: Provenance, folders: Sequence[StemFolder]) -> Job:
    """Floor and ceilings of a corpus."""
    columns = {"system": "mixture", "test_data": provenance.test_data}

    def measure() -> list[Row]:
        return evaluate_baselines([folder.load() for folder in folders], provenance)

    return Job(columns, [folder.name for folder in folders], measure)


def corpus_folder(name: str = "") -> Path:
    """A corpus in the folder of real recordings; ends the program if `DIVISI_DATA` is not set."""
    root = runtime.data_root()
    if root is None:
        raise SystemExit("DIVISI_DATA is not set; set it to the folder of real recordings.")
    return root / name


def report(table: Path) -> None:
    """Print the means of a table."""
    print(results.markdown(results.summary(table)))
    print(f"SI-SDR in dB; the rows are in {table}.")


def _measure(job: Job, one_thread: bool) -> list[Row]:
    if one_thread:
        torch.set_num_threads(1)
    return job.measure()
