"""Write Notebooks/*.ipynb, its solutions and its exercises from their .py sources, one way.

    python scripts/notebooks.py     # or `make notebooks`

A notebook keeps its outputs as long as the code of its source is the same; `make outputs` makes
them. The repository's address in pyproject.toml goes into the badge at the head of each notebook,
the cell tagged `bootstrap` and the README's table of chapters.

`Notebooks/solutions/NN_name.py` holds exercises and solutions:

    # %% [markdown]
    # # Title of the chapter: solutions

    # %%                                      imports and what all exercises use

    # %% [markdown]
    # **1. A question.** What is asked, and where to start.

    # %% tags=["solution"]                    code of the answer, in one or several cells

    # %% [markdown] tags=["solution"]         the answer in words, with the numbers of our run

Badge and bootstrap cell are added. `Notebooks/exercises/NN_name.ipynb` is the same notebook with
every run of cells tagged `solution` replaced by one cell to write in.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from itertools import groupby
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from helpers.files import replaced_atomically

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
#: The course: a group, its first and its last chapter.
GROUPS = (
    ("From a sine wave to HT-Demucs", 1, 4),
    ("The other systems of the field", 5, 7),
    ("Beyond", 8, 99),
)
NOTEBOOKS = ROOT / "Notebooks"
COLAB = "https://colab.research.google.com"
WRITE_CODE, WRITE_WORDS = "# Write your code here.", "*Write your answer here.*"

BOOTSTRAP = """\
# On Colab: fetch the course, beside the torch and numpy that are there. Anywhere else: nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    fetch = "[ -d divisi ] || git clone -q --depth 1 {address}"
    subprocess.run(f"{{fetch}} && bash divisi/scripts/colab.sh", shell=True, check=True)
    sys.path.insert(0, "/content/divisi")
"""


def address() -> str:
    """Where the repository lives: `https://github.com/OWNER/NAME`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["urls"]["Repository"]


def sources() -> list[Path]:
    """The chapters in reading order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))


def solutions() -> list[Path]:
    """Exercises and solutions in one source for each chapter."""
    return sorted((NOTEBOOKS / "solutions").glob("[0-9][0-9]_*.py"))


def place(source: Path) -> str:
    """A source in Notebooks/ without suffix: `01_x` for a chapter, `solutions/01_x`."""
    return source.relative_to(NOTEBOOKS).with_suffix("").as_posix()


def bootstrap() -> str:
    """The one cell that every notebook shares."""
    return BOOTSTRAP.format(address=address())


def badge(place: str) -> str:
    """The Markdown button that opens a notebook in Colab."""
    repository = address().removeprefix("https://github.com/")
    link = f"{COLAB}/github/{repository}/blob/main/Notebooks/{place}.ipynb"
    return f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({link})"


def refresh(text: str, place: str) -> str:
    """A source with the badge and the bootstrap cell as they should be."""
    line = f"# {badge(place)}"
    if re.search(r"^# \[!\[Open in Colab\]", text, flags=re.MULTILINE):
        text = re.sub(r"^# \[!\[Open in Colab\].*$", line, text, count=1, flags=re.MULTILINE)
    else:
        text = text.replace("# %% [markdown]\n", f"# %% [markdown]\n{line}\n#\n", 1)
    opening = '# %% tags=["bootstrap"]\n'
    if opening not in text:
        text = text.replace("# %%\n", f"{opening}\n# %%\n", 1)
    cell = re.compile(f"(^{re.escape(opening)})(.*?)(?=^# %%)", re.MULTILINE | re.DOTALL)
    return cell.sub(lambda found: f"{found[1]}{bootstrap()}\n", text, count=1)


def convert(text: str) -> NotebookNode:
    """The notebook of a source: no outputs, cell ids that do not change, Colab's metadata."""
    notebook = jupytext.reads(text, fmt="py:percent")
    metadata = {
        "colab": {"provenance": []},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    if "accelerator" in notebook.metadata:
        metadata["accelerator"] = notebook.metadata["accelerator"]
    notebook.metadata = nbformat.from_dict(metadata)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return numbered(notebook)


def numbered(notebook: NotebookNode) -> NotebookNode:
    """The notebook with cell ids that follow from its cells alone."""
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:03d}"
    return notebook


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def code_sha256(notebook: NotebookNode) -> str:
    """Of the code and its tags, without the bootstrap cell, which does nothing here."""
    cells = [[cell.source, tags(cell)] for cell in code_cells(notebook)]
    own = [cell for cell in cells if "bootstrap" not in cell[1]]
    return hashlib.sha256(json.dumps(own).encode()).hexdigest()


