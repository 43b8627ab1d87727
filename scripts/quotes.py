"""Every sentence that quotes a measured number, and whether the tables in Results/ say the same.

python scripts/quotes.py

`quotes.toml` beside this file names for each sentence the rows of a table that it quotes. A
sentence with a number in dB that is neither listed there, nor says that it is about one run or
recording, nor is listed under `constants` (settings and properties, which no table holds), is an
error.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import jupytext

from helpers.evaluation.results import read_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_name("quotes.toml")
NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d+)?(?![\w.]*\d)")
IN_DB = re.compile(r"[-−]?\d(?:[\d.]*)\s*(?:dB\b|decibels?\b)")
#: Sentences that say whose numbers they quote.
OWN = re.compile(r"\b(in|of|on) our (run|runs|recording|measurement|machine)s?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Quote:
    """Numbers in a sentence, and the rows that they come from.

    page: relative to the repository. words: a part of the sentence with all its numbers.
    table: NAME of Results/NAME.csv. of: for each number the columns that choose its rows, whose
    mean it is; minus: the same, where the number is a difference.
    """

    page: str
    words: str
    table: str
    of: list[dict[str, str]]
    minus: list[dict[str, str]] = field(default_factory=list)
    metric: str = "SI-SDR"

    def numbers(self) -> list[str]:
        return NUMBER.findall(self.words)

    def values(self, root: Path) -> list[float]:
        """Of each number, from the table."""
        firsts = [mean(root, self.table, self.metric, rows) for rows in self.of]
        if not self.minus:
            return firsts
        seconds = [mean(root, self.table, self.metric, rows) for rows in self.minus]
        return [a - b for a, b in zip(firsts, seconds, strict=True)]

    def is_right(self, root: Path) -> bool:
        """Whether each number is its value, rounded as it is written, with or without its sign."""
        numbers, values = self.numbers(), self.values(root)
        return len(numbers) == len(values) and all(map(_rounds_to, values, numbers))


def mean(root: Path, table: str, metric: str, rows: dict[str, str]) -> float:
    """The mean of the finite values of a metric in the rows with these columns.

    LookupError where there is none.
    """
    frame = read_table(root / "Results" / f"{table}.csv")
    chosen = frame[frame["metric"] == rows.get("metric", metric)]
    for column, value in rows.items():
        chosen = chosen[chosen[column].astype(str) == str(value)]
    values = chosen["value"][chosen["value"].abs() < float("inf")]
    if values.empty:
        raise LookupError(f"{table} has no rows of {metric} with {rows}")
    return float(values.mean())


def _rounds_to(value: float, number: str) -> bool:
    digits = len(number.partition(".")[2])
    written = float(number.replace("−", "-"))
    return min(abs(value - written), abs(abs(value) - written)) <= 0.5001 * 10**-digits


def pages() -> list[str]:
    """README, docs and chapters, as text whose sentences are checked."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found += sorted((ROOT / "Notebooks").rglob("[0-9][0-9]_*.py"))
    return [path.relative_to(ROOT).as_posix() for path in found]


def sentences(page: str) -> list[str]:
    """The prose of a page in sentences, without code, formulas and tables."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if page.endswith(".py"):
        cells = jupytext.reads(text, fmt="py:percent").cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = re.sub(r"```.*?```|\$\$.*?\$\$|<!--.*?-->", "", text, flags=re.DOTALL)
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("|"))
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[-*#]|\d+\.)\s)", text)
    joined = [" ".join(block.split()) for block in blocks]
    return [part for block in joined for part in re.split(r"(?<=[.!?:;])\s+(?=[A-Z(*`])", block)]


def read_list() -> tuple[list[Quote], dict[str, list[str]]]:
    """The quotes, and for each page the words of its constants."""
    listed = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return [Quote(**row) for row in listed.get("quote", [])], listed.get("constants", {})


def unlisted() -> list[tuple[str, str]]:
    """Page and sentence of every number in dB that nobody accounts for."""
    quotes, constants = read_list()
    known = {page: [quote.words for quote in quotes if quote.page == page] for page in pages()}
    found = []
    for page, words in known.items():
        for sentence in sentences(page):
            accounted = [*words, *constants.get(page, [])]
            quotes_one = IN_DB.search(sentence) and not OWN.search(sentence)
            if quotes_one and not any(part in sentence for part in accounted):
                found.append((page, sentence))
    return found


def main() -> int:
    quotes, _ = read_list()
    wrong = 0
    for quote in quotes:
        right = quote.is_right(ROOT)
        wrong += not right
        values = ", ".join(f"{value:.2f}" for value in quote.values(ROOT))
        print(f"{'ok   ' if right else 'WRONG'} {quote.page}: {quote.words} [{values}]")
    for page, sentence in (missing := unlisted()):
        print(f"NOT LISTED {page}: {sentence}")
    print(f"{len(quotes)} quotes, {wrong} wrong, {len(missing)} not listed")
    return int(bool(wrong or missing))


if __name__ == "__main__":
    sys.exit(main())
