"""Tables of README.md, docs/data.md and docs/results.md, from `Results/` and the known corpora."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

from helpers import runtime
from helpers.datasets.registry import CORPORA
from helpers.evaluation.results import read_table, summary

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = {
    "bach10_excerpts": "Bach10: violin, clarinet, saxophone, bassoon (7 excerpts of 5 chorales)",
    "urmp_excerpts": "URMP: violin, cello (1 excerpt)",
    "trios": "TRIOS: violin, horn, piano (1 excerpt)",
    "two real violins": "Two violins (4 mixtures of recorded solos)",
}
TABLES = ("real_recordings", "08_score_informed")  # the first that has a system counts
SYSTEMS = {
    "mixture": "mixture",
    runtime.DEFAULT_MODEL: "Divisi",
    "guided": "with the score",
    "oracle-irm": "ideal mask",
}
ENSEMBLE_SYSTEMS = {
    "mixture": "mixture",
    "chamber": "`chamber`",
    "ensemble": "`ensemble`",
    "oracle-irm": "ideal mask",
}


def headline(root: Path = ROOT) -> str:
    """Mean SI-SDR over all stems: a row for each collection, a column for each system."""
    values: dict[tuple[str, str], float] = {}
    for table in TABLES:
        means = summary(root / "Results" / f"{table}.csv")
        means = means[(means["metric"] == "SI-SDR") & (means["instrument"] == "all")]
        for row in means.itertuples():
            values.setdefault((row.test_data, row.system), row.mean)
    lines = [f"| SI-SDR in dB | {' | '.join(SYSTEMS.values())} |"]
    lines.append(f"| --- |{' ---: |' * len(SYSTEMS)}")
    for name, title in RECORDINGS.items():
        cells = [_cell(values.get((name, system))) for system in SYSTEMS]
        cells[1:-1] = [f"**{cell}**" if cell else "" for cell in cells[1:-1]]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ensembles(root: Path = ROOT) -> str:
    """Mean SI-SDR over the stems of each ensemble of `chamber_sets`, told who plays."""
    rows = read_table(root / "Results" / "chamber_sets.csv")
    rows = rows[(rows["metric"] == "SI-SDR") & rows["system"].isin(ENSEMBLE_SYSTEMS)]
    quartets = rows["test_data"] == "string-quartets"
    title = f"string quartet ({rows[quartets]['track'].nunique()} rendered movements)"
    rows = rows.assign(ensemble=rows["track"].mask(quartets, title))
    means = rows.pivot_table(index="ensemble", columns="system", values="value")
    lines = [f"| SI-SDR in dB | {' | '.join(ENSEMBLE_SYSTEMS.values())} |"]
    lines.append(f"| --- |{' ---: |' * len(ENSEMBLE_SYSTEMS)}")
    for name, of_ensemble in means.iterrows():
        cells = [_cell(of_ensemble[system]) for system in ENSEMBLE_SYSTEMS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{round(value, 1) + 0.0:.1f}"


def corpora() -> str:
    """The known collections: how to get each, its terms, and what it is used for."""
    lines = ["| collection | get it | terms | used for |", "| --- | --- | --- | --- |"]
    for row in CORPORA:
        obtain = row.obtain.replace("divisi fetch", "`divisi fetch").replace(" (", "` (", 1)
        obtain = obtain if "`divisi" in obtain else row.obtain
        cells = (f"[{row.title}]({row.url})", obtain, row.licence, row.use)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


#: page -> its blocks between `<!-- NAME -->` and `<!-- /NAME -->`
BLOCKS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"headline": headline},
    "docs/data.md": {"corpora": corpora},
    "docs/results.md": {"ensembles": ensembles},
}


def filled(page: str, root: Path = ROOT) -> str:
    """A page with its tables as they should be."""
    text = (root / page).read_text(encoding="utf-8")
    for name, block in BLOCKS[page].items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        assert marks.search(text), f"{page}: there is no block '{name}'"
        text = marks.sub(lambda found, block=block: f"{found[1]}{block()}\n{found[2]}", text)
    return text


def main() -> None:
    for page in BLOCKS:
        (ROOT / page).write_text(filled(page), encoding="utf-8")
        print(page)


if __name__ == "__main__":
    main()
