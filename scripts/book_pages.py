"""Pages of the site that are written from their source, so that they cannot drift."""

from __future__ import annotations

import argparse
import re
from functools import partial
from pathlib import Path

import nbformat

import helpers
from helpers import cli

#: Groups of the table of contents; pages that none of them names come last.
CONTENTS = {
    "Use it": [
        "listen.md", "install.md", "commands.md", "stems.md", "archives.md", "python.md", "api.md",
        "data.md",
    ],
    "The course": ["chapters/"],
    "Exercises": ["exercises/"],
    "Reference": ["glossary.md", "bibliography.md", "results.md", "licences.md", ""],
}  # fmt: skip


def contents(source: Path, places: list[str]) -> str:
    """The table of contents, hidden: the theme shows it at the side. Notebooks have numbers."""
    left, text = list(places), ""
    for caption, wanted in CONTENTS.items():
        chosen = [place for start in wanted for place in left if place.startswith(start)]
        chosen = list(dict.fromkeys(chosen))
        left = [place for place in left if place not in chosen]
        lines = "\n".join(map(partial(entry, source), chosen))
        if lines:
            text += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"
    return text


def entry(source: Path, place: str) -> str:
    """A page's line in the table of contents."""
    name, _, kind = place.rpartition(".")
    number = Path(name).name[:2]
    if kind != "ipynb":
        return name
    return f"{number} {opening(source / place)[0].removesuffix(': exercises')} <{name}>"


def chapters(source: Path, places: list[str]) -> str:
    """The title of each chapter, linked, and what it promises, without the links in that."""
    lines = []
    for place in places:
        title, promise = opening(source / place)
        number = Path(place).name[:2]
        promise = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", promise)
        lines.append(f"- [**{number} {title}**]({place}). {promise}")
    return "\n".join(lines)


def opening(notebook: Path) -> tuple[str, str]:
    """The title of a notebook and its first paragraph of text."""
    text = nbformat.read(notebook, as_version=4).cells[0].source
    title = re.search(r"^# (.+)", text, re.MULTILINE)[1]
    paragraphs = re.split(r"\n\n+", text)
    texts = [each for each in paragraphs if not each.startswith(("#", "["))]
    return title, " ".join(texts[0].split()) if texts else ""


def fold(opens: bool) -> nbformat.NotebookNode:
    """The cell that opens or closes what a reader unfolds."""
    html = "<details><summary>Solution</summary>" if opens else "</details>"
    return nbformat.v4.new_markdown_cell(html)


def commands() -> str:
    """Every command of `divisi` with its arguments, as its parser describes them."""
    (subparsers,) = [
        action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    sections = [command_section(*each) for each in subparsers.choices.items()]
    return (
        "# Commands\n\n"
        f"{cli.DESCRIPTION} `divisi COMMAND --help` prints what is on this page.\n\n"
        "```text\n" + cli.EXAMPLES.partition("\n\n")[0].removeprefix("examples:\n") + "\n```\n\n"
        + "\n".join(sections)
    )  # fmt: skip


def command_section(name: str, parser: argparse.ArgumentParser) -> str:
    formatter = parser._get_formatter()
    options = []
    for action in parser._actions:
        if action.dest == "help":
            continue
        value = formatter._metavar_formatter(action, action.dest)(1)[0]
        names = [f"{flag} {value}" if action.nargs != 0 else flag for flag in action.option_strings]
        label = ", ".join(f"`{each}`" for each in names or [value])
        words = formatter._expand_help(action) if action.help else "see above"
        options.append(f"{label}\n: {words}\n")
    usage = re.sub(r"\s+", " ", parser.format_usage().removeprefix("usage: ")).replace(" [-h]", "")
    epilog = f"\n```text\n{parser.epilog.strip()}\n```\n" if parser.epilog else ""
    return (
        f"## divisi {name}\n\n```text\n{wrapped(usage.strip())}\n```\n\n"
        f"{parser.description.strip()}\n\n" + "\n".join(options) + epilog
    )


def wrapped(usage: str, width: int = 60) -> str:
    """A usage in lines that fit a narrow page, broken between arguments."""
    lines = [""]
    for word in re.findall(r"\[[^\]]*(?:\[[^\]]*\][^\]]*)*\]|\S+", usage):
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("   ")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)


def functions() -> str:
    """The public functions, from their docstrings."""
    directives = []
    for name in helpers.__all__:
        is_class = isinstance(getattr(helpers, name), type)
        directive = f".. {'autoclass' if is_class else 'autofunction'}:: divisi.{name}\n"
        directives.append(directive + ("   :members: save, player\n" if is_class else ""))
    return (
        "# Python functions\n\n[From Python](python.md) shows them in use.\n\n"
        "```{eval-rst}\n" + "\n".join(directives) + "```\n"
    )  # fmt: skip


def bibliography(root: Path) -> str:
    """The works that the chapters name under `### References`, each once."""
    works: dict[str, str] = {}
    cited: dict[str, list[str]] = {}
    for chapter in sorted((root / "Notebooks").glob("[0-9][0-9]_*.ipynb")):
        for work in references(chapter):
            works.setdefault(key(work), work)
            cited.setdefault(key(work), []).append(f"[{chapter.stem[:2]}](chapters/{chapter.name})")
    lines = [f"- {works[each]} — chapter {', '.join(cited[each])}" for each in works]
    lines.sort(key=lambda line: surname(line[2:]))
    return (
        "# Bibliography\n\nWhat the chapters cite, collected from the end of each.\n\n"
        + "\n".join(lines) + "\n"
    )  # fmt: skip


def references(chapter: Path) -> list[str]:
    """The entries of a chapter's list of references, without line breaks or final full stop."""
    cells = nbformat.read(chapter, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    section = re.search(r"^#+ References\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    entries = re.findall(r"^- (.+(?:\n  .+)*)", section[1], re.MULTILINE) if section else []
    return [" ".join(entry.split()).removesuffix(".") for entry in entries]


def key(work: str) -> str:
    """What two entries of the same work share: its address, else first author and year."""
    address = re.search(r"https?://(?:arxiv|doi)\.org/[^)\s]+", work)
    year = re.search(r"\b(?:19|20)\d\d\b", work)
    return address[0] if address else f"{surname(work)} {year[0] if year else ''}"


def surname(work: str) -> str:
    """The first author's surname in lower case, or how the entry begins."""
    bare = re.sub(r"^(?:\[|(?:[^\W\d_]\.[-\s]*)+)", "", work)
    return re.split(r"[,\]]| et al| and ", bare)[0].casefold()
