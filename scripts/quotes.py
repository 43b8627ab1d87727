"""Every sentence that quotes a measured number, and whether the tables in Results/ say the same.

python scripts/quotes.py

`quotes.toml` beside this file lists three kinds of words of a page:

- `[[quote]]`: numbers, each with the rows of a table that it comes from;
- `[[order]]`: a comparison without numbers, such as "better with every seed";
- `[constants]`: settings, properties and values of others, which no table holds.

A number in dB that is in none of them is an error, unless its paragraph says that it is about our
run or our recording (and names no table, which would hold it). So are words that the page does not
have, and words such as "with every seed" in no order.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pandas as pd

from helpers.evaluation.results import read_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
LIST = Path("scripts/quotes.toml")
NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d+)?(?![\w.]*\d)")
WORDS = "a|an|one|two|three|four|five|six|seven|eight|nine|ten"
IN_DB = re.compile(rf"(?:[-−]?\d[\d.]*|\b(?:{WORDS}))\s+(?:dB|decibels?)\b", re.IGNORECASE)
#: Comparisons of trainings, which are orders.
EVERY = re.compile(
    rf"\b(every seed|with (both|either) seeds?|all ({WORDS}) (other )?(runs|trainings))\b",
    re.IGNORECASE,
)
#: Sentences that say whose numbers they quote.
OWN = re.compile(r"\b(in|of|on) our (run|recording|measurement|machine)s?\b", re.IGNORECASE)

#: Rows of a table: for some of its columns the value, or a list of values. Besides, `over` and
#: `take`: see `value`; and `table`, where it is another one.
Rows = dict[str, Any]


@dataclass(frozen=True)
class Quote:
    """Numbers in a sentence, and the rows that they come from.

    page: relative to the repository. words: a part of a sentence with these numbers and no others.
    table: NAME of Results/NAME.csv. of: the rows of each number; minus: the same, where the number
    is a difference.
    """

    page: str
    words: str
    table: str
    of: list[Rows]
    minus: list[Rows] = field(default_factory=list)

    def values(self, root: Path) -> list[float]:
        """Of each number, from the table."""
        firsts = [value(root, self.table, rows) for rows in self.of]
        seconds = [value(root, self.table, rows) for rows in self.minus] or [0.0] * len(firsts)
        return [a - b for a, b in zip(firsts, seconds, strict=True)]

    def is_right(self, root: Path) -> bool:
        """Whether each number is its value, rounded as it is written; differences without sign."""
        numbers, values = NUMBER.findall(self.words), self.values(root)
        if self.minus:
            numbers, values = [n.lstrip("-−") for n in numbers], [abs(v) for v in values]
        return len(numbers) == len(values) and all(map(rounds_to, values, numbers))


@dataclass(frozen=True)
class Order:
    """A comparison: every mean of the rows `above` is larger than every mean of the rows `below`.

    each: the columns that tell the means apart. same: columns that both sides have in common, such
    as the seed; only means with the same values of them are compared.
    """

    page: str
    words: str
    table: str
    above: Rows
    below: Rows
    each: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)

    def values(self, root: Path) -> list[float]:
        """The smallest margin."""
        sides = [
            means(root, self.table, rows, [*self.same, *self.each])
            for rows in (self.above, self.below)
        ]
        shared = len(self.same)
        pairs = product(*(side.items() for side in sides))
        return [min(a - b for (one, a), (two, b) in pairs if one[:shared] == two[:shared])]

    def is_right(self, root: Path) -> bool:
        """Whether there is a margin; and no number, which only a quote can check."""
        return self.values(root)[0] > 0 and not IN_DB.search(self.words)


@lru_cache
def table_at(path: Path) -> pd.DataFrame:
    return read_table(path)


def means(root: Path, table: str, rows: Rows, by: Sequence[str]) -> dict[tuple, float]:
    """For each combination of the columns `by`, the mean of the finite values in these rows.

    They are of `table` unless they name another. The metric is SI-SDR where the rows name none.
    LookupError where there are no rows.
    """
    table = rows.get("table", table)
    frame = table_at(root / "Results" / f"{table}.csv")
    frame = frame[np.isfinite(frame["value"])]
    columns = {key: wanted for key, wanted in rows.items() if key != "table"}
    for column, wanted in {"metric": "SI-SDR", **columns}.items():
        allowed = wanted if isinstance(wanted, list) else [wanted]
        frame = frame[frame[column].astype(str).isin(map(str, allowed))]
    if frame.empty:
        raise LookupError(f"{table}.csv has no rows with {rows}; correct {LIST}.")
    if not by:
        return {(): float(frame["value"].mean())}
    found = frame.groupby(list(by))["value"].mean()
    return {key if len(by) > 1 else (key,): float(number) for key, number in found.items()}


def value(root: Path, table: str, rows: Rows) -> float:
    """The mean of some rows, or what `take` says of the means for each value of `over`.

    take: min, max or range. With several columns in `over`, range is how far the last one
    moves the mean at most while the others stay the same.
    """
    columns = {key: rows[key] for key in rows if key not in ("over", "take")}
    found = means(root, table, columns, rows.get("over", ()))
    if rows.get("take") != "range":
        return {"min": min, "max": max}.get(rows.get("take"), np.mean)(list(found.values()))
    groups: dict[tuple, list[float]] = {}
    for key, number in found.items():
        groups.setdefault(key[:-1], []).append(number)
    return max(max(group) - min(group) for group in groups.values())


def rounds_to(number: float, written: str) -> bool:
    digits = len(written.partition(".")[2])
    return abs(number - float(written.replace("−", "-"))) <= 0.5001 * 10**-digits


def pages(root: Path) -> dict[str, list[list[str]]]:
    """README, docs and chapters: the sentences of each paragraph, by page."""
    found = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    found += sorted((root / "Notebooks").rglob("[0-9][0-9]_*.py"))
    return {path.relative_to(root).as_posix(): paragraphs(path) for path in found}


def paragraphs(path: Path) -> list[list[str]]:
    """The prose of a page as sentences, without code, formulas and tables."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        cells = jupytext.reads(text, fmt="py:percent").cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = re.sub(r"```.*?```|\$\$.*?\$\$|<!--.*?-->", "", text, flags=re.DOTALL)
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("|"))
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[-*#]|\d+\.)\s)", text)
    joined = [" ".join(block.split()) for block in blocks]
    return [re.split(r"(?<=[.!?:;])\s+(?=[A-Z(*`])", block) for block in joined]


def read_list(root: Path) -> tuple[list[Quote | Order], dict[str, list[str]]]:
    """The quotes and orders, and for each page the words of its constants."""
    listed = tomllib.loads((root / LIST).read_text(encoding="utf-8"))
    quotes = [Quote(**row) for row in listed.get("quote", [])]
    orders = [Order(**row) for row in listed.get("order", [])]
    return [*quotes, *orders], listed.get("constants", {})


def unlisted(prose: list[list[str]], listed: list[str]) -> Iterator[str]:
    """The sentences with a number in dB or a comparison of trainings that nobody accounts for."""
    for paragraph in prose:
        own = False
        for sentence in paragraph:
            own = own or bool(OWN.search(sentence)) and "Results/" not in " ".join(paragraph)
            left = sentence
            for words in sorted(listed, key=len, reverse=True):
                left = left.replace(words, "")
            if EVERY.search(left) or IN_DB.search(left) and not own:
                yield sentence


def faults(root: Path = ROOT) -> list[str]:
    """What is wrong, one line each."""
    quotes, constants = read_list(root)
    found = []
    for quote in quotes:
        if not quote.is_right(root):
            values = ", ".join(f"{number:.2f}" for number in quote.values(root))
            found.append(f"WRONG {quote.page}: {quote.words} [{values}]")
    prose = pages(root)
    for page in dict.fromkeys([*prose, *constants, *(quote.page for quote in quotes)]):
        sentences = prose.get(page, [])
        text = "\n".join(" ".join(paragraph) for paragraph in sentences)
        listed = [quote.words for quote in quotes if quote.page == page] + constants.get(page, [])
        found += [f"NOT ON THE PAGE {page}: {words}" for words in listed if words not in text]
        found += [f"NOT LISTED {page}: {sentence}" for sentence in unlisted(sentences, listed)]
    return found


def main(root: Path = ROOT) -> int:
    quotes, constants = read_list(root)
    found = faults(root)
    for line in found:
        print(line)
    wrong = sum(line.startswith("WRONG") for line in found)
    numbers = sum(isinstance(quote, Quote) for quote in quotes)
    print(
        f"{numbers} quotes and {len(quotes) - numbers} orders, {wrong} wrong;"
        f" {sum(map(len, constants.values()))} constants; {len(found) - wrong} not listed or stale"
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
