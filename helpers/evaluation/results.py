"""Results tables: CSV files of rows, their means, and the copies of these in pages.

`python -m helpers.evaluation.results` writes the tables in `PAGES`; with `--check` it only reports
whether they are stale.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import pandas as pd

from .. import runtime
from ..files import held, replaced_atomically
from .rows import HEADER, Provenance, Row

GROUPS = ["test_data", "system", "train_data", "config", "instrument", "metric"]
PAGES = ("README.md", "docs/results.md")  # hold tables
LONGEST_WAIT = 60.0  # seconds until a table is free
ALL = "all"  # the instrument of a summary row over all instruments
MARKED = re.compile(
    r"(<!-- results:(\S+)(?: ([^\n]+?))? -->\n)((?:(?!<!--).)*)(<!-- /results -->)", re.DOTALL
)


def output_folder(name: str) -> Path:
    """Where this profile writes `Results`, `Images`, `Checkpoints` or `runs`. Chapter: 01.

    Only the `full` profile writes into the folders of the repository. Those of the `reader` profile
    lie in `runtime.runs_root()`, those of the `smoke` profile in `runs/smoke`.
    """
    profile, root = runtime.profile(), runtime.repository_root()
    runs = root / "runs" / "smoke" if profile == "smoke" else runtime.runs_root()
    if name == "runs":
        return runs
    return (root if profile == "full" else runs) / name


def results_path(name: str) -> Path:
    """Results/NAME.csv of the profile; see `output_folder`. Chapter: 01.

    In the `reader` profile the table begins with the rows of the published one, so that a reader
    measures only what is missing there.
    """
    path = output_folder("Results") / f"{name}.csv"
    published = runtime.repository_root() / "Results" / path.name
    if runtime.profile() == "reader" and published.exists():
        stale = not path.exists() or path.stat().st_mtime < published.stat().st_mtime
        if stale:
            append(path, read(published))
    return path


def read(path: str | Path) -> list[Row]:
    """The rows of a CSV, also after a spreadsheet has saved it.

    ValueError, with the line, for what is not a results table.
    """
    # Names of files need not be UTF-8; a spreadsheet puts a byte-order mark before the header.
    with Path(path).open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        lines = csv.reader(file, strict=True)
        try:
            header = next(lines, [])
            if header == HEADER:
                return [Row.of_cells(cells) for cells in lines if any(cells)]
        except (ValueError, csv.Error) as error:
            raise ValueError(
                f"{path}: line {max(lines.line_num, 1)} is wrong: {str(error).rstrip('.')}; mend it"
                " or choose another file."
            ) from error
    if len(header) == 1 and header[0].count(";") == len(HEADER) - 1:
        raise ValueError(f"{path}: semicolons separate its cells; save it with commas.")
    raise ValueError(f"{path}: not a results table; its columns should be {HEADER}.")


def append(
    path: str | Path, rows: Iterable[Row], stale: Callable[[Row], bool] = lambda row: False
) -> None:
    """Add rows to a CSV; a row replaces one with the same `key`. Chapter: 01.

    stale: whether a row of the file is to be left out.
    The file is sorted and written atomically; several processes may append at the same time.
    ValueError for rows of another profile than `full` in Results/, and for a table that others hold
    for long.
    """
    path, rows = Path(os.path.realpath(path)), list(rows)  # a link stays one
    published = runtime.repository_root() / "Results"
    if path.parent == published and any(row.profile != "full" for row in rows):
        raise ValueError(f"{path}: only rows of the full profile belong here; use results_path().")
    path.parent.mkdir(parents=True, exist_ok=True)
    with held(path.with_name(f".{path.name}.lock"), LONGEST_WAIT) as mine:
        if not mine:
            raise ValueError(f"{path}: another process keeps writing it; choose another file.")
        known = [row for row in read(path) if not stale(row)] if path.exists() else []
        merged = {row.key: row for row in (*known, *rows)}
        with (
            replaced_atomically(path) as draft,
            draft.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
        ):
            write([merged[key] for key in sorted(merged)], file)


def write(rows: Iterable[Row], file: TextIO) -> None:
    """Write a whole table."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(row.cells() for row in rows)


def measured(path: str | Path, system: str, where: Provenance, baselines: bool) -> set[str]:
    """The tracks of which a CSV has the rows of this system and, where asked for, of the ceilings.

    Of another commit, checkpoint or device they do not count.
    """
    rows = read(path)
    own = {row.track for row in rows if row.system == system and row.has(where)}
    if not baselines:
        return own
    floor = where.untrained()
    return own & {row.track for row in rows if row.system == "oracle-ibm" and row.has(floor)}


