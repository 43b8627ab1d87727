"""`index.csv` of an archive: one row a recording, from the reports beside the stems."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..evaluation.rows import FORMULA
from ..files import held, replaced_atomically
from ..folders import FolderError, unwritable
from . import stores

NAME = "index.csv"
LONGEST_WAIT = 60.0  # seconds until another process has written it
SHARE = 0.05  # of the time may be spent on writing it before the end


@dataclass(frozen=True)
class Line:
    """The fields are the columns. folder: of the stems, below the output folder. seconds: of audio.

    detected, warnings: separated by `; `. real_time_factor: computing time over the duration.
    error: why there are no stems; all other fields but the first two are then empty.
    """

    recording: str
    folder: str
    seconds: str = ""
    detected: str = ""
    model: str = ""
    real_time_factor: str = ""
    warnings: str = ""
    error: str = ""

    @classmethod
    def of_report(cls, recording: object, folder: str, report: dict[str, Any]) -> Line:
        """Of a separated recording."""
        return cls(
            str(recording), folder, str(report["seconds"]), "; ".join(report["detected"]),
            report["model"], str(report["real_time_factor"]), "; ".join(report["warnings"]),
        )  # fmt: skip


HEADER = [field.name for field in fields(Line)]


class Index:
    """The table in an output folder, which several processes may write at the same time.

    A line replaces that of the same folder; those of other runs stay. Lines are written soon
    after they were added and at the latest by `write`. FolderError for another table of that name.
    """

    def __init__(self, output: Path | str) -> None:
        self.place = stores.join(output, NAME)
        self._new: dict[str, Line] = {}
        self._rest = 0.0  # until then, lines are collected
        self._known()

    def add(self, lines: Iterable[Line]) -> None:
        self._new.update({line.folder: line for line in lines})
        if self._new and time.monotonic() >= self._rest:
            self.write()

    def write(self) -> None:
        """Write what was added. FolderError where that fails."""
        if not self._new:
            return
        began = time.monotonic()
        if isinstance(self.place, str):
            stores.write_text(self.place, _text({**self._known(), **self._new}))
        else:
            self._merge(self.place)
        self._new.clear()
        now = time.monotonic()
        self._rest = now + (now - began) / SHARE

    def _merge(self, path: Path) -> None:
        try:
            with held(path.with_name(f".{path.name}.lock"), LONGEST_WAIT) as mine:
                if not mine:
                    raise FolderError(f"{path}: another process keeps writing it; wait for it.")
                text = _text({**self._known(), **self._new})
                with replaced_atomically(path) as draft:
                    draft.write_bytes(text.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise unwritable(path, error) from error

    def _known(self) -> dict[str, Line]:
        """The lines that are written."""
        if isinstance(self.place, str):
            content = stores.read_bytes(self.place)
        else:
            content = self.place.read_bytes() if self.place.exists() else None
        if content is None:
            return {}
        try:
            return _lines(content.decode("utf-8-sig", "surrogateescape"))
        except (ValueError, csv.Error) as error:
            raise FolderError(
                f"{self.place}: is not the index of an archive; move it, or choose another output"
                " (-o)."
            ) from error


def _lines(text: str) -> dict[str, Line]:
    """The lines of a table; ValueError for another table."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    if next(rows, None) != HEADER:
        raise ValueError("other columns")
    cells = (row for row in rows if len(row) == len(HEADER))
    lines = [
        Line(*(FORMULA.sub(lambda m: m[0].removeprefix("'"), c) for c in row)) for row in cells
    ]
    return {line.folder: line for line in lines}


def _text(lines: dict[str, Line]) -> str:
    """A table in the order of the folders; no cell begins a formula of a spreadsheet."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for folder in sorted(lines):
        writer.writerow([FORMULA.sub(r"'\g<0>", cell) for cell in asdict(lines[folder]).values()])
    return file.getvalue()
