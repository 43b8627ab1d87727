"""`divisi corpora`: the published corpora that can be read, their terms, and which you have."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import runtime
from .errors import CommandError, refusing

if TYPE_CHECKING:
    from ..datasets.registry import Corpus

SUMMARY = "list the collections of recordings"
DESCRIPTION = """\
List the collections of recordings that `divisi evaluate` and `divisi train` can use, with their
licences, citations, and how to get them. With --check, look through the folder in DIVISI_DATA.
"""
WIDTH = 96


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="print all details of this one")
    parser.add_argument(
        "--check",
        nargs="?",
        const="",
        metavar="DIR",
        help="list what this folder holds, by default the one in DIVISI_DATA, and its faults",
    )


def run(arguments: Namespace) -> None:
    """One row for each corpus, or everything about one, or what a folder holds."""
    from ..datasets.registry import CORPORA, corpus

    if arguments.check is not None:
        return check(arguments.check)
    if arguments.name:
        with refusing(KeyError):
            print_card(corpus(arguments.name))
        return
    width = max(len(row.name) for row in CORPORA)
    for row in CORPORA:
        print(f"{row.name.ljust(width)}  {row.title}")
    print("\n`divisi corpora NAME` shows the licence, whom to cite, and how to get it.")


def check(folder: str) -> None:
    """What a folder of recordings holds and what is missing; CommandError where files are wrong."""
    from ..datasets.inventory import inventory
    from ..datasets.registry import CORPORA

    root = Path(folder) if folder else runtime.data_root()
    if root is None:
        raise CommandError("DIVISI_DATA is not set to a folder; set it, or name one: --check DIR.")
    found = inventory(root)
    print(f"{root}:" if found else f"{root}: it holds nothing that can be used.")
    width = max((len(holding.name) for holding in found), default=0)
    for holding in found:
        text = f"{holding.name.ljust(width)}  {holding}"
        print(textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent=" " * (width + 4)))
    names = {holding.name for holding in found}
    missing = [row.name for row in CORPORA if row.name not in names]
    print(f"\nnot there: {', '.join(missing)}; `divisi corpora NAME` says how to get one.")
    faults = [fault for holding in found for fault in holding.faults]
    for fault in faults:
        print(fault)
    if faults:
        raise CommandError(f"{root}: {len(faults)} faults, listed above; mend or remove these.")


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
