"""Rows of errors whose size is known, and Sync Toolbox without Sync Toolbox."""

from __future__ import annotations

import ast
import sys

import numpy as np
import pytest

from experiments import synctoolbox
from experiments.alignment import KNOWN, Case, error_rows, measure_synctoolbox
from helpers.evaluation.rows import Provenance
from helpers.music.scores import Note, Part, Score

WRITTEN = Score("two", (
    Part("violin", (Note(0.0, 1.0, 76.0), Note(1.0, 1.0, 79.0))),
    Part("cello", (Note(0.0, 2.0, 48.0),)),
))  # fmt: skip
RATE = 8_000
SILENCE = np.zeros((2, 4 * RATE), np.float32)
#: Finds the score half a second late and at half the tempo, where it is given these files.
STAND_IN = """
import json, sys
sound, notes, found = sys.argv[1:]
assert open(sound, "rb").read(4) == b"RIFF" and open(notes, "rb").read(4) == b"MThd"
json.dump({"version": "0.1", "score": [0, 2], "recording": [0.5, 4.5]}, open(found, "w"))
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    def write(program: str) -> None:
        path = tmp_path / "program.py"
        path.write_text(program)
        monkeypatch.setattr(synctoolbox, "PROGRAM", path)

    return write


def onsets(score: Score) -> list[list[float]]:
    return [[note.onset for note in part.notes] for part in score.parts]


def test_notes_move_with_the_times_between_which_they_lie():
    moved = synctoolbox.moved(WRITTEN, [0.0, 1.0, 2.0], [1.0, 1.5, 3.5])
    assert onsets(moved) == [[1.0, 1.5], [1.0]]
    assert [note.duration for note in moved.parts[0].notes] == [0.5, 2.0]


def test_errors_are_in_milliseconds_for_each_part_and_all():
    late = synctoolbox.moved(WRITTEN, [0.0, 1.0, 2.0], [0.02, 1.04, 2.0])
    case = Case(SILENCE, RATE, WRITTEN, WRITTEN)
    rows = list(error_rows(late, case, Provenance("none", "test"), "two", "synctoolbox"))
    medians = {row.instrument: row.value for row in rows if "median" in row.metric}
    assert medians == pytest.approx({"violin": 30.0, "cello": 20.0, "all": 20.0})
    assert {(row.system, row.n_seconds) for row in rows} == {("synctoolbox", 4.0)}


def test_another_python_gets_recording_and_score_and_its_version_stands_in_the_rows(
    stand_in, monkeypatch
):
    stand_in(STAND_IN)
    case = Case(SILENCE, RATE, WRITTEN, synctoolbox.moved(WRITTEN, [0, 2], [0.5, 4.5]))
    monkeypatch.setitem(KNOWN, ("test", "two"), lambda track: case)
    rows = measure_synctoolbox("test", "two", sys.executable)
    assert {row.value for row in rows} == {0.0} and len(rows) == 6
    assert {(row.system, row.config) for row in rows} == {("synctoolbox", "synctoolbox 0.1")}


@pytest.mark.parametrize(
    "python, program, said",
    [
        (sys.executable, "import no_such_toolbox", "No module named 'no_such_toolbox'"),
        ("no/such/python", "", "^no/such/python: .*; name a Python.$"),
    ],
)
def test_a_python_that_cannot_is_named(stand_in, python, program, said):
    stand_in(program)
    with pytest.raises(SystemExit, match=said):
        synctoolbox.align(SILENCE, RATE, WRITTEN, python)


def test_the_program_for_another_python_imports_nothing_of_divisi():
    tree = ast.parse(synctoolbox.PROGRAM.read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    assert not {name.partition(".")[0] for name in names} & {"helpers", "experiments", "divisi"}