def outputs_sha256(notebook: NotebookNode) -> str | None:
    """Of the code that made the outputs of a notebook; None where it has no outputs."""
    return notebook.metadata.get("divisi", {}).get("code_sha256")


def keep_outputs(fresh: NotebookNode, old: NotebookNode) -> bool:
    """Give a notebook the outputs of its last version if that had the same code; whether so."""
    sha256 = code_sha256(fresh)
    if outputs_sha256(old) != sha256:
        return False
    for cell, before in zip(code_cells(fresh), code_cells(old), strict=True):
        cell.outputs, cell.execution_count = before.outputs, before.execution_count
    fresh.metadata["divisi"] = {"code_sha256": sha256}
    return True


def exercises(solution: NotebookNode, name: str) -> NotebookNode:
    """The notebook of exercises of a notebook of solutions, both called `name`."""
    notebook = nbformat.from_dict(solution)
    notebook.metadata.pop("divisi", None)
    cells = []
    for is_solution, run in groupby(notebook.cells, lambda cell: "solution" in tags(cell)):
        run = list(run)
        if not is_solution:
            cells += run
        elif any(cell.cell_type == "code" for cell in run):
            cells.append(nbformat.v4.new_code_cell(WRITE_CODE))
        else:
            cells.append(nbformat.v4.new_markdown_cell(WRITE_WORDS))
    notebook.cells = cells
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    first = notebook.cells[0]
    first.source = first.source.replace(badge(f"solutions/{name}"), badge(f"exercises/{name}"))
    first.source = re.sub(r"^(# .*)\bsolutions\b", r"\1exercises", first.source, flags=re.MULTILINE)
    return numbered(notebook)


def write(notebook: NotebookNode, path: Path) -> None:
    """Atomically, and not at all where the file is the same."""
    text = nbformat.writes(notebook).rstrip("\n") + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(exist_ok=True)
    with replaced_atomically(path) as draft:
        draft.write_text(text, encoding="utf-8")


def table() -> str:
    """The README's table of chapters in groups: title, what each needs, badge."""
    rows = [
        "| chapter | two cores | T4 | disk | recordings | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for group, first, last in GROUPS:
        members = [source for source in sources() if first <= int(source.stem[:2]) <= last]
        rows += [f"| **{group}** | | | | | |"] * bool(members)
        for source in members:
            title, needs = opening(source)
            link = f"[{source.stem[:2]} {title}](Notebooks/{source.stem}.ipynb)"
            rows.append(f"| {link} | {' | '.join(needs)} | {badge(source.stem)} |")
    return "\n".join(rows)


def opening(source: Path) -> tuple[str, list[str]]:
    """A chapter's title, and what it needs: minutes on two cores and on a T4, disk, recordings."""
    text = convert(source.read_text()).cells[0].source
    title = re.search(r"^# (.+)$", text, re.MULTILINE)[1]
    needs = re.search(r"^\| needs \| two cores: (.+); T4: (.+); disk: (.+); recordings: (.+) \|$",
                      text, re.MULTILINE)  # fmt: skip
    return title, list(needs.groups())


def with_table(readme: str) -> str:
    """The README with its table of chapters as it should be."""
    between = re.compile(r"(<!-- notebooks -->\n).*?(<!-- /notebooks -->)", re.DOTALL)
    return between.sub(lambda found: f"{found[1]}{table()}\n{found[2]}", readme)


def main() -> None:
    for source in (*sources(), *solutions()):
        text, path = refresh(source.read_text(), place(source)), source.with_suffix(".ipynb")
        source.write_text(text)
        notebook = convert(text)
        has_outputs = path.exists() and keep_outputs(notebook, nbformat.read(path, as_version=4))
        write(notebook, path)
        state = "" if has_outputs else f": without outputs; run `make outputs NAME={place(source)}`"
        print(f"{path.relative_to(ROOT)}{state}")
        if source in solutions():
            exercise = NOTEBOOKS / "exercises" / path.name
            write(exercises(notebook, source.stem), exercise)
            print(exercise.relative_to(ROOT))
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text()))


if __name__ == "__main__":
    main()
