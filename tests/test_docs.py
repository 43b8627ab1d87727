"""The pages in docs/ agree with the repository."""

from __future__ import annotations

import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import notebooks
import numpy as np
import pytest
import soundfile

import helpers
from helpers.evaluation.results import HEADER, PAGES, update_readme

ROOT = notebooks.ROOT
DOCS = sorted((ROOT / "docs").glob("*.md"))
WRITTEN = {"commands.md", "bibliography.md", "api.md", "player.html"}  # by book.py
each_page = pytest.mark.parametrize("page", DOCS, ids=lambda path: path.stem)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}


@each_page
def test_local_links_lead_somewhere(page):
    for link, anchor in re.findall(r"\]\(([^)\s#]*)#?([^)\s]*)\)", page.read_text()):
        if re.match(r"https?://", link) or link in WRITTEN:
            continue
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}#{anchor}"


def test_terms_of_the_glossary_stand_once():
    headings = re.findall(r"^### (.+)$", (ROOT / "docs" / "glossary.md").read_text(), re.M)
    assert len(headings) == len(set(headings)) > 60


def test_chapters_link_only_terms_that_the_glossary_has():
    terms = anchors(ROOT / "docs" / "glossary.md")
    for chapter in (ROOT / "Notebooks").rglob("*.py"):
        linked = re.findall(r"glossary\.md#([^)\s]+)", chapter.read_text())
        assert set(linked) <= terms, chapter.name


@pytest.mark.parametrize("page", PAGES)
def test_tables_are_those_of_the_results(page):
    assert not update_readme(ROOT / page, ROOT / "Results", check=True), "run `make results`"


def test_every_table_column_and_metric_is_explained():
    text = (ROOT / "docs" / "results.md").read_text()
    rows = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    explained = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert set(HEADER) <= set(explained)
    for path in (ROOT / "Results").glob("*.csv"):
        assert any(fnmatch(path.name, name) for name in explained), path.name


def test_the_lines_of_python_run(monkeypatch, tmp_path):
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/python.md").read_text(), re.M | re.S
    )
    noise = np.random.default_rng(0).normal(0, 0.1, (22050, 2)).astype(np.float32)
    soundfile.write(tmp_path / "quartet.wav", noise, 44100, "FLOAT")
    for name in ("violin", "cello"):
        (tmp_path / "my_stems" / "piece").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / f"my_stems/piece/{name}.wav", noise, 44100, "FLOAT")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "divisi", helpers)
    names: dict = {}
    exec("".join(blocks), names)
    assert names["violin"].shape == (2, 22050)
    assert {row.system for row in names["rows"]} >= {"chamber", "mixture", "oracle-irm"}
