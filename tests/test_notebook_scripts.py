"""How notebooks are made: outputs that stay or go, what is stored of them, derived exercises."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import nbformat
import notebooks
import numpy as np
import outputs
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_output
from PIL import Image

from helpers.display.saved import SAVED

CHAPTER = """\
# %% [markdown]
# # A chapter

# %% tags=["bootstrap"]
print("replaced")

# %%
print(1 + 1)

# %% [markdown]
# What is printed?
"""
SOLUTION = """\
# %% [markdown]
# # A chapter: solutions
#
# Three solutions.

# %%
tone = 440

# %% [markdown]
# **1. An octave.** How many Hz?

# %% tags=["solution"]
octave = 2 * tone

# %% tags=["solution"]
print(octave)

# %% [markdown] tags=["solution"]
# 880 Hz, twice the frequency.

# %% [markdown]
# **2. A question.** Why?

# %% [markdown] tags=["solution"]
# Because.
"""
SOUNDS = """\
# %%
import numpy as np
from helpers.display.players import StemPlayer, listen
tone = np.sin(2 * np.pi * 441 * np.arange(4410) / 44100)

# %%
import sys
from pathlib import Path
from tqdm.auto import tqdm
for _ in tqdm(range(3)):
    print("step", file=sys.stderr)
print("half\\rdone", Path.cwd())

# %%
StemPlayer({"flute": tone, "oboe": tone}, 44100)

# %% tags=["sample"]
listen({"dry": tone}, 44100)

# %%
from IPython.display import Audio
Audio(tone, rate=44100)

