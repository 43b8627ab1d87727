"""The notebooks: one source each, a shape that readers can rely on, code that runs, its outputs."""

from __future__ import annotations

import ast
import os
import re
import shutil
from pathlib import Path

import nbformat
import notebooks
import outputs
import pytest
from nbclient import NotebookClient
from notebooks import place

ROOT = notebooks.ROOT
LEFT_OUT = shutil.ignore_patterns(
    ".venv", "demo", "runs", "build", "__pycache__", ".pytest_cache", ".hypothesis", "*.egg-info"
)
each_chapter = pytest.mark.parametrize("source", notebooks.sources(), ids=place)
each_solution = pytest.mark.parametrize("source", notebooks.solutions(), ids=place)
each_notebook = pytest.mark.parametrize(
    "source", [*notebooks.sources(), *notebooks.solutions()], ids=place
)


def read(source: Path) -> nbformat.NotebookNode:
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def cells(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def bullets(markdown: str) -> list[str]:
    return re.findall(r"^[-*] ", markdown, flags=re.MULTILINE)


def fingerprint(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Content and time of writing of every file in Results/ and Images/."""
    files = [path for name in ("Results", "Images") for path in (folder / name).rglob("*")]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files if path.is_file()}


def test_no_notebook_lacks_its_source():
    written = {path.relative_to(ROOT / "Notebooks") for path in ROOT.glob("Notebooks/**/*.ipynb")}
    written = {path for path in written if ".ipynb_checkpoints" not in path.parts}
    solved = [source.stem for source in notebooks.solutions()]
    expected = [f"{place(source)}.ipynb" for source in notebooks.sources()]
    expected += [
        f"{folder}/{name}.ipynb" for folder in ("solutions", "exercises") for name in solved
    ]
    assert written == {Path(name) for name in expected}


@each_notebook
def test_notebook_equals_its_source_cell_by_cell(source):
    expected = notebooks.convert(notebooks.refresh(source.read_text(), place(source)))
    found = read(source)
    nbformat.validate(found)
    assert {**found.metadata, "divisi": None} == {**expected.metadata, "divisi": None}
    assert len(found.cells) == len(expected.cells), "run `make notebooks`"
    for cell, original in zip(found.cells, expected.cells, strict=True):
        assert (cell.cell_type, cell.source, cell.metadata) == (
            original.cell_type,
            original.source,
            original.metadata,
        ), "run `make notebooks`"


@each_solution
def test_exercises_are_the_solutions_without_the_answers(source):
    found = nbformat.read(ROOT / "Notebooks" / "exercises" / f"{source.stem}.ipynb", as_version=4)
    assert found == notebooks.exercises(read(source), source.stem), "run `make notebooks`"


@each_notebook
def test_source_carries_the_badge_and_the_bootstrap_cell_of_this_repository(source):
    text = source.read_text()
    assert notebooks.refresh(text, place(source)) == text, "run `make notebooks`"
    assert cells(read(source), "markdown")[0].startswith(notebooks.badge(place(source)))
    assert cells(read(source), "code")[0] == notebooks.bootstrap().rstrip()


def test_bootstrap_cell_is_eight_lines_and_does_nothing_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("it ran something"))
    assert len(notebooks.bootstrap().splitlines()) <= 8
    exec(notebooks.bootstrap(), {})
    assert not list(tmp_path.iterdir())


@each_notebook
def test_notebook_shows_the_outputs_of_its_source(source):
    expected = notebooks.code_sha256(notebooks.convert(source.read_text()))
    assert not outputs.faults(read(source), expected), f"run `make outputs NAME={place(source)}`"


@each_chapter
def test_code_cells_have_fifteen_lines_at_most(source):
    for code in cells(read(source), "code"):
        assert len(code.splitlines()) <= 15, code


@each_chapter
def test_at_most_eight_names_of_helpers_are_imported_before_the_first_sound(source):
    imported = []
    for code in cells(read(source), "code"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith(("helpers", "experim")):
                imported += [alias.name for alias in node.names]
        if re.search(r"\b(StemPlayer|listen|Audio)\(", code):
            break
    assert len(imported) <= 8, imported


@each_chapter
def test_notebook_carries_colabs_metadata(source):
    metadata = read(source).metadata
    assert metadata["colab"] == {"provenance": []}
    assert metadata.get("accelerator") in (None, "GPU")


@each_chapter
def test_recap_answers_every_opening_bullet_and_exercises_follow(source):
    texts = cells(read(source), "markdown")
    promised = next(bullets(text) for text in texts if bullets(text))
    recap = next(place for place, text in enumerate(texts) if text.startswith("## Recap"))
    assert len(bullets(texts[recap])) == len(promised)
    assert re.search(r"^#+ .*exercises", "\n".join(texts[recap:]), re.MULTILINE | re.IGNORECASE)


@pytest.mark.notebook
@each_notebook
def test_notebook_runs_in_smoke_and_leaves_published_results_alone(source, tmp_path):
    copy = tmp_path / "divisi"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT, symlinks=True)
    before = fingerprint(copy)
    client = NotebookClient(
        read(source),
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(copy / source.parent.relative_to(ROOT))}},
    )
    client.execute(env={**os.environ, "DIVISI_PROFILE": "smoke", "PYTHONPATH": str(copy)})
    assert fingerprint(copy) == before
