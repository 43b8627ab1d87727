"""Write every Notebooks/NN_name.ipynb from its NN_name.py, one way, without outputs.

The repository's address in pyproject.toml goes into the badge at the head of each chapter, the cell
tagged `bootstrap` and the README's table of chapters.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import jupytext
import nbformat

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
COLAB = "https://colab.research.google.com"

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
    return sorted((ROOT / "Notebooks").glob("[0-9][0-9]_*.py"))


def bootstrap() -> str:
    """The one cell that every chapter shares."""
    return BOOTSTRAP.format(address=address())


def badge(chapter: str) -> str:
    """The Markdown button that opens a chapter (its name without suffix) in Colab."""
    place = address().removeprefix("https://github.com/")
    link = f"{COLAB}/github/{place}/blob/main/Notebooks/{chapter}.ipynb"
    return f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({link})"


def refresh(text: str, chapter: str) -> str:
    """A chapter's source with the badge and the bootstrap cell as they should be."""
    line = f"# {badge(chapter)}"
    if re.search(r"^# \[!\[Open in Colab\]", text, flags=re.MULTILINE):
        text = re.sub(r"^# \[!\[Open in Colab\].*$", line, text, count=1, flags=re.MULTILINE)
    else:
        text = text.replace("# %% [markdown]\n", f"# %% [markdown]\n{line}\n#\n", 1)
    cell = re.compile(r'(^# %% tags=\["bootstrap"\]\n)(.*?)(?=^# %%)', re.MULTILINE | re.DOTALL)
    return cell.sub(lambda found: f"{found[1]}{bootstrap()}\n", text, count=1)


def convert(text: str) -> nbformat.NotebookNode:
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
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:03d}"
    return notebook


def table() -> str:
    """The README's table of chapters: title, promise, badge."""
    rows = ["| chapter | what happens in it | |", "| --- | --- | --- |"]
    for source in sources():
        opening = convert(source.read_text()).cells[0].source
        title, promise = re.search(r"^# (.+)\n+(.+(?:\n.+)*)", opening, re.MULTILINE).groups()
        link = f"[{source.stem[:2]} {title}](Notebooks/{source.stem}.ipynb)"
        rows.append(f"| {link} | {' '.join(promise.split())} | {badge(source.stem)} |")
    return "\n".join(rows)


def with_table(readme: str) -> str:
    """The README with its table of chapters as it should be."""
    between = re.compile(r"(<!-- notebooks -->\n).*?(<!-- /notebooks -->)", re.DOTALL)
    return between.sub(lambda found: f"{found[1]}{table()}\n{found[2]}", readme)


def main() -> None:
    for source in sources():
        text = refresh(source.read_text(), source.stem)
        source.write_text(text)
        nbformat.write(convert(text), source.with_suffix(".ipynb"))
        print(source.with_suffix(".ipynb").relative_to(ROOT))
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text()))


if __name__ == "__main__":
    main()