# %%
from torch import nn
from helpers.display.own_recording import OwnRecording
model = nn.Identity()
model.sources = ("flute",)
OwnRecording(model)
"""
HASH = "0" * 64


def executed(text: str = CHAPTER) -> nbformat.NotebookNode:
    """A notebook with an output and the hash of its code."""
    notebook = notebooks.convert(text)
    cell = notebooks.code_cells(notebook)[1]
    cell.outputs, cell.execution_count = [new_output("stream", text="2\n")], 2
    notebook.metadata["divisi"] = {"code_sha256": notebooks.code_sha256(notebook)}
    return notebook


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("What is printed?", "What does it print?", True),
        ('print("replaced")', "print('another address')", True),
        ("print(1 + 1)", "print(1 + 2)", False),
        ("# %%\nprint(1", '# %% tags=["sample"]\nprint(1', False),
        ("# %%\nprint(1", "# %%\nx = 1\n\n# %%\nprint(1", False),
    ],
)
def test_outputs_stay_as_long_as_the_code_is_the_same(before, after, kept):
    fresh = notebooks.convert(CHAPTER.replace(before, after))
    assert notebooks.keep_outputs(fresh, executed()) is kept
    shown = [cell.outputs for cell in notebooks.code_cells(fresh) if cell.outputs]
    assert shown == ([[new_output("stream", text="2\n")]] if kept else [])
    assert (notebooks.outputs_sha256(fresh) == notebooks.code_sha256(fresh)) is kept


def test_badge_and_bootstrap_cell_are_added_once_and_kept_up_to_date():
    text = notebooks.refresh(SOLUTION, "solutions/01_x")
    first, bootstrap = notebooks.convert(text).cells[:2]
    assert first.source.startswith(notebooks.badge("solutions/01_x"))
    assert "Notebooks/solutions/01_x.ipynb" in first.source
    assert bootstrap.source == notebooks.bootstrap().rstrip()
    assert notebooks.refresh(text, "solutions/01_x") == text
    assert "replaced" not in notebooks.refresh(CHAPTER, "01_x")


def test_exercises_have_one_cell_to_write_in_for_each_answer():
    solution = executed(notebooks.refresh(SOLUTION, "solutions/01_x"))
    exercises = notebooks.exercises(solution, "01_x")
    nbformat.validate(exercises)
    bootstrap = notebooks.bootstrap().rstrip()
    title = f"{notebooks.badge('exercises/01_x')}\n\n# A chapter: exercises\n\nThree solutions."
    assert [cell.source for cell in exercises.cells] == [
        title, bootstrap, "tone = 440", "**1. An octave.** How many Hz?", notebooks.WRITE_CODE,
        "**2. A question.** Why?", notebooks.WRITE_WORDS,
    ]  # fmt: skip
    assert not any(cell.outputs for cell in notebooks.code_cells(exercises))
    assert "divisi" not in exercises.metadata
    assert any(cell.outputs for cell in notebooks.code_cells(solution))


def test_an_interrupted_write_leaves_the_earlier_notebook(tmp_path, monkeypatch):
    path = tmp_path / "x.ipynb"
    notebooks.write(executed(), path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    notebooks.write(executed(), path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before  # the same is not written again

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        notebooks.write(executed(CHAPTER.replace("1 + 1", "3 - 1")), path)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == before[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  0%|   | 0/9\r100%|###| 9/9\n", "100%|###| 9/9\n"),
        ("one\r\ntwo", "one\r\ntwo"),
        (f"in {notebooks.ROOT}/runs/x and {Path.home()}/y", "in runs/x and ~/y"),
        ("<function f at 0x7f3a12345678>", "<function f>"),
    ],
)
def test_texts_end_as_a_terminal_shows_them_without_places_of_this_machine(text, expected):
    assert outputs.tidy(text) == expected


def test_a_megabyte_without_a_line_break_takes_no_time():
    page = "<p>" + 3_000_000 * "A"  # a player; time in the square of its length would be hours
    assert outputs.tidy(page) == page
    notebook = executed()
    notebooks.code_cells(notebook)[1].outputs.append(output("text/html", page))
    assert len(outputs.faults(notebook, notebooks.code_sha256(notebook))) == 1


def test_pictures_keep_their_size_and_colours_in_fewer_bytes():
    rows = np.random.default_rng(0).integers(0, 200, (200, 1, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.repeat(rows, 300, axis=1)).save(file, "PNG", compress_level=0)
    png = base64.b64encode(file.getvalue()).decode()
    small = outputs.smaller(png)
    picture = Image.open(io.BytesIO(base64.b64decode(small))).convert("RGB")
    assert len(small) < len(png) / 10 and picture.size == (300, 200)
    assert np.abs(np.asarray(picture)[:, :1].astype(int) - rows).max() < 8
    assert outputs.smaller(small) == small


def output(kind: str, content: str) -> nbformat.NotebookNode:
    return new_output("display_data", {kind: content})


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (new_output("error", ename="ValueError", evalue="no"), "failed"),
        (new_output("stream", name="stderr", text="warning"), "messages of stderr"),
        (output(outputs.WIDGET, "{}"), "a progress bar, a widget"),
        (output("text/html", '<audio src="x">'), "holds sound"),
        (output("text/html", "<iframe></iframe>"), "holds sound"),
        (output("text/html", "A" * 2000), "holds sound"),
        (output("audio/wav", "A"), "holds sound"),
        (output(SAVED, "{}"), "holds sound"),
        (new_output("stream", text="in /home/you/divisi"), "path of a machine"),
        (output("text/plain", "C:\\divisi"), "path of a machine"),
    ],
)
def test_outputs_that_must_not_be_committed_are_named(bad, sentence):
    notebook = executed()
    sha256 = notebooks.code_sha256(notebook)
    assert not outputs.faults(notebook, sha256)
    notebooks.code_cells(notebook)[1].outputs.append(bad)
    (fault,) = outputs.faults(notebook, sha256)
    assert fault.startswith("The cell that begins with `print(1 + 1)`") and sentence in fault


def test_a_notebook_must_have_outputs_of_its_code_two_samples_and_five_megabytes_at_most():
    notebook = executed()
    sha256 = notebooks.code_sha256(notebook)
    assert outputs.faults(notebook, HASH) == ["Its outputs are not those of its source."]
    large = nbformat.from_dict(notebook)
    notebooks.code_cells(large)[1].outputs.append(output("image/png", "A" * 5_000_000))
    assert outputs.faults(large, sha256) == ["It is larger than 5 MB."]
    cell = notebooks.code_cells(notebook)[1]
    cell.metadata["tags"] = ["sample"]
    cell.outputs.append(output("text/html", '<audio src="x">'))
    assert not outputs.faults(notebook, sha256)
    notebook.cells += [nbformat.from_dict({**cell, "id": name}) for name in "ab"]
    assert outputs.faults(notebook, sha256) == ["It has more than 2 cells tagged `sample`."]
    empty = notebooks.convert(CHAPTER)
    assert outputs.faults(empty, sha256) == [
        "Its outputs are not those of its source.", "It has no outputs.",
    ]  # fmt: skip


def test_a_name_that_no_notebook_has_is_refused():
    assert outputs.chosen([]) == [*notebooks.sources(), *notebooks.solutions()]
    (chapter, *_) = notebooks.sources()
    assert chapter in outputs.chosen([chapter.stem])
    assert outputs.chosen([notebooks.place(chapter)])[0] == chapter
    with pytest.raises(SystemExit, match="no notebook '99_none'; choose from 01_"):
        outputs.chosen(["99_none"])


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    """Where a tiny chapter lies that is executed."""
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    return tmp_path / "01_tiny.py"


@pytest.mark.notebook
def test_executed_notebook_shows_pictures_and_one_sample_and_no_noise(source):
    source.write_text(SOUNDS)
    notebook = outputs.execute(source)
    nbformat.validate(notebook)
    assert not outputs.faults(notebook, notebooks.code_sha256(notebooks.convert(SOUNDS)))
    cells = notebooks.code_cells(notebook)
    assert [cell.execution_count for cell in cells] == [1, 2, 3, 4, 5, 6, 7]
    bootstrap, imports, text, player, sample, audio, widget = (cell.outputs for cell in cells)
    assert bootstrap == imports == []
    assert [(it.name, it.text[:13]) for it in text] == [("stdout", "done $TMPDIR/")]
    assert [sorted(it.data) for it in player] == [["image/png", "text/plain"]]
    assert [sorted(it.data) for it in sample] == [["image/png", "text/plain"], ["text/html"]]
    assert "data:audio/mpeg;base64," in sample[1].data["text/html"]
    assert audio[0].data["text/plain"] == outputs.LISTEN
    assert [it.data["text/plain"][:40] for it in widget] == [
        "Run this cell to separate a recording of"
    ]
    again = outputs.execute(source)
    assert again == notebook


@pytest.mark.notebook
def test_a_cell_that_fails_stops_the_execution(source):
    source.write_text("# %%\nprint(1)\n\n# %%\n1 / 0\n")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        outputs.execute(source)
    assert list(source.parent.iterdir()) == [source]
