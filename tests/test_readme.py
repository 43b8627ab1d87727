"""The README and CONTRIBUTING agree with the repository."""

from __future__ import annotations

import re
import sys

import notebooks
import numpy as np
import pages as tables
import pytest
import quotes
import soundfile

import helpers
from helpers import cli
from helpers.evaluation.results import update_readme

ROOT = notebooks.ROOT
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def code(page: str) -> str:
    """The text in fences and between backticks."""
    fences = re.findall(r"^```.*?\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    return "\n".join(fences + re.findall(r"`([^`\n]+)`", page))


def test_tables_are_those_of_the_results():
    stale = update_readme(ROOT / "README.md", ROOT / "Results", check=True)
    assert not stale, "run `make results`"


def test_table_of_chapters_and_badges_come_from_the_one_address():
    readme = (ROOT / "README.md").read_text()
    assert "<!-- notebooks -->" in readme
    assert notebooks.with_table(readme) == readme, "run `make notebooks`"


@each_page
def test_addresses_of_the_repository_and_of_its_site_are_those_of_the_project(page):
    _, owner, name = notebooks.address().rsplit("/", 2)
    text = page.read_text()
    repositories = re.findall(r"https://github\.com/[\w.-]+/divisi\b", text)
    sites = re.findall(r"https://[\w.-]+\.github\.io/[\w.-]+", text)
    assert set(repositories) <= {notebooks.address()}
    assert set(sites) <= {f"https://{owner}.github.io/{name}"}


@each_page
def test_local_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    links += re.findall(r'(?:src|href)="([^"#]+)"', page.read_text())
    generated = {"commands.md", "player.html"} if page.parent.name == "docs" else set()
    for link in set(links) - generated:  # pages that only the site has
        assert re.match(r"https?://", link) or (page.parent / link).exists(), link


def test_the_lines_of_python_run(monkeypatch, tmp_path):
    page = (ROOT / "docs" / "python.md").read_text()
    lines = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    noise = np.random.default_rng(0).normal(0, 0.1, (22050, 2)).astype(np.float32)
    soundfile.write(tmp_path / "quartet.wav", noise, 44100, "FLOAT")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "divisi", helpers)
    names: dict = {}
    exec(lines, names)
    assert names["violin"].shape == (2, 22050)
    assert {file.name for file in (tmp_path / "stems").iterdir()} == {
        "violin.wav", "cello.wav", "separation.json",
    }  # fmt: skip


@each_page
def test_every_make_target_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = re.findall(r"^(?:.* && )?make ([a-z][a-z-]*)", code(page.read_text()), re.MULTILINE)
    assert set(used) <= targets


@each_page
def test_every_divisi_command_exists(page):
    for command in set(re.findall(r"\bdivisi ([a-z]+)\b", code(page.read_text()))):
        with pytest.raises(SystemExit) as exit:
            cli.parser().parse_args([command, "--help"])
        assert exit.value.code == 0, command


@pytest.mark.parametrize("page", tables.BLOCKS)
def test_tables_of_the_front_page_and_of_the_data_page_are_fresh(page):
    assert tables.filled(page) == (ROOT / page).read_text(), "run `make results`"


def test_every_sentence_that_quotes_a_number_says_what_the_tables_say():
    assert quotes.main() == 0


def test_the_citation_names_this_version_and_repository():
    text = (ROOT / "CITATION.cff").read_text()
    assert f"version: {helpers.__version__}" in text
    assert f"repository-code: {notebooks.address()}" in text
