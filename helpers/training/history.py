"""The log of a training: rows of numbers, kept as a CSV that grows while the training runs."""

from __future__ import annotations

import csv
import math
import time
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..files import replaced_atomically

COLUMNS = (
    "step",
    "loss",
    "gradient_norm",
    "val_si_sdr",
    "learning_rate",
    "examples_per_second",
    "seconds",
)
Row = dict[str, float]


@dataclass(frozen=True)
class History:
    """What a training has been through.

    rows: one dict per logged step, keys as in `COLUMNS`; what was not measured there is NaN.
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

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.steps = 0
        self.loss: Tensor | float = 0.0
        self.norm: Tensor | float = 0.0

    def add(self, loss: Tensor, norm: Tensor) -> None:
        """Count one step."""
        self.steps += 1
        self.loss = self.loss + loss
        self.norm = self.norm + norm

    def close(self) -> tuple[float, float, float]:
        """Mean loss, mean norm of the gradient, and the seconds that the steps have taken."""
        loss, norm = float(self.loss) / self.steps, float(self.norm) / self.steps
        return loss, norm, time.perf_counter() - self.began


class Log:
    """The CSV of one training. Opening it drops the rows after `step`, where a run resumes."""

    def __init__(self, path: Path, step: int, writes: bool = True):
        self.path = path
        self.writes = writes
        self.rows = [row for row in read_rows(path) if row["step"] <= step]

    def begin(self) -> None:
        """Write the kept rows; call it once all processes have opened the log."""
        if self.writes:
            with replaced_atomically(self.path) as temporary:
                lines = [",".join(COLUMNS), *map(_line, self.rows)]
                temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def latest(self, name: str) -> float:
        """The last measured value of a column; NaN where there is none."""
        values = (row[name] for row in reversed(self.rows) if not math.isnan(row[name]))
        return next(values, math.nan)

    def append(self, row: Row) -> None:
        """Add one row; columns that it lacks are left empty."""
        line = _line({name: row.get(name, math.nan) for name in COLUMNS})
        self.rows.append(_numbers(dict(zip(COLUMNS, line.split(","), strict=True))))
        if self.writes:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def read_rows(path: Path) -> list[Row]:
    """The whole rows of a log; [] where there is no file. A row cut short by a kill is left out."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values()]
    return [_numbers(row) for row in rows]


def _line(row: Row) -> str:
    values = ("" if math.isnan(row[name]) else f"{row[name]:.7g}" for name in COLUMNS)
    return ",".join(values)


def _numbers(row: dict[str, str]) -> Row:
    return {name: float(row[name]) if row[name] else math.nan for name in COLUMNS}
