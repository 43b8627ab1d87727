"""A store of stems gives back what was packed, and refuses what was not."""

from __future__ import annotations

import os
import shutil
import tracemalloc

import lmdb
import numpy as np
import pytest

from helpers.audio.track import Track
from helpers.datasets import stems_pb2, store_records
from helpers.datasets.lmdb_store import Store
from helpers.datasets.packing import pack
from helpers.datasets.store_records import StoreError, decode_signal, encode_signal, sealed
from tests.datasets.stores import RATE, changed, noise, track, values

DUO = track("duo", 2.5, "violin", "piano")
TRIO = track("trio", 1.25, "violin-1", "violin-2", "cello", recorded=True)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A store of a duo in records 0 to 2 and a trio in records 3 and 4, one second each."""
    path = tmp_path_factory.mktemp("store") / "pieces.lmdb"
    pack([DUO, TRIO], path, progress=False)
    return path


def test_records_hold_the_tracks_in_order(path):
    store = Store(path)
    assert [(record.name, record.start, record.samples) for record in store] == [
        ("duo", 0, 8000), ("duo", 8000, 8000), ("duo", 16000, 4000),
        ("trio", 0, 8000), ("trio", 8000, 2000),
    ]  # fmt: skip
    assert (len(store), store.seconds, store.sample_rate, store.channels) == (5, 3.75, RATE, 1)
    assert [each.records for each in store.tracks] == [range(3), range(3, 5)]
    assert store[-1].start == 8000
    with pytest.raises(IndexError, match="5 records"):
        store[5]


def test_audio_of_16_bits_comes_back_bit_for_bit(path):
    for record in Store(path):
        original = DUO if record.name == "duo" else TRIO
        window = slice(record.start, record.start + record.samples)
        for name, stem in original.stems.items():
            assert np.array_equal(record.stems[name], stem[:, window])
        assert np.array_equal(record.mixture, original.mixture[:, window])
        assert (record.recording is None) == (original is DUO)


def decoded(signal: stems_pb2.Signal, shape: tuple[int, int]) -> np.ndarray:
    samples = np.zeros(shape, np.float32)
    decode_signal(signal, shape[1], 0, shape[1], samples)
    return samples


@pytest.mark.parametrize("extremes", [(-32768, 32767), (-32768, 0), (0, 32767), (-1, 1), (0, 0)])
def test_every_integer_of_16_bits_is_stored_exactly(extremes):
    signal = np.float32([extremes]) / 32768
    stored = encode_signal(signal)
    assert np.array_equal(decoded(stored, (1, 2)), signal)
    assert len(stored.samples) == (4 if any(extremes) else 0)


@pytest.mark.parametrize("gain", [1.0, 1e-3, 3e4])
def test_noise_in_floating_point_is_stored_at_96_db_whatever_its_level(gain):
    signal = np.random.default_rng(0).uniform(-0.49, 0.49, (2, 20_000)).astype(np.float32)
    signal *= np.float32(2.0 ** np.round(np.log2(gain)))
    error = decoded(encode_signal(signal), signal.shape) - signal
    snr = 10 * np.log10(np.sum(signal.astype(float) ** 2) / np.sum(error.astype(float) ** 2))
    assert snr == pytest.approx(20 * np.log10(0.98 * 2**16), abs=0.1)  # both are uniform


@pytest.mark.parametrize("start", [0, 1, 7999, 8000, 12_345])
@pytest.mark.parametrize("samples", [1, 7999, 8001, 16_001])
def test_a_window_spans_records_and_is_silent_after_the_end(path, start, samples):
    window = Store(path).window("duo", start, samples)
    for name, stem in DUO.stems.items():
        expected = np.pad(stem, ((0, 0), (0, samples)))[:, start : start + samples]
        assert np.array_equal(window.stems[name], expected)
    assert (window.name, window.start) == ("duo", start)


def test_a_window_far_behind_the_end_is_silent(path):
    assert not Store(path).window("trio", 10**9, 100).mixture.any()


def test_a_window_of_what_there_is_not_is_refused(path):
    store = Store(path)
    with pytest.raises(KeyError, match="no track 'solo'"):
        store.window("solo", 0, 1)
    with pytest.raises(ValueError, match="starts at -1"):
        store.window("duo", -1, 1)


def test_stereo_is_kept(tmp_path):
    stereo = Track("stereo", RATE, {"violin": noise(3000, channels=2)})
    store = pack([stereo], tmp_path / "stereo.lmdb", 0.25, progress=False)
    assert np.array_equal(store.window("stereo", 0, 3000).stems["violin"], stereo.stems["violin"])


def one_bit(value: bytes) -> bytes:
    middle = len(value) // 2
    return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (one_bit, "changed after it was written"),
        (lambda value: value[:-1], "cut off"),
        (lambda value: value[: len(value) // 2], "cut off|changed"),
        (lambda value: b"", "cut off"),
        (lambda value: b"hello", "cut off, or another program"),
        (lambda value: sealed(b"00000001", stems_pb2.Record(track="x")), "its track is 'x'"),
        (lambda value: None, "is missing"),
    ],
)
def test_a_damaged_record_is_refused_with_its_key_and_the_others_are_read(path, damage, words):
    value = values(path)[b"00000001"]
    store = Store(changed(path, {b"00000001": damage(value)}))
    for _ in range(2):  # not only the first time
        with pytest.raises(
            StoreError, match=rf"changed-[0-9]+.lmdb: record 00000001 .*({words}).*"
        ):
            store[1]
    assert store[0].name == "duo" and store[2].name == "duo"
    with pytest.raises(StoreError, match="00000001"):
        store.window("duo", 7990, 100)


def test_exchanged_records_are_refused(path):
    found = values(path)
    swapped = {b"00000000": found[b"00000001"], b"00000001": found[b"00000000"]}
    with pytest.raises(StoreError, match="record 00000000 was changed"):
        Store(changed(path, swapped))[0]


def test_a_record_of_another_track_is_refused(path, tmp_path):
    pack([track("other", 1.0, "violin", "piano")], tmp_path / "other.lmdb", progress=False)
    foreign = values(tmp_path / "other.lmdb")[b"00000000"]
    with pytest.raises(StoreError, match="record 00000000 comes from elsewhere: its track"):
        Store(changed(path, {b"00000000": foreign}))[0]


def record(**fields) -> stems_pb2.Record:
    """The record 00000002 of the store above, without samples."""
    usual = {"track": "duo", "start": 16000, "sample_rate": RATE, "channels": 1, "samples": 4000}
    stems = [stems_pb2.Stem(name=name) for name in ("violin", "piano")]
    return stems_pb2.Record(**{**usual, "stems": stems, **fields})


@pytest.mark.parametrize(
    ("bomb", "words"),
    [
        (record(samples=1 << 50), "its samples is 1125899906842624, not 4000"),
        (record(channels=1 << 30), "its channels"),
        (record(stems=[stems_pb2.Stem(name=str(n)) for n in range(10_000)]), "not .'violin'"),
        (record(mixture=stems_pb2.Signal(scale=1, samples=b"ab")), "comes from elsewhere"),
        (
            record(stems=[
                stems_pb2.Stem(name="violin", signal=stems_pb2.Signal(scale=1, samples=b"ab")),
                stems_pb2.Stem(name="piano"),
            ]),
            "declares 8,000 bytes a signal and has 2",
        ),
    ],
)  # fmt: skip
def test_a_record_with_absurd_sizes_is_refused_without_using_memory(path, bomb, words):
    store = Store(changed(path, {b"00000002": sealed(b"00000002", bomb)}))
    tracemalloc.start()
    with pytest.raises(StoreError, match=f"record 00000002 .*{words}"):
        store[2]
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_scale_that_is_no_number_is_refused(path):
    loud = stems_pb2.Signal(scale=float("nan"), samples=bytes(8000))
    stems = [stems_pb2.Stem(name=name, signal=loud) for name in ("violin", "piano")]
    store = Store(changed(path, {b"00000002": sealed(b"00000002", record(stems=stems))}))
    with pytest.raises(StoreError, match="record 00000002 has a scale"):
        store[2]


def test_a_value_that_is_too_long_is_not_parsed(path, monkeypatch):
    store = Store(path)
    monkeypatch.setattr(store_records, "MOST_BYTES", 1000)
    with pytest.raises(StoreError, match="record 00000000 has 32,0.. bytes and at most 2,000"):
        store[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"record_samples": 1 << 60}, "'store' declares"),
        ({"record_samples": 0}, "'store' declares"),
        ({"channels": 1000}, "'store' declares no audio"),
        ({"sample_rate": 0}, "'store' declares no audio"),
        ({"version": 2}, "has version 2 .* update it"),
        ({"tracks": 1 << 40}, "'track 00000002' is missing"),
        ({"complete": False}, "not complete; give the same"),
    ],
)
def test_absurd_settings_are_refused(path, change, words):
    settings = {"version": 1, "sample_rate": RATE, "channels": 1, "record_samples": 8000}
    message = stems_pb2.Store(**{**settings, "complete": True, "tracks": 2, **change})
    with pytest.raises(StoreError, match=words):
        Store(changed(path, {b"store": sealed(b"store", message)}))


def test_a_track_with_more_stems_than_memory_is_refused(path):
    entry = stems_pb2.Track(name="duo", stems=["a"] * 20_000, samples=20_000)
    with pytest.raises(StoreError, match="'track 00000000' declares 320,000,000 bytes"):
        Store(changed(path, {b"track 00000000": sealed(b"track 00000000", entry)}))


def test_a_file_that_is_no_store_is_refused(path, tmp_path):
    with pytest.raises(StoreError, match="no such file; write it with `divisi pack`"):
        Store(tmp_path / "none.lmdb")
    with pytest.raises(StoreError, match="is no file"):
        Store(tmp_path)
    for content in (b"", b"RIFF" + bytes(10_000)):
        (tmp_path / "text.lmdb").write_bytes(content)
        with pytest.raises(StoreError, match="text.lmdb: is no LMDB file"):
            Store(tmp_path / "text.lmdb")
    place = str(tmp_path / "other.lmdb")
    with lmdb.open(place, subdir=False, lock=False) as other, other.begin(write=True) as change:
        change.put(b"key", b"value")
    with pytest.raises(StoreError, match="the entry 'store' is missing"):
        Store(tmp_path / "other.lmdb")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_refused(path, share):
    cut = path.with_name("cut.lmdb")
    shutil.copy(path, cut)
    os.truncate(cut, int(share * path.stat().st_size))
    with pytest.raises(StoreError, match="cut.lmdb: is (damaged or cut off|no LMDB file)"):
        Store(cut)


@pytest.mark.parametrize("seed", range(60))
def test_a_changed_byte_anywhere_in_the_file_is_harmless_or_refused(path, seed):
    """LMDB itself would crash on some of these files."""
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    pages = len(content) // 4096
    page = rng.integers(2) if seed % 3 == 0 else rng.integers(pages)
    for place in 4096 * page + rng.integers(0, 64 if seed % 2 else 4096, 3):
        content[place] = rng.integers(256)
    damaged = path.with_name(f"damaged-{seed}.lmdb")
    damaged.write_bytes(content)
    try:
        read = [each.mixture for each in Store(damaged)]
    except StoreError as error:
        assert str(error).startswith(damaged.name) and "\n" not in str(error)
    else:
        assert all(map(np.array_equal, read, (each.mixture for each in Store(path))))


def test_several_stores_of_one_file_are_read_together(path):
    assert np.array_equal(Store(path)[0].mixture, Store(path.parent / "." / path.name)[0].mixture)


def test_a_file_can_be_replaced_after_its_stores_were_closed(path):
    copy, before = changed(path, {b"00000001": b"hello"}), values(path)
    with Store(copy) as store, pytest.raises(StoreError) as refused:
        store[1]
    with pytest.raises(lmdb.Error):
        store[0]
    store.close()  # does nothing again
    with lmdb.open(str(copy), subdir=False, lock=False) as file, file.begin(write=True) as change:
        change.put(b"00000001", before[b"00000001"])
    assert Store(copy)[1].start == 8000 and "00000001" in str(refused.value)


def test_a_store_that_is_refused_lets_go_of_its_file(path):
    copy = changed(path, {b"store": b"hello"})
    with pytest.raises(StoreError) as refused:
        Store(copy)
    lmdb.open(str(copy), subdir=False, lock=False).close()
    assert "'store'" in str(refused.value)


def test_a_store_that_was_packed_again_is_read_anew(tmp_path):
    path = tmp_path / "again.lmdb"
    first = pack([track("first", 1.0, "violin")], path, progress=False)
    path.unlink()
    second = pack([track("second", 1.0, "violin")], path, progress=False)
    assert (first[0].name, second[0].name, Store(path)[0].name) == ("first", "second", "second")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked there")
def test_a_forked_process_opens_the_file_for_itself(path):
    stores = [Store(path), Store(path)]
    before = stores[0][4].mixture
    database = stores[0]._file.database
    child = os.fork()
    if not child:
        same = all(np.array_equal(store[4].mixture, before) for store in stores)
        os._exit(0 if same and stores[0]._file.database is not database else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert np.array_equal(stores[1][3].mixture, Store(path)[3].mixture)


def test_a_store_is_verified_once_and_again_when_it_changed(path, tmp_path, monkeypatch):
    copy, verified = tmp_path / "copy.lmdb", []
    shutil.copy(path, copy)
    monkeypatch.setattr(store_records, "verify", lambda *_, **__: verified.append(1) or [])
    for _ in range(3):
        store_records.check_file(copy)
    assert len(verified) == 1
    os.utime(copy, ns=(0, 1))
    store_records.check_file(copy)
    assert len(verified) == 2
