"""The log of a training: rows of numbers, kept as a CSV that grows while the training runs."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..files import replaced_atomically

COLUMNS = (
    "step", "loss", "gradient_norm", "val_si_sdr", "learning_rate", "examples_per_second",
    "seconds",
)  # fmt: skip
Row = dict[str, float]


@dataclass(frozen=True)
class History:
    """The log of a training. Chapter: 01.

    rows: one dict per logged step, keys as in `COLUMNS`; NaN where a column was not measured.
    `seconds` is the training time so far, over all resumed parts; `loss` and `gradient_norm` are
    means over the steps since the row before; `val_si_sdr` (dB) belongs to the averaged weights.
    finished: False where the training was interrupted before its last step.
    """

    rows: tuple[Row, ...]
    finished: bool = True

    @classmethod
    def read(cls, path: Path) -> History:
        """The history in a `log.csv`, for example to plot it while the training runs."""
        return cls(tuple(read_rows(path)))

    def column(self, name: str) -> tuple[list[int], list[float]]:
        """(steps, values) of one column, without the rows where it was not measured."""
        measured = [row for row in self.rows if not math.isnan(row[name])]
        return [int(row["step"]) for row in measured], [row[name] for row in measured]

    @property
    def best(self) -> Row | None:
        """The row with the highest validation SI-SDR; None where nothing was validated."""
        validated = [row for row in self.rows if not math.isnan(row["val_si_sdr"])]
        return max(validated, key=lambda row: row["val_si_sdr"], default=None)


class Window:
    """Sums over the steps since the last row, on the device, so that no step waits for them."""

    def __init__(self, steps: int = 0, loss: float = 0.0, norm: float = 0.0, seconds: float = 0.0):
        self.began = time.perf_counter() - seconds
        self.steps = steps
        self.loss: Tensor | float = loss
        self.norm: Tensor | float = norm

    def add(self, loss: Tensor, norm: Tensor) -> None:
        """Count one step."""
        self.steps += 1
        self.loss = self.loss + loss
        self.norm = self.norm + norm

    @property
    def seconds(self) -> float:
        """Time since the window began."""
        return time.perf_counter() - self.began


class Log:
    """The rows of one training and their CSV."""

    def __init__(
        self,
        path: Path,
        rows: Iterable[Row] = (),
        writes: bool = True,
        columns: Sequence[str] = COLUMNS,
    ):
        self.path = path
        self.rows = list(rows)
        self.writes = writes
        self.columns = tuple(columns)

    def begin(self) -> None:
        """Write the rows so far in the place of the file."""
        if self.writes:
            with replaced_atomically(self.path) as draft:
                lines = [",".join(self.columns), *(self._line(row) for row in self.rows)]
                draft.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def latest(self, name: str) -> float:
        """The last measured value of a column; NaN where there is none."""
        values = (row[name] for row in reversed(self.rows) if not math.isnan(row[name]))
        return next(values, math.nan)

    def append(self, row: Row) -> None:
        """Add one row; columns that it lacks are left empty."""
        line = self._line(row)
        cells = dict(zip(self.columns, line.split(","), strict=True))
        self.rows.append(_numbers(cells, self.columns))
        if self.writes:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def _line(self, row: Row) -> str:
        values = (row.get(name, math.nan) for name in self.columns)
        return ",".join("" if math.isnan(value) else f"{value:.7g}" for value in values)


def read_rows(path: Path) -> list[Row]:
    """The whole rows of a log; [] where there is no file. Damaged rows are left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
    rows = []
    for row in csv.DictReader(text.splitlines()):
        try:
            rows.append(_numbers(row))
        except (KeyError, TypeError, ValueError):
            continue
    return rows


def checked(row: Row, columns: Sequence[str] = COLUMNS) -> Row:
    """A row of a state; LookupError, TypeError or ValueError where it is damaged."""
    return {name: float(row[name]) for name in columns}


def _numbers(row: dict[str, str], columns: Sequence[str] = COLUMNS) -> Row:
    if None in row.values() or not row["step"]:
        raise ValueError("The row is incomplete.")
    return {name: float(row[name]) if row[name] else math.nan for name in columns}
