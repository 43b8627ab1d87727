"""Execute chapters and solutions in the `full` profile and store their outputs.

    python scripts/outputs.py                   # or `make outputs`: all of them
    python scripts/outputs.py 04_htdemucs       # or `make outputs NAME=04_htdemucs`

This also writes the tables and figures of the repository. A notebook is written when it has run to
its end. What is stored shows itself on GitHub: no progress bars, no paths of this machine, players
as pictures. Only a cell tagged `sample` also keeps a short sample of its sound, at most two a
notebook, and never of a real recording.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from notebooks import (
    ROOT,
    code_cells,
    code_sha256,
    convert,
    outputs_sha256,
    place,
    refresh,
    solutions,
    sources,
    tags,
    write,
)
from PIL import Image

from helpers import runtime
from helpers.display.saved import SAVED, sentence

WIDGET = "application/vnd.jupyter.widget-view+json"
LISTEN = "Run this cell to listen."
LARGEST = 5_000_000  # bytes of a notebook
SAMPLES = 2  # cells of a notebook whose sound is stored
LONG = re.compile(r"[A-Za-z0-9+/=]{1000,}")  # base64
PLACES = {ROOT: "", Path.home(): "~/", tempfile.gettempdir(): "$TMPDIR/"}
if folder := runtime.data_root():
    PLACES[folder] = "$DIVISI_DATA/"
MACHINE = re.compile(r"(?<![\w.:/~$-])(/(home|root|Users|tmp|var|work|mnt|content)/\w|[A-Z]:\\\w)")


def execute(source: Path, profile: str = "full") -> NotebookNode:
    """Run a source in its own folder; its notebook with outputs as they are stored.

    Raises nbclient's CellExecutionError where a cell fails.
    """
    notebook = convert(refresh(source.read_text(), place(source)))
    began, count = time.perf_counter(), len(notebook.cells)

    def report(cell_index: int, **_: object) -> None:
        seconds = time.perf_counter() - began
        print(
            f"\r{place(source)}: cell {cell_index + 1} of {count}, {seconds:.0f} s",
            end="",
            flush=True,
        )

    client = NotebookClient(
        nbformat.from_dict(notebook), timeout=None, kernel_name="python3", record_timing=False,
        resources={"metadata": {"path": str(source.parent)}}, on_cell_executed=report,
    )  # fmt: skip
    environment = {**os.environ, "DIVISI_PROFILE": profile, "PYTHONPATH": str(ROOT)}
    environment.pop("CI", None)  # pyfluidsynth prints what it finds where this is set
    ran = client.execute(env=environment)
    print()
    for cell, done in zip(code_cells(notebook), code_cells(ran), strict=True):
        cell.outputs = stored(done.outputs, keep_sample="sample" in tags(cell))
        cell.execution_count = done.execution_count
    notebook.metadata["divisi"] = {"code_sha256": code_sha256(notebook)}
    return notebook


def stored(outputs: list[NotebookNode], keep_sample: bool = False) -> list[NotebookNode]:
    """The outputs of a cell as a committed notebook has them."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            text = tidy(output.text) if output.name == "stdout" else ""
            if text.strip() and kept and kept[-1].output_type == "stream":
                kept[-1].text += text
            elif text.strip():
                kept.append(new_output("stream", name="stdout", text=text))
        elif saved := output.get("data", {}).get(SAVED):
            kept.append(display_data(saved["shown"]))
            if keep_sample and saved["sample"]:
                kept.append(display_data({"data": {"text/html": saved["sample"]}}))
        elif "<audio" in output.get("data", {}).get("text/html", ""):
            kept.append(display_data(sentence(LISTEN)))
        elif WIDGET not in output.get("data", {}):
            kept.append(with_tidy_data(output))
    return kept


def display_data(output: dict) -> NotebookNode:
    output = new_output("display_data", output["data"], metadata=output.get("metadata", {}))
    return with_tidy_data(nbformat.from_dict(output))


