"""Tables of README.md and docs/data.md, from Results/real_recordings.csv and the known corpora."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from helpers.datasets.registry import CORPORA
from helpers.evaluation.results import summary

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = {
    "bach10_excerpts": "Bach10: violin, clarinet, saxophone, bassoon (7 excerpts of 5 chorales)",
    "urmp_excerpts": "URMP: violin, cello (1 excerpt)",
    "trios": "TRIOS: violin, horn, piano (1 excerpt)",
}
SYSTEMS = {"mixture": "mixture", "chamber": "Divisi", "oracle-irm": "ideal mask"}


def headline(root: Path = ROOT) -> str:
    """Mean SI-SDR over all stems: a row for each collection, a column for each system."""
    means = summary(root / "Results" / "real_recordings.csv")
    means = means[(means["metric"] == "SI-SDR") & (means["instrument"] == "all")]
    values = means.set_index(["test_data", "system"])["mean"]
    lines = [f"| SI-SDR in dB | {' | '.join(SYSTEMS.values())} |"]
    lines.append(f"| --- |{' ---: |' * len(SYSTEMS)}")
    for name, title in RECORDINGS.items():
        cells = [f"{round(values[name, system], 1) + 0.0:.1f}" for system in SYSTEMS]
        cells[1] = f"**{cells[1]}**"
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


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
