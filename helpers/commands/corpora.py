"""`divisi corpora`: list the published corpora that can be read, and their terms."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from .errors import refusing

if TYPE_CHECKING:
    from ..datasets.registry import Corpus

SUMMARY = "list the collections of recordings"
DESCRIPTION = """\
List the collections of recordings that `divisi evaluate` and `divisi train` can use, with their
licences, citations, and how to get them.
"""
WIDTH = 96


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="print all details of this one")


def run(arguments: Namespace) -> None:
    """Print one row per corpus, or everything about one."""
    from ..datasets.registry import CORPORA, corpus

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