def with_tidy_data(output: NotebookNode) -> NotebookNode:
    """An output with texts tidied and pictures of 256 colours."""
    for kind, content in output.get("data", {}).items():
        if kind == "image/png":
            output.data[kind] = smaller(content)
        elif isinstance(content, str):
            output.data[kind] = tidy(content)
    return output


def tidy(text: str) -> str:
    """Text as a terminal would end up with it, without addresses and folders of this machine."""
    lines = text.split("\n")  # a progress bar returns to the beginning of its line
    text = "\n".join(line[line.rstrip("\r").rfind("\r") + 1 :] for line in lines)
    for folder, name in PLACES.items():
        text = text.replace(f"{folder}/", name)
    return re.sub(r" at 0x[0-9a-f]{6,}", "", text)


def smaller(png: str) -> str:
    """A PNG in base64 with 256 colours, where that takes fewer bytes."""
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(256).save(file, "PNG", optimize=True)
    return min(base64.b64encode(file.getvalue()).decode("ascii"), png.replace("\n", ""), key=len)


def faults(notebook: NotebookNode, expected_sha256: str) -> list[str]:
    """What a committed notebook must not be: one sentence for each fault."""
    found, cells = [], code_cells(notebook)
    if outputs_sha256(notebook) != expected_sha256:
        found.append("Its outputs are not those of its source.")
    if not any(cell.outputs for cell in cells):
        found.append("It has no outputs.")
    if len(nbformat.writes(notebook).encode()) > LARGEST:
        found.append(f"It is larger than {LARGEST // 1_000_000} MB.")
    if sum("sample" in tags(cell) for cell in cells) > SAMPLES:
        found.append(f"It has more than {SAMPLES} cells tagged `sample`.")
    for cell in cells:
        first = cell.source.splitlines()[0] if cell.source else ""
        for fault in sorted({fault for output in cell.outputs for fault in _faults(output, cell)}):
            found.append(f"The cell that begins with `{first}` {fault}.")
    return found


def _faults(output: NotebookNode, cell: NotebookNode) -> list[str]:
    data = output.get("data", {})
    page = data.get("text/html", "")
    text = output.get("text", "") + "".join(v for v in data.values() if isinstance(v, str))
    plays = re.search("<audio|<iframe|<script|<video", page) or LONG.search(page)
    audio = plays or any(re.match("audio|video|application", kind) for kind in data)
    noise = output.get("name") == "stderr" or WIDGET in data
    checks = {
        "failed": output.output_type == "error",
        "has a progress bar, a widget or messages of stderr": noise,
        "holds sound, but is not tagged `sample`": audio
        and not noise
        and "sample" not in tags(cell),
        "shows a path of a machine": MACHINE.search(LONG.sub("", text)),
    }
    return [fault for fault, applies in checks.items() if applies]


def chosen(names: list[str]) -> list[Path]:
    """The sources called so, chapter or solutions; all where there are no names."""
    everything = [*sources(), *solutions()]
    for name in names:
        if not any(name in (place(source), source.stem) for source in everything):
            known = ", ".join(map(place, everything))
            raise SystemExit(f"There is no notebook '{name}'; choose from {known}.")
    return [it for it in everything if not names or {place(it), it.stem} & set(names)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="such as 04_htdemucs or solutions/04_htdemucs")
    complaints = []
    for source in chosen(parser.parse_args().names):
        try:
            notebook = execute(source)
        except CellExecutionError as error:
            complaints.append(f"{place(source)} is as it was, because a cell failed.\n{error}")
            continue
        write(notebook, source.with_suffix(".ipynb"))
        found = faults(notebook, code_sha256(notebook))
        complaints += [f"{place(source)}: {fault}" for fault in found]
    if complaints:
        raise SystemExit("\n".join(complaints))


if __name__ == "__main__":
    main()
