"""Packing writes every piece once, goes on where it stopped, and never leaves half a store."""

from __future__ import annotations

import errno
import shutil
import threading

import lmdb
import numpy as np
import pytest
import soundfile

from helpers.audio.track import AudioError, Track
from helpers.datasets import packing
from helpers.datasets.lmdb_store import Store
from helpers.datasets.packing import pack
from helpers.datasets.stem_folders import StemFolder, find_tracks
from helpers.datasets.store_records import StoreError
from helpers.files import held
from tests.datasets.stores import RATE, noise, track, values

PIECES = [track(name, seconds, "violin", "piano") for name, seconds in
          (("a", 1.5), ("b", 0.3), ("c", 2.0))]  # fmt: skip


@pytest.fixture
def corpus(tmp_path):
    """Three folders with a violin and a cello of one second in 16 bits."""
    for number, name in enumerate(("one", "two", "three")):
        for part, stem in enumerate(("violin", "cello")):
            path = tmp_path / "corpus" / name / f"{stem}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, noise(RATE, 10 * number + part)[0], RATE, "PCM_16")
    return tmp_path / "corpus"


@pytest.fixture
def loaded(monkeypatch):
    """The names of the folders that were loaded."""
    names, load = [], StemFolder.load
    monkeypatch.setattr(
        StemFolder, "load", lambda self, *format: names.append(self.name) or load(self, *format)
    )
    return names


def test_folders_are_packed_as_they_are_read(corpus, tmp_path):
    pieces = find_tracks(corpus)
    store = pack(pieces, tmp_path / "x.lmdb", 0.4, progress=False)
    assert [each.name for each in store.tracks] == ["one", "three", "two"]
    for piece in pieces:
        for name, stem in piece.load().stems.items():
            assert np.array_equal(store.window(piece.name, 0, RATE).stems[name], stem)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "x.lmdb"]


def test_folders_are_converted_to_the_format_of_the_store(corpus, tmp_path):
    store = pack(find_tracks(corpus), tmp_path / "x.lmdb", 0.5, 4000, 1, progress=False)
    assert (store.sample_rate, store.record_samples, store.tracks[0].samples) == (4000, 2000, 4000)


def test_a_recorded_mixture_is_kept(corpus, tmp_path):
    soundfile.write(corpus / "one" / "mix.wav", noise(RATE, 77)[0], RATE, "PCM_16")
    with pytest.warns(UserWarning, match="differs from the sum"):
        store = pack(find_tracks(corpus), tmp_path / "x.lmdb", progress=False)
    assert np.array_equal(store[0].mixture, noise(RATE, 77))
    assert [each.recorded for each in store.tracks] == [True, False, False]


def test_the_map_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "FIRST_MAP", 1 << 14)
    monkeypatch.setattr(packing, "BATCH", 1 << 17)
    pack(PIECES, tmp_path / "grown.lmdb", progress=False)
    monkeypatch.undo()
    pack(PIECES, tmp_path / "usual.lmdb", progress=False)
    assert values(tmp_path / "grown.lmdb") == values(tmp_path / "usual.lmdb")


def test_a_store_goes_on_where_a_bad_file_stopped_it(corpus, tmp_path, loaded):
    path, bad = tmp_path / "x.lmdb", corpus / "three" / "cello.wav"
    good = bad.read_bytes()
    bad.write_bytes(good[:20])
    with pytest.raises(AudioError, match="cello.wav"):
        pack(find_tracks(corpus), path, progress=False)
    assert not path.exists()
    with pytest.raises(StoreError, match="x.lmdb: the store is not complete; give the same"):
        Store(path)
    with pytest.raises(StoreError, match="x.lmdb.part: the store is not complete"):
        Store(tmp_path / "x.lmdb.part")
    bad.write_bytes(good)
    del loaded[:]
    pack(find_tracks(corpus), path, progress=False)
    assert loaded == ["three", "two"]
    pack(find_tracks(corpus), tmp_path / "whole.lmdb", progress=False)
    assert values(path) == values(tmp_path / "whole.lmdb")


@pytest.mark.parametrize("stop", range(1, 10, 2))
def test_a_store_that_is_stopped_anywhere_ends_as_ever(tmp_path, monkeypatch, stop):
    """Killed at the n-th write: what was not written then is lost, even within a track."""
    pack(PIECES, tmp_path / "whole.lmdb", 0.4, progress=False)
    monkeypatch.setattr(packing, "BATCH", 1)
    flush, calls = packing._Writer._flush, []

    def killed(self):
        calls.append(1)
        if len(calls) >= stop:
            self.waiting = {}
            raise KeyboardInterrupt
        flush(self)

    monkeypatch.setattr(packing._Writer, "_flush", killed)
    with pytest.raises(KeyboardInterrupt):
        pack(PIECES, tmp_path / "x.lmdb", 0.4, progress=False)
    with pytest.raises(StoreError, match="not complete"):
        Store(tmp_path / "x.lmdb")
    monkeypatch.undo()
    pack(PIECES, tmp_path / "x.lmdb", 0.4, progress=False)
    assert values(tmp_path / "x.lmdb") == values(tmp_path / "whole.lmdb")


