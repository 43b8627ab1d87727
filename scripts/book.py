"""`make book`: the course as a static site in build/book/html, from what is committed.

The pages are laid out in build/book/source: documents and notebooks are copied and their links
follow them, and pages that must not drift are written from their source (the commands from their
parsers, the bibliography from the chapters, the Python functions from their docstrings). No
notebook is executed. Only the player of the page "Listen" is made here, from a rendered chorale.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from pathlib import Path, PurePosixPath

import book_links
import book_pages
import book_player
import nbformat
from notebooks import ROOT, address
from sphinx.cmd.build import build_main

BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]+\)\]\(([^)]+)\)\n*")
LINK = re.compile(r"(\]\()([^)\s#]*)(#[^)\s]*)?(\))")


def pages() -> dict[str, str]:
    """Files of the repository and where their pages are on the site, in reading order.

    Exercises and their solutions are one page, on which the solutions are folded.
    """
    chosen = {"README.md": "index.md", "docs/index.md": "index.md"}
    chosen |= {"CONTRIBUTING.md": "contributing.md", "benchmarks/README.md": "benchmarks.md"}
    for document in sorted((ROOT / "docs").glob("*.md")):
        chosen.setdefault(f"docs/{document.name}", document.name)
    for folder, place in (("", "chapters"), ("solutions/", "exercises")):
        for notebook in sorted((ROOT / "Notebooks" / folder).glob("[0-9][0-9]_*.ipynb")):
            chosen[f"Notebooks/{folder}{notebook.name}"] = f"{place}/{notebook.name}"
            if folder:
                chosen[f"Notebooks/exercises/{notebook.name}"] = f"{place}/{notebook.name}"
    return chosen


def relinked(text: str, path: str, chosen: dict[str, str]) -> str:
    """Markdown of a file of the repository with links as its page on the site needs them.

    Links to files without a page lead to the repository's address.
    """
    here = PurePosixPath(chosen[path]).parent

    def link(found: re.Match) -> str:
        opening, target, anchor, closing = found.groups(default="")
        if not target or re.match(r"[a-z]+:", target):
            return found[0]
        file = os.path.normpath(PurePosixPath(path).parent / target)
        if file in chosen or file.startswith("Images/"):
            target = os.path.relpath(chosen.get(file, file), here)
        elif (ROOT / file).exists():
            kind = "tree" if (ROOT / file).is_dir() else "blob"
            target = f"{address()}/{kind}/main/{file}"
        return f"{opening}{target}{anchor}{closing}"

    return LINK.sub(link, text)


def notebook_page(path: str, chosen: dict[str, str]) -> nbformat.NotebookNode:
    """A committed notebook for the site: links follow, solutions are folded, Colab is a link."""
    notebook = nbformat.read(ROOT / path, as_version=4)
    cells = []
    folded = False
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "bootstrap" in tags:
            continue
        if ("solution" in tags) != folded:
            folded = not folded
            cells.append(book_pages.fold(opens=folded))
        if cell.cell_type == "markdown":
            cell.source = relinked(with_colab_below(cell.source), path, chosen)
        cells.append(cell)
    notebook.cells = cells + [book_pages.fold(opens=False)] * folded
    return notebook


def with_colab_below(text: str) -> str:
    """The badge of a notebook as a link below its title: its picture would be fetched.

    A notebook of solutions becomes one of exercises, since its solutions are folded here.
    """
    badge = BADGE.search(text)
    if not badge:
        return text
    link = f"[Open in Colab]({badge[1].replace('/solutions/', '/exercises/')})"
    text = re.sub(r"^(# .+): solutions$", r"\1: exercises", BADGE.sub("", text), flags=re.MULTILINE)
    return re.sub(r"^(# .+)$", rf"\1\n\n{link}", text, count=1, flags=re.MULTILINE)


def lay_out(source: Path) -> None:
    """Write all pages of the site but the player."""
    shutil.rmtree(source, ignore_errors=True)
    chosen = pages()
    for path, place in chosen.items():
        target = source / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.startswith("Notebooks/exercises/") or path == "README.md":
            continue
        if place.endswith(".ipynb"):
            nbformat.write(notebook_page(path, chosen), target)
        else:
            target.write_text(relinked((ROOT / path).read_text(), path, chosen))
    shutil.copytree(ROOT / "Images", source / "Images")
    written = {
        "commands.md": book_pages.commands(),
        "bibliography.md": book_pages.bibliography(ROOT),
        "api.md": book_pages.functions(),
    }
    for name, text in written.items():
        (source / name).write_text(text)
    places = [place for place in dict.fromkeys(chosen.values()) if place != "index.md"]
    chapters = [place for place in places if place.startswith("chapters/")]
    index = (source / "index.md").read_text()
    index = index.replace("<!-- chapters -->", book_pages.chapters(source, chapters))
    index += book_pages.contents(source, [*places, *written])
    (source / "index.md").write_text(index)


def build(folder: Path) -> int:
    """Build the site in `folder`/html; returns Sphinx's exit code, 1 after any warning."""
    source, html = folder / "source", folder / "html"
    lay_out(source)
    listen = source / "listen.md"
    table = book_player.write(source / "extra")
    listen.write_text(listen.read_text().replace("<!-- table -->", table))
    shutil.rmtree(html, ignore_errors=True)
    return build_main(
        ["-b", "html", "-c", str(ROOT / "docs"), "-d", str(folder / "doctrees"), "-q", "-E",
         "-W", "--keep-going", "-D", f"html_extra_path={source / 'extra'}", str(source), str(html)]
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "book", metavar="DIR")
    folder = parser.parse_args().output
    code = build(folder)
    faults = book_links.faults(folder / "html")
    print(*faults, folder / "html" / "index.html", sep="\n")
    return code or bool(faults)


if __name__ == "__main__":
    sys.exit(main())
