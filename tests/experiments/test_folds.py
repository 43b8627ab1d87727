"""Leaving one piece out, with excerpts and in Bach10's published layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.folds import leave_one_out, piece
from helpers.datasets.registry import FOLDER
from helpers.datasets.stem_folders import StemFolder


def folders(*names: str) -> list[StemFolder]:
    return [StemFolder(name, Path(name), {}, None, FOLDER) for name in names]


@pytest.mark.parametrize("name", ["01-AchGottundHerr", "01-excerpt05", "01"])
def test_a_piece_is_known_by_its_number(name):
    assert piece(*folders(name)) == "01"


def test_no_excerpt_of_the_piece_left_out_is_trained_on():
    every = folders("01-excerpt05", "02-excerpt03", "02-excerpt12", "08-excerpt04")
    folds = list(leave_one_out(every))
    assert [name for name, _, _ in folds] == ["01", "02", "08"]
    for name, others, own in folds:
        assert {piece(folder) for folder in own} == {name}
        assert name not in {piece(folder) for folder in others}
        assert sorted(folder.name for folder in others + own) == [f.name for f in every]


@pytest.mark.parametrize("names", [(), ("01-excerpt05", "01-excerpt06")])
def test_one_piece_cannot_be_left_out(names):
    with pytest.raises(ValueError, match="There (is only the|are no) piece"):
        list(leave_one_out(folders(*names)))
