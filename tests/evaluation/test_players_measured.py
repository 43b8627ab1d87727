"""Two players of one instrument, measured as `divisi separate` writes them."""

from __future__ import annotations

import pytest

from helpers.audio.wav import save
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation.systems import NAMED, ModelStems, evaluate_pieces
from tests.inference.bands import RATE, BandModel, tone


@pytest.mark.parametrize("instruments", [None, NAMED])
def test_both_violins_are_measured_whatever_the_order_of_the_files(tmp_path, instruments):
    """The first violin of the folder has the lower tone, and is the second of the stems."""
    folder = tmp_path / "corpus" / "trio"
    folder.mkdir(parents=True)
    for file, source in {"violin-1": "violin", "violin-2": "violin-2", "cello": "cello"}.items():
        save(folder / f"{file}.wav", tone(source, 6.0), RATE, "FLOAT")
    system = ModelStems("bands", BandModel(), instruments)
    folders = {piece.name: piece for piece in find_tracks(tmp_path / "corpus")}
    ((_, rows),) = evaluate_pieces(folders, system, "corpus", baselines=False)
    values = {row.instrument: row.value for row in rows if row.metric == "SI-SDR"}
    assert set(values) == {"violin", "violin-2", "cello"}
    assert min(values.values()) > 20
