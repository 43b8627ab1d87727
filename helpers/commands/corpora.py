"""`divisi corpora`: the collections of recordings that are read, and their terms."""

from __future__ import annotations

import textwrap
from argparse import Namespace

from ..datasets.registry import CORPORA, Corpus, corpus
from .errors import refusing

WIDTH = 96


def run(arguments: Namespace) -> None:
    """Print one row a corpus, or all that is known of the one that is named."""
    if arguments.name:
        with refusing(KeyError):
            print_card(corpus(arguments.name))
        return
    width = max(len(row.name) for row in CORPORA)
    for row in CORPORA:
        print(f"{row.name.ljust(width)}  {row.title}")
    print("\n`divisi corpora NAME` tells its licence, whom to cite, and how to get it.")


def print_card(row: Corpus) -> None:
    """One entry a line, longer ones wrapped under their beginning."""
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
        card["microphone"] = f"{row.microphones[0]}, unless another is asked for"
    width = max(map(len, card))
    for key, text in card.items():
        lines = textwrap.wrap(text, WIDTH - width - 2, break_on_hyphens=False)
        for head, line in zip([key] + [""] * len(lines), lines, strict=False):
            print(f"{head.ljust(width)}  {line}")
