"""The site of `make book`: built without a network, no dead link, legible on a telephone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import helpers
from helpers import cli
from helpers.runtime import repository_root
from tests.display.conftest import browser  # noqa: F401
from tests.display.pages import until

pytest.importorskip("myst_nb", reason="the packages of the site are not there: run `make book`")
pytest.importorskip("latex2mathml", reason="the packages of the site are not there")

import book  # noqa: E402
import book_links  # noqa: E402
import book_pages  # noqa: E402

ROOT = repository_root()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site; a warning of Sphinx or a dead link is a failure."""
    folder = tmp_path_factory.mktemp("book")
    command = [sys.executable, ROOT / "scripts" / "book.py", "--output", folder]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


@pytest.fixture
def lay(tmp_path, monkeypatch):
    """Write files into an empty repository; book.py then reads that one."""
    monkeypatch.setattr(book, "ROOT", tmp_path)

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def notebook(*cells) -> str:
    return nbformat.writes(new_notebook(cells=list(cells)))


def test_no_link_on_the_site_is_dead(site):
    assert book_links.faults(site) == []


def test_every_chapter_document_and_generated_page_is_on_the_site(site):
    chapters = {f"chapters/{path.stem}.html" for path in (ROOT / "Notebooks").glob("0*.ipynb")}
    documents = {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")}
    written = {"commands.html", "bibliography.html", "api.html", "player.html"}
    there = {str(path.relative_to(site)) for path in site.rglob("*.html")}
    assert chapters | documents | written <= there


def test_formulas_are_mathml_and_no_page_keeps_their_source(site):
    page = (site / "glossary.html").read_text(encoding="utf-8")
    assert page.count("<math") > 20
    assert "$" not in page.partition("<article")[2].partition("</article")[0]


def test_the_page_of_functions_has_every_public_one(site):
    page = (site / "api.html").read_text(encoding="utf-8")
    for name in helpers.__all__:
        assert f'id="divisi.{name}"' in page


@pytest.fixture(scope="module", params=[1280, 390], ids=lambda width: f"{width}px")
def page(request, browser) -> Iterator:  # noqa: F811
    """A page of this width and, in `page.faults`, what it complains about or fetches."""
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    page.faults = []
    page.on("console", lambda m: page.faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on(
        "request",
        lambda request: (
            page.faults.append(request.url)
            if not request.url.startswith(("file:", "data:", "blob:"))
            else None
        ),
    )
    yield page
    page.close()


@pytest.mark.browser
def test_no_page_scrolls_sideways_complains_or_fetches_anything(site, page):
    for path in sorted(site.rglob("*.html")):
        if "_static" in path.parts:
            continue
        page.goto(path.as_uri(), timeout=60_000)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"], path.name
        assert page.faults == [], path.name


@pytest.mark.browser
def test_the_search_finds_the_glossary_without_a_server(site, page):
    page.goto((site / "search.html").as_uri() + "?q=oracle", timeout=60_000)
    until(page, "document.querySelectorAll('ul.search a[href*=glossary]').length > 0")


@pytest.mark.browser
def test_the_player_of_the_page_listen_is_as_high_as_its_content(site, page):
    page.goto((site / "listen.html").as_uri(), timeout=60_000)
    for frame, handle in zip(page.frames[1:], page.query_selector_all("iframe"), strict=True):
        frame.wait_for_load_state()
        content = frame.evaluate("document.body.getBoundingClientRect().height")
        spare = handle.bounding_box()["height"] - content
        assert 0 <= spare < 120


def test_links_follow_the_files_to_their_pages(lay):
    lay({"docs/a.md": "", "docs/b.md": "", "recipes/r.toml": "", "Notebooks/01_x.ipynb": "{}"})
    chosen = book.pages()
    text = "[b](b.md#word) [one](../Notebooks/01_x.ipynb) ![p](../Images/p.png) [h](https://h.org)"
    assert book.relinked(text, "docs/a.md", chosen) == (
        "[b](b.md#word) [one](chapters/01_x.ipynb) ![p](Images/p.png) [h](https://h.org)"
    )
    text = "[b](../docs/b.md) [r](../recipes/r.toml) [here](#below)"
    assert book.relinked(text, "Notebooks/01_x.ipynb", chosen) == (
        f"[b](../b.md) [r]({book.address()}/blob/main/recipes/r.toml) [here](#below)"
    )


def test_exercises_and_solutions_are_one_page(lay):
    lay({"Notebooks/solutions/01_x.ipynb": "{}", "Notebooks/exercises/01_x.ipynb": "{}"})
    chosen = book.pages()
    assert chosen["Notebooks/exercises/01_x.ipynb"] == "exercises/01_x.ipynb"
    assert chosen["Notebooks/solutions/01_x.ipynb"] == "exercises/01_x.ipynb"


def test_neighbouring_cells_of_a_solution_are_folded_together(lay):
    tags = {"tags": ["solution"]}
    path = "Notebooks/solutions/01_x.ipynb"
    cells = [
        new_markdown_cell("# T"), new_markdown_cell("**1.** Why?"),
        new_markdown_cell("Because.", metadata=tags), new_code_cell("1 + 1", metadata=tags),
        new_markdown_cell("**2.** How?"), new_code_cell("2", metadata=tags),
    ]  # fmt: skip
    lay({path: notebook(*cells)})
    sources = [cell.source for cell in book.notebook_page(path, book.pages()).cells]
    opens, closes = "<details><summary>Solution</summary>", "</details>"
    assert sources == [
        "# T", "**1.** Why?", opens, "Because.", "1 + 1", closes, "**2.** How?", opens, "2", closes,
    ]  # fmt: skip


def test_the_page_of_solutions_is_one_of_exercises(lay):
    path = "Notebooks/solutions/01_x.ipynb"
    link = "https://colab.org/main/Notebooks/{}/01_x.ipynb"
    badge = f"[![Open in Colab](https://b.svg)]({link.format('solutions')})"
    lay({path: notebook(new_markdown_cell(f"{badge}\n\n# Title: solutions"))})
    (cell,) = book.notebook_page(path, book.pages()).cells
    assert cell.source == f"# Title: exercises\n\n[Open in Colab]({link.format('exercises')})"


def test_the_badge_becomes_a_link_and_the_bootstrap_cell_goes(lay):
    badge = "[![Open in Colab](https://colab.research.google.com/b.svg)](https://colab.org/x)"
    path = "Notebooks/01_x.ipynb"
    fetch = new_code_cell("import subprocess", metadata={"tags": ["bootstrap"]})
    lay({path: notebook(new_markdown_cell(f"{badge}\n\n# Title\n\nText."), fetch)})
    (cell,) = book.notebook_page(path, book.pages()).cells
    assert cell.source == "# Title\n\n[Open in Colab](https://colab.org/x)\n\nText."


def test_the_page_of_commands_has_every_command_and_option():
    text = book_pages.commands()
    for name, command in cli.COMMANDS.items():
        assert f"## divisi {name}\n" in text
        parser = cli.Parser()
        command.add_arguments(parser)
        for action in parser._actions[1:]:
            for option in action.option_strings:
                assert f"`{option}" in text


def test_the_bibliography_has_a_work_of_two_chapters_once(lay):
    entry = "- A. Bee, *On {}*,\n  ISMIR 2020, [arXiv 1](https://arxiv.org/abs/1)."
    works = [f"### References\n\n{entry.format(word)}" for word in ("bees", "Bees")]
    folder = lay({
        "Notebooks/01_x.ipynb": notebook(new_markdown_cell(works[0])),
        "Notebooks/02_y.ipynb": notebook(new_markdown_cell(works[1] + "\n- C. Ant, *Ants*, 1999")),
    })  # fmt: skip
    lines = [line for line in book_pages.bibliography(folder).splitlines() if line[:2] == "- "]
    assert [line.partition(" — ")[2] for line in lines] == [
        "chapter [02](chapters/02_y.ipynb)",
        "chapter [01](chapters/01_x.ipynb), [02](chapters/02_y.ipynb)",
    ]


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<a href="b.html">b</a>', "index.html: links to b.html, which does not exist."),
        ('<a href="#x">x</a>', "index.html: links to #x, which has no such anchor."),
        ('<img src="https://a.org/b.png">', "loads https://a.org/b.png; copy it into the site."),
        ('<a href="../secret">x</a>', "index.html: links to ../secret, which does not exist."),
    ],
)
def test_a_dead_link_is_found(tmp_path, html, fault):
    (tmp_path / "secret").touch()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text(f'<p id="y">{html}<a href="#y">y</a>')
    (found,) = book_links.faults(tmp_path / "site")
    assert found.endswith(fault)


def test_a_notebook_of_the_site_is_valid_json_with_its_outputs(lay):
    output = nbformat.v4.new_output("stream", text="4\n")
    path = "Notebooks/01_x.ipynb"
    lay({path: notebook(new_code_cell("2 + 2", outputs=[output]))})
    page = json.loads(nbformat.writes(book.notebook_page(path, book.pages())))
    assert page["cells"][0]["outputs"][0]["text"] == ["4\n"]
