"""What the chapters share: systems measured on the same tests into one table, and their means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.jobs import read_rows
from helpers import runtime
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.evaluation.evaluate import Separator, evaluate, evaluate_baselines
from helpers.evaluation.metrics import si_sdr
from helpers.evaluation.rows import Provenance


@dataclass(frozen=True)
class Study:
    """A table of Results/ that a chapter shows and fills; its rows are not measured again.

    tests: the tracks of each test by its name, the column `test_data`. The table may hold rows of
    further tests, whose recordings are not here. trains: systems are trained and measured again,
    although the published table has their rows.
    """

    table: str
    notebook: str
    tests: Mapping[str, Sequence[Track]]
    trains: bool = False

    @property
    def path(self) -> Path:
        return results.results_path(self.table)

    @property
    def panels(self) -> list[str]:
        """The tests of which the table holds rows."""
        return sorted({row.test_data for row in read_rows(self.path)})

    def mean(
        self, system: str, test: str, instrument: str = "", metric: str = "SI-SDR", config: str = ""
    ) -> float:
        """The mean of a metric in dB over the tracks and seeds of a test; NaN without rows.

        instrument: the mean of all by default. config: only rows whose config begins with this.
        """
        values = [
            row.value
            for row in read_rows(self.path)
            if (row.system, row.test_data, row.metric) == (system, test, metric)
            and row.instrument == (instrument or row.instrument)
            and row.config.startswith(config)
        ]
        return float(np.nanmean(values)) if values else float("nan")

    def baselines(self) -> None:
        """Measure floor and ceilings on all tests."""
        for test in replace(self, trains=False).missing("oracle-irm"):
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

    def check(self, separators: Mapping[str, Separator], test: str) -> pd.DataFrame:
        """The first track of a test measured here, and its rows in the table: mean SI-SDR in dB."""
        track, columns = self.tests[test][0], ("measured here", "in the table")
        means = pd.DataFrame(index=list(separators), columns=columns, dtype=float)
        for system, separator in separators.items():
            estimates = separator(track)
            here = [si_sdr(estimates[name][0], stem[0]) for name, stem in track.stems.items()]
            known = [
                row.value
                for row in read_rows(self.path)
                if (row.system, row.test_data, row.track, row.metric)
                == (system, test, track.name, "SI-SDR")
            ]
            means.loc[system] = np.mean(here), np.mean(known) if known else np.nan
        return means.round(1)

    def missing(
        self, system: str, tests: Iterable[str] | None = None, **columns: str | int
    ) -> list[str]:
        """The tests of which the table holds fewer tracks than there are."""
        columns = {"system": system, **columns}
        profiles = {runtime.profile()} if self.trains else {runtime.profile(), "full"}
        rows = [
            row
            for row in read_rows(self.path)
            if row.profile in profiles and all(getattr(row, n) == v for n, v in columns.items())
        ]
        measured = Counter(test for test, _ in {(row.test_data, row.track) for row in rows})
        names = self.tests if tests is None else tests
        return [test for test in names if measured[test] < len(self.tests[test])]


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
