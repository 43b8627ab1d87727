"""Which differences between systems are significant: bootstrap, Holm, ranks, critical difference.

The unit is a recording, or better a piece of music: stems of one recording, and recordings of one
piece, are not independent of each other. Average them first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import bootstrap, friedmanchisquare, permutation_test, studentized_range

RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """A mean difference in dB over `pieces` pieces, with its confidence interval.

    p: that the differences are as far from zero by chance. With five pieces or fewer it is above
    0.05, whatever the differences.
    """

    mean: float
    low: float
    high: float
    pieces: int
    p: float


def paired_bootstrap(
    differences: Sequence[float], confidence: float = 0.95, seed: int = 0
) -> Interval:
    """The mean of the differences of two systems, one for each piece, and its percentile interval.

    Pieces are drawn with replacement, `RESAMPLES` times. The interval is too narrow where there are
    few pieces, and NaN for a single one. p: of the sign-flip test, exact for up to 13 pieces.
    ValueError for none, and for values that are not finite.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 13 and 15. Chapter: 09.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise ValueError("The differences are none or not all finite; give one number a piece.")
    mean = float(values.mean())
    if values.size == 1:
        return Interval(mean, np.nan, np.nan, 1, 1.0)
    drawn = {"n_resamples": RESAMPLES, "random_state": np.random.default_rng(seed)}
    low, high = bootstrap(
        (values,), np.mean, confidence_level=confidence, method="percentile", **drawn
    ).confidence_interval
    test = permutation_test((values,), np.mean, permutation_type="samples", **drawn)
    return Interval(mean, float(low), float(high), values.size, float(test.pvalue))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values of several comparisons, corrected: what is below 0.05 holds for all of them at once.

    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)).clip(max=1.0)
    return corrected


@dataclass(frozen=True)
class Ranks:
    """Mean ranks of systems over pieces, 1 for the best, and how much two must differ.

    mean: by system, best first. p: of the Friedman test that all systems are equal. critical:
    the critical difference of the Nemenyi test.
    """

    mean: pd.Series
    p: float
    critical: float
    pieces: int

    @property
    def groups(self) -> list[list[str]]:
        """Systems in a row whose ranks the test cannot tell apart, as large as possible."""
        names, found = list(self.mean.index), []
        for first, name in enumerate(names):
            group = [other for other in names[first:] if self._near(name, other)]
            if len(group) > 1 and not any(set(group) <= set(known) for known in found):
                found.append(group)
        return found

    def _near(self, one: str, other: str) -> bool:
        return bool(abs(self.mean[one] - self.mean[other]) <= self.critical)


def ranks(values: pd.DataFrame, alpha: float = 0.05) -> Ranks:
    """Friedman test and Nemenyi critical difference.

    values: a row for each piece, a column for each system, more is better, no NaN. With k systems
    and N pieces the critical difference is q sqrt(k (k + 1) / 6 N), where q is the quantile of the
    studentised range divided by sqrt(2). ValueError for fewer than three systems or two pieces, and
    for missing values.

    Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 2006, section
    3.2. Chapter: 09.
    """
    pieces, systems = values.shape
    if systems < 3 or pieces < 2 or values.isna().any(axis=None):
        raise ValueError(
            f"A table of {pieces} pieces and {systems} systems cannot be ranked; give three systems"
            " or more that have a value for each of two pieces or more."
        )
    mean = values.rank(axis=1, ascending=False).mean().sort_values(kind="stable")
    p = friedmanchisquare(*values.to_numpy().T).pvalue
    quantile = studentized_range.ppf(1.0 - alpha, systems, np.inf) / np.sqrt(2.0)
    critical = quantile * np.sqrt(systems * (systems + 1) / (6.0 * pieces))
    return Ranks(mean, float(p), float(critical), pieces)