def begun(path, pieces=PIECES):
    """An unfinished store of all pieces."""
    with packing._Writer(path.with_name(path.name + ".part"), 1.0, None, None) as writer:
        for piece in pieces:
            writer.add(piece.name, piece)


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([track("a", 1.4, "violin", "piano"), *PIECES[1:]], "another 'a' where 'a' comes"),
        ([PIECES[1], PIECES[0], PIECES[2]], "another 'a' where 'b' comes"),
        (PIECES[:2], "begun with more tracks"),
    ],
)
def test_other_pieces_than_it_was_begun_with_are_refused(tmp_path, pieces, words):
    begun(tmp_path / "x.lmdb")
    with pytest.raises(StoreError, match=rf"x.lmdb.part: .*{words}.*; delete the file"):
        pack(pieces, tmp_path / "x.lmdb", progress=False)
    pack(PIECES, tmp_path / "x.lmdb", progress=False)


@pytest.mark.parametrize("change", [{"seconds": 0.5}, {"sample_rate": 4000}, {"channels": 2}])
def test_another_format_than_it_was_begun_with_is_refused(tmp_path, change):
    begun(tmp_path / "x.lmdb")
    with pytest.raises(StoreError, match="begun with 8000 samples a record at 8000 Hz in 1"):
        pack(PIECES, tmp_path / "x.lmdb", **change, progress=False)


def test_an_unfinished_store_that_is_damaged_is_refused(tmp_path):
    (tmp_path / "x.lmdb.part").write_bytes(b"something else")
    with pytest.raises(StoreError, match="x.lmdb.part: is no LMDB file"):
        pack(PIECES, tmp_path / "x.lmdb", progress=False)
    assert (tmp_path / "x.lmdb.part").read_bytes() == b"something else"


@pytest.mark.parametrize("begun", ["nothing", "file", "database"])
def test_a_store_that_was_stopped_at_its_very_beginning_is_begun_anew(tmp_path, begun):
    draft = tmp_path / "x.lmdb.part"
    if begun == "file":
        draft.touch()
    if begun == "database":
        lmdb.open(str(draft), subdir=False, lock=False).close()
    assert len(pack(PIECES, tmp_path / "x.lmdb", progress=False).tracks) == 3


def test_what_exists_is_not_overwritten(tmp_path):
    (tmp_path / "x.lmdb").write_text("mine")
    with pytest.raises(StoreError, match="x.lmdb: exists already; delete it"):
        pack(PIECES, tmp_path / "x.lmdb", progress=False)
    assert (tmp_path / "x.lmdb").read_text() == "mine"


def test_one_run_writes_a_store_at_a_time(tmp_path):
    refused = []

    def other():
        try:
            pack(PIECES, tmp_path / "x.lmdb", progress=False)
        except StoreError as error:
            refused.append(str(error))

    with held(tmp_path / "x.lmdb.part.lock"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1 and "another run is writing it" in refused[0]


@pytest.mark.parametrize(
    ("pieces", "seconds", "words"),
    [
        ([], 1.0, "no tracks to pack"),
        ([PIECES[0], PIECES[0]], 1.0, "'a' is the name of two tracks"),
        ([PIECES[0], Track("x", 16_000, PIECES[0].stems)], 1.0, "x: has 16000 Hz and 1 channels"),
        ([Track("x", RATE, {"violin": noise(0)})], 1.0, "x: there are no samples"),
        (PIECES, 0.0, "a: a record declares 0 bytes .*; choose other seconds"),
        (PIECES, 1e7, "a: a record declares 320,000,000,000 bytes"),
        ([Track("x", RATE, {"violin": noise(9) * np.nan})], 1.0, "x: a sample is not a finite"),
    ],
)
def test_pieces_that_do_not_fit_are_refused_by_name(tmp_path, pieces, seconds, words):
    with pytest.raises(StoreError, match=words):
        pack(pieces, tmp_path / "x.lmdb", seconds, progress=False)
    assert not (tmp_path / "x.lmdb").exists()


@pytest.mark.parametrize("place", ["no/such/folder/x.lmdb", "file/x.lmdb"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"x.lmdb: cannot be written \((No such|Not a)"):
        pack(PIECES, tmp_path / place, progress=False)


def test_a_full_disk_is_named_and_the_same_call_goes_on(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)

    def full(self):
        self.waiting = {}
        raise lmdb.Error("mdb_txn_commit: Input/output error", errno.EIO)  # what LMDB says

    monkeypatch.setattr(packing._Writer, "_flush", full)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    with pytest.raises(StoreError, match="the disk became full; make room and give the same"):
        pack(PIECES, tmp_path / "x.lmdb", progress=False)
    monkeypatch.undo()
    assert len(pack(PIECES, tmp_path / "x.lmdb", progress=False).tracks) == 3