def read_table(path: str | Path) -> pd.DataFrame:
    """The rows of a CSV as a DataFrame. Chapter: 02."""
    return pd.DataFrame([asdict(row) for row in read(path)], columns=HEADER)


def summary(path: str | Path) -> pd.DataFrame:
    """Mean and standard deviation over tracks and seeds, in the order of the file. Chapter: 01.

    One row per test_data, system, train_data, config, instrument and metric, and one over all
    instruments (`all`) if the system has values for all stems, so that only means over the same
    stems are compared. Columns: mean, std (of the sample; NaN for a single value), n (number of
    values) and silent (number of NaN values, left out). An infinite value makes the mean infinite.
    """
    table = read_table(path)
    place = ["test_data", "metric"]
    stems = table["track"] + " " + table["instrument"]
    most = stems.groupby([table[name] for name in place]).transform("nunique")
    own = stems.groupby([table[name] for name in [*place, *GROUPS[1:4]]]).transform("nunique")
    table = pd.concat([table, table[own == most].assign(instrument=ALL)])
    groups = table.groupby(GROUPS, sort=False)["value"]
    return groups.agg(
        mean="mean", std="std", n="count", silent=lambda values: int(values.isna().sum())
    ).reset_index()


def markdown(summary: pd.DataFrame, metric: str = "SI-SDR") -> str:
    """A Markdown table of one metric: a row per system, floor first, a column per instrument.

    test_data, train_data and config are columns only where rows differ in them.
    """
    table = summary[summary["metric"] == metric]
    if table.empty:
        raise ValueError(f"There is no {metric}; choose from {sorted(set(summary['metric']))}.")
    table = table.assign(cell=[_cell(*row) for row in table[["mean", "std", "silent"]].to_numpy()])
    variants = table.groupby(["test_data", "system"])[["train_data", "config"]].nunique().max()
    several_sets = table["test_data"].nunique() > 1
    labels = ["test_data"] * several_sets + ["system", *variants.index[variants > 1]]
    cells = table.pivot(index=labels, columns="instrument", values="cell").fillna("").reset_index()
    cells = cells.sort_values(labels, key=lambda column: column.map(floor_first), kind="stable")
    columns = [*labels, *sorted(set(table["instrument"]) - {ALL}), ALL]
    lines = [columns, ["---"] * len(labels) + ["---:"] * (len(columns) - len(labels))]
    lines += cells[columns].to_numpy().tolist()
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def floor_first(system: str) -> tuple[int, str]:
    """Sort key: the floor before all systems, the ceilings after them."""
    return {"mixture": 0, "oracle-ibm": 2, "oracle-irm": 3}.get(system, 1), system


def _cell(mean: float, std: float, silent: int) -> str:
    """`5.1 ± 2.3`, with the number of silent references if there are any."""
    if math.isnan(mean):
        return "silent"
    spread = "" if math.isnan(std) else f" ± {std:.1f}"
    return f"{mean:.1f}{spread}" + (f" ({int(silent)} silent)" if silent else "")


def update_readme(path: str | Path, folder: str | Path, check: bool = False) -> bool:
    """Write folder/NAME.csv as a table between `<!-- results:NAME -->` and `<!-- /results -->`.

    `<!-- results:NAME METRIC -->` shows another metric than SI-SDR. Returns whether the file was
    stale; with `check` it is not written. Raises ValueError for a missing end marker or table.
    """
    path, folder = Path(path), Path(folder)
    text = path.read_text(encoding="utf-8")
    if len(MARKED.findall(text)) != text.count("<!-- results:"):
        raise ValueError(f"{path}: a table has no end marker '<!-- /results -->'; add it.")

    def table(marked: re.Match) -> str:
        opening, name, metric, _, closing = marked.groups()
        source = folder / f"{name}.csv"
        if not source.exists():
            raise ValueError(f"{path}: shows results:{name}, but there is no {source}.")
        return opening + markdown(summary(source), metric or "SI-SDR") + closing

    fresh = MARKED.sub(table, text)
    if fresh != text and not check:
        path.write_text(fresh, encoding="utf-8")
    return fresh != text


def main() -> int:
    """Update README.md and docs/results.md, or with `--check` exit with 1 where one is stale."""
    parser = argparse.ArgumentParser(prog="helpers.evaluation.results", description=main.__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    root = runtime.repository_root()
    stale = [page for page in PAGES if update_readme(root / page, root / "Results", check)]
    if check and stale:
        print(f"{', '.join(stale)}: stale tables; run `make results`.", file=sys.stderr)
    return int(check and bool(stale))


if __name__ == "__main__":
    raise SystemExit(main())
