"""`divisi corpora`: list the published corpora that can be read, and their terms."""

from __future__ import annotations

import textwrap
from argparse import Namespace

from ..datasets.registry import CORPORA, Corpus, corpus
from .errors import refusing

WIDTH = 96


def run(arguments: Namespace) -> None:
    """Print one row per corpus, or everything about the one that is given."""
    if arguments.name:
        with refusing(KeyError):
            print_card(corpus(arguments.name))
        return
    width = max(len(row.name) for row in CORPORA)
    for row in CORPORA:
        print(f"{row.name.ljust(width)}  {row.title}")
    print("\n`divisi corpora NAME` shows the licence, whom to cite, and how to get it.")


def print_card(row: Corpus) -> None:
    """One entry per line, longer ones wrapped and indented."""
    card = {
        row.name: row.title,
        "url": row.url,
        "licence": row.licence,
        "cite": row.citation,
        "instruments": ", ".join(row.instruments),
        "obtain": row.obtain,
        "use": row.use,
    }
    if row.microphones:
        card["microphone"] = f"{row.microphones[0]} by default"
    width = max(map(len, card))
    for key, text in card.items():
        lines = textwrap.wrap(text, WIDTH - width - 2, break_on_hyphens=False)
        for head, line in zip([key] + [""] * len(lines), lines, strict=False):
            print(f"{head.ljust(width)}  {line}")
