"""`divisi pack` writes a corpus into one file, and the same command goes on after any stop."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from helpers.commands import pack as command
from helpers.datasets import packing
from helpers.datasets.lmdb_store import Store
from tests.commands.processes import run
from tests.commands.test_machines_that_fail import small_files

RATE = 8000


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Two pieces in the layout of TRIOS, one of no corpus, two solos and a note; in DIVISI_DATA."""
    root = tmp_path / "data"
    rng = np.random.default_rng(0)
    files = ["TRIOS Dataset/lussier/piano", "TRIOS Dataset/lussier/bassoon",
             "TRIOS Dataset/mozart/piano", "TRIOS Dataset/mozart/viola",
             "mine/violin", "mine/cello",
             "medley_solos/flute/one", "medley_solos/piano/two", "notes/oboe-a4", "notes/violin-a4",
             ]  # fmt: skip
    for file in files:
        path = root / f"{file}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.uniform(-0.5, 0.5, (2 * RATE, 2)), RATE)
    (root / "notes" / "index.csv").write_text("file\n")
    monkeypatch.setenv("DIVISI_DATA", str(root))
    return root


def names(path) -> list[str]:
    return [track.name for track in Store(path).tracks]


def test_the_command_has_the_default_of_the_function():
    assert command.SECONDS == packing.SECONDS


def test_a_folder_is_packed_and_summed_up(divisi, data, tmp_path):
    code, out, err = divisi("pack", data / "TRIOS Dataset", tmp_path / "x.lmdb")
    assert (code, err) == (0, [])
    assert out == [f"{tmp_path / 'x.lmdb'}: 2 tracks, 4 s, 4 records, 274 kB."]
    assert Store(tmp_path / "x.lmdb").channels == 2


def test_a_corpus_is_found_by_its_name(divisi, data, tmp_path):
    assert divisi("pack", "trios", tmp_path / "x.lmdb", "--mono", "--sample-rate", 4000)[0] == 0
    store = Store(tmp_path / "x.lmdb")
    assert names(store.path) == ["lussier", "mozart"]
    assert (store.channels, store.sample_rate, store.tracks[0].corpus) == (1, 4000, "trios")


@pytest.mark.parametrize("by_name", [True, False])
def test_solos_are_packed_as_tracks_of_one_stem(divisi, data, tmp_path, by_name):
    corpus = "medley_solos" if by_name else tmp_path / "solos"
    if not by_name:
        corpus.mkdir()
        (data / "medley_solos").rename(corpus / "medley_solos")
    assert divisi("pack", corpus, tmp_path / "x.lmdb", "--seconds", 0.5)[0] == 0
    tracks = Store(tmp_path / "x.lmdb").tracks
    assert [(track.name, track.stems) for track in tracks] == [
        ("one", ("flute",)), ("two", ("piano",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["triosx", "x.lmdb"], "There is no corpus 'triosx'; did you mean 'trios'?"),
        (["bach10", "x.lmdb"], "holds no piece of bach10; `divisi corpora bach10` says how"),
        (["synthsod", "x.lmdb", "--microphone", "far"], "synthsod at the microphone far;"),
        (["trios", "x.lmdb", "--sample-rate", "100"], "--sample-rate 100: choose 4000 to 192000"),
        (["trios", "x.lmdb", "--seconds", "0"], "--seconds 0: choose more than 0"),
        (["trios", "x.lmdb", "--seconds", "nan"], "--seconds nan: choose more than 0"),
        (["trios", "x.lmdb", "--seconds", "9e9"], "lussier: a record declares"),
        (["trios", "no/x.lmdb"], "no/x.lmdb: cannot be written (No such file"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_sentence(
    divisi, data, tmp_path, monkeypatch, words, sentence
):
    monkeypatch.chdir(tmp_path)
    code, out, err = divisi("pack", *words)
    assert (code, out, len(err)) == (2, [], 1) and sentence in err[0]
    assert not (tmp_path / "x.lmdb").exists()


def test_without_a_folder_of_data_the_remedy_is_named(divisi, monkeypatch, tmp_path):
    monkeypatch.delenv("DIVISI_DATA", raising=False)
    code, _, err = divisi("pack", "trios", tmp_path / "x.lmdb")
    assert code == 2 and "DIVISI_DATA is not set" in err[0]


def test_a_store_is_not_written_twice(divisi, data, tmp_path):
    assert divisi("pack", data / "mine", tmp_path / "x.lmdb")[0] == 0
    before = (tmp_path / "x.lmdb").read_bytes()
    code, out, err = divisi("pack", data / "mine", tmp_path / "x.lmdb")
    assert (code, out, len(err)) == (2, [], 1) and "exists already; delete it" in err[0]
    assert (tmp_path / "x.lmdb").read_bytes() == before


def test_where_a_limit_stops_it_the_same_command_goes_on(divisi, data, tmp_path):
    words = ("pack", "trios", tmp_path / "x.lmdb")
    code, out, err = run(*words, folder=tmp_path / "prints", prepare=small_files)
    assert (code, out, len(err)) == (2, [], 1) and "cannot be written" in err[0], err
    assert not (tmp_path / "x.lmdb").exists()
    assert divisi(*words)[0] == 0 and names(tmp_path / "x.lmdb") == ["lussier", "mozart"]
    assert sorted(path.name for path in tmp_path.glob("x*")) == ["x.lmdb"]
