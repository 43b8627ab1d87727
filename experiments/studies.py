"""What the chapters share: systems measured on the same tests into one table, and their means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from experiments.jobs import covered, read_rows
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.evaluation.evaluate import Separator, evaluate, evaluate_baselines
from helpers.evaluation.rows import Provenance


@dataclass(frozen=True)
class Study:
    """A table of Results/ that a chapter fills; rows that it holds are not measured again.

    tests: the tracks of each test by its name, the column `test_data`.
    """

    table: str
    notebook: str
    tests: Mapping[str, Sequence[Track]]

    @property
    def path(self) -> Path:
        return results.results_path(self.table)

    def baselines(self) -> None:
        """Measure floor and ceilings on all tests."""
        for test in self.missing("oracle-irm"):
            where = Provenance(self.notebook, test)
            results.append(self.path, evaluate_baselines(self.tests[test], where))

    def measure(
        self,
        system: str,
        make: Callable[[], Separator],
        tests: Iterable[str] | None = None,
        sources: Sequence[str] = (),
        **columns: str | int,
    ) -> None:
        """Measure a system on some tests, by default on all.

        make: trains or loads it; not called where no row is missing. sources: as for `evaluate`.
        columns: of its rows, such as seed, config, train_data and checkpoint_sha256.
        """
        if missing := self.missing(system, tests, **columns):
            separator = make()
            for test in missing:
                where = Provenance(self.notebook, test, **columns)
                rows = evaluate(system, separator, self.tests[test], where, sources=sources)
                results.append(self.path, rows)

    def missing(
        self, system: str, tests: Iterable[str] | None = None, **columns: str | int
    ) -> list[str]:
        """The tests whose rows the table lacks."""
        rows, columns = read_rows(self.path), {"system": system, **columns}
        return [
            test
            for test in (self.tests if tests is None else tests)
            if not covered(
                rows, {"test_data": test, **columns}, [track.name for track in self.tests[test]]
            )
        ]


def overview(path: Path, metric: str = "SI-SDR") -> pd.DataFrame:
    """The mean of a metric over all instruments and tracks: systems by test data."""
    summary = results.summary(path)
    summary = summary[(summary["metric"] == metric) & (summary["instrument"] == results.ALL)]
    means = summary.pivot_table("mean", "system", "test_data", sort=False).round(1)
    return means.loc[sorted(means.index, key=results.floor_first)]


def by_instrument(path: Path, test: str) -> pd.DataFrame:
    """The means of every metric of one test: systems and instruments by metric."""
    summary = results.summary(path)
    summary = summary[summary["test_data"] == test]
    return summary.pivot_table("mean", ["system", "instrument"], "metric", sort=False).round(1)
