"""What `divisi separate` refuses: exit code 2, one sentence, nothing written."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
import soundfile
import torch

from helpers import folders
from helpers.audio import recordings
from helpers.inference import stem_drafts, stem_files


def assert_refused(result, *words):
    """One sentence that holds the words, and exit code 2."""
    code, out, err = result
    assert code == 2
    assert out == []
    assert len(err) == 1 and err[0].startswith("divisi: ") and err[0][-1] in ".?"
    for word in words:
        assert word in err[0]


def header_only(path):
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 44100, 88200, 2, 16) + b"data" + struct.pack("<I", 0)
    )  # fmt: skip


def with_sample(value):
    def write(path):
        audio = np.zeros((200_000, 2), dtype=np.float32)
        audio[150_000, 1] = value
        soundfile.write(path, audio, 44100, "FLOAT")

    return write


def noise(rate=44100, channels=1):
    return lambda path: soundfile.write(path, np.full((500, channels), 0.1), rate)


BAD_FILES = {
    "missing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "0 bytes": lambda path: path.touch(),
    "text": lambda path: path.write_text("These are the words of the hymn.\n" * 20),
    "random bytes": lambda path: path.write_bytes(np.random.default_rng(0).bytes(20_000)),
    "a header without a data chunk": lambda path: path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt "),
    "0 frames": header_only,
    "NaN": with_sample(np.nan),
    "infinity": with_sample(-np.inf),
    "3999 Hz": noise(rate=3999),
    "192001 Hz": noise(rate=192_001),
    "9 channels": noise(channels=9),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_by_name(divisi, duo, tmp_path, kind):
    path = tmp_path / "quartet.wav"
    BAD_FILES[kind](path)
    result = divisi("separate", path, "-o", tmp_path / "out", "--model", duo)
    assert_refused(result, "quartet.wav")
    assert not (tmp_path / "out").exists()


def test_one_bad_file_among_many_costs_the_others_nothing(divisi, recording, duo, tmp_path):
    good, bad, late = recording("good.wav"), tmp_path / "bad.wav", recording("late.wav")
    with_sample(np.nan)(bad)
    words = ("separate", good, bad, late, "-o", tmp_path / "out", "--model", duo)
    code, out, err = divisi(*words)
    assert code == 1 and len(out) == 2
    assert {folder.name for folder in (tmp_path / "out").iterdir()} == {"good", "late"}
    assert all(word in err[0] for word in ("bad.wav", "0:03.4", "--repair"))
    assert err[1:] == [f"divisi: 1 of 3 files were refused: {bad}."]


def test_a_batch_goes_on_where_an_earlier_one_ended(divisi, recording, duo, tmp_path):
    first, second = recording("first.wav"), recording("second.wav")
    divisi("separate", first, "-o", tmp_path / "out", "--model", duo)
    before = (tmp_path / "out" / "first" / "separation.json").read_bytes()
    code, _, err = divisi("separate", first, second, "-o", tmp_path / "out", "--model", duo)
    assert code == 1 and len(err) == 2 and "first: exists already" in err[0]
    assert (tmp_path / "out" / "second" / "violin.wav").is_file()
    assert (tmp_path / "out" / "first" / "separation.json").read_bytes() == before
    code, out, err = divisi("separate", first, second, "-o", tmp_path / "out", "--model", duo)
    assert code == 2 and out == []
    assert err[-1] == f"divisi: 2 of 2 files were refused: {first}, {second}."


def test_a_folder_means_its_recordings(divisi, recording, duo, tmp_path):
    for name in ("in/b.wav", "in/a.flac", "in/deeper/c.wav"):
        recording(name)
    (tmp_path / "in" / "notes.txt").write_text("no audio")
    (tmp_path / "in" / ".hidden").write_text("no audio")
    code, out, err = divisi("separate", tmp_path / "in", "-o", tmp_path / "out", "--model", duo)
    assert code == 0 and sum("s of audio at" in line for line in out) == 3
    names = {folder.name for folder in (tmp_path / "out").iterdir()}
    assert names == {"a", "b", "deeper", "index.csv"}
    assert (tmp_path / "out" / "deeper" / "c" / "violin.wav").is_file()
    assert len(err) == 1 and err[0].startswith("divisi: warning: notes.txt: ")
    assert err[0].endswith("; it is left out.")


def test_a_recording_in_the_target_is_refused_before_anything_is_read(
    divisi, recording, duo, tmp_path, monkeypatch
):
    path = recording()
    divisi("separate", path, "-o", tmp_path, "--model", duo)
    own = tmp_path / "quartet" / "violin.wav"
    before = own.read_bytes()
    monkeypatch.setattr(recordings, "examine", None)
    words = ("separate", path, own, "-o", tmp_path, "--model", duo, "--overwrite")
    assert_refused(divisi(*words), str(own), "lies in")
    assert own.read_bytes() == before


def test_two_files_of_one_name_are_refused(divisi, recording, duo, tmp_path):
    paths = recording("a/quartet.wav"), recording("b/Quartet.flac")
    result = divisi("separate", *paths, "-o", tmp_path / "out", "--model", duo)
    assert_refused(result, str(paths[0]), str(paths[1]), "-o")
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_is_refused(divisi, recording, duo, tmp_path):
    (tmp_path / "quartet").mkdir()
    result = divisi("separate", recording(), "-o", tmp_path, "--model", duo)
    assert_refused(result, str(tmp_path / "quartet"), "--overwrite")
    assert list((tmp_path / "quartet").iterdir()) == []


def test_overwrite_spares_other_folders(divisi, recording, duo, tmp_path):
    path = recording("quartet/quartet.wav")
    result = divisi("separate", path, "-o", tmp_path, "--model", duo, "--overwrite")
    assert_refused(result, str(path), "lies in")
    assert path.is_file()
    (tmp_path / "duo").mkdir()
    (tmp_path / "duo" / "diary").touch()
    words = ("separate", recording("duo.wav"), "-o", tmp_path, "--model", duo, "--overwrite")
    assert_refused(divisi(*words), str(tmp_path / "duo"), "separation.json")
    assert (tmp_path / "duo" / "diary").is_file()


def test_an_earlier_result_survives_a_run_that_fails(divisi, recording, duo, tmp_path, monkeypatch):
    path = recording()
    divisi("separate", path, "-o", tmp_path, "--model", duo)
    before = (tmp_path / "quartet" / "violin.wav").read_bytes()

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(stem_drafts, "separate_stream", stop)
    code, _, err = divisi("separate", path, "-o", tmp_path, "--model", duo, "--overwrite")
    assert code == 130 and len(err) == 1
    assert (tmp_path / "quartet" / "violin.wav").read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == {"quartet", "quartet.wav"}


def test_an_output_below_a_file_is_refused(divisi, recording, duo, tmp_path):
    path = recording()
    for out in (path, path / "deeper"):
        result = divisi("separate", path, "-o", out, "--model", duo)
        assert_refused(result, str(out), "-o")


def test_an_output_that_cannot_be_written_is_refused(divisi, recording, duo):
    result = divisi("separate", recording(), "-o", "/proc/divisi/out", "--model", duo)
    assert_refused(result, "/proc/divisi/out", "-o")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_output_is_refused(divisi, recording, duo, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert_refused(divisi("separate", recording(), "-o", locked, "--model", duo), str(locked))


def test_a_disk_that_is_too_small_is_refused_before_the_start(
    divisi, recording, duo, tmp_path, monkeypatch
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6 - 10**5, 10**5))
    path = recording(rate=44100)
    result = divisi("separate", path, "-o", tmp_path / "out", "--model", duo)
    assert_refused(result, str(tmp_path / "out"), "free")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_becomes_full_leaves_nothing(divisi, recording, duo, small_disk, monkeypatch):
    for module in (folders, stem_files):
        monkeypatch.setattr(module, "check_space", lambda *_: None)
    path = recording(rate=44100, seconds=10)
    result = divisi("separate", path, "-o", small_disk / "out", "--model", duo)
    assert_refused(result, str(small_disk), "full")
    assert list(small_disk.iterdir()) == []


def test_an_unknown_model_is_refused_with_the_nearest_name(divisi, recording, duo, tmp_path):
    unknown = duo.parent / "duett"
    result = divisi("separate", recording(), "-o", tmp_path / "out", "--model", unknown)
    assert_refused(result, "'duett'", "'duo'")
    assert not (tmp_path / "out").exists()


def test_a_corrupted_checkpoint_is_refused_by_name(divisi, recording, duo, tmp_path):
    for file in duo.parent.glob("duo.*"):
        shutil.copy(file, tmp_path)
    weights = tmp_path / "duo.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\x01\x02\x03\x04")
    result = divisi(
        "separate", recording(), "-o", tmp_path / "out", "--model", tmp_path / "duo.json"
    )
    assert_refused(result, "duo")
    assert not (tmp_path / "out").exists()


def test_a_mismatched_checkpoint_is_refused_by_name(divisi, recording, duo, tmp_path):
    for file in duo.parent.glob("duo.*"):
        shutil.copy(file, tmp_path)
    card = json.loads((tmp_path / "duo.json").read_text())
    card["config"]["width"] = 7
    (tmp_path / "duo.json").write_text(json.dumps(card))
    result = divisi(
        "separate", recording(), "-o", tmp_path / "out", "--model", tmp_path / "duo.json"
    )
    assert_refused(result, "duo")
    assert not (tmp_path / "out").exists()


def test_an_absent_device_is_refused(divisi, recording, duo, tmp_path):
    absent = "mps" if torch.cuda.is_available() else "cuda"  # no machine has both
    result = divisi(
        "separate", recording(), "-o", tmp_path / "out", "--model", duo, "--device", absent
    )
    assert_refused(result, absent)
    assert not (tmp_path / "out").exists()


def test_a_model_whose_output_is_infinite_is_refused(divisi, recording, scaling_model, tmp_path):
    broken = scaling_model(violin=3e38)
    path = recording(peak=4.0, subtype="FLOAT")
    result = divisi("separate", path, "-o", tmp_path / "out", "--model", broken)
    assert_refused(result, "quartet.wav", "another model")
    assert not (tmp_path / "out").exists()


def test_a_bug_keeps_its_traceback(divisi, recording, duo, tmp_path, monkeypatch):
    monkeypatch.setattr(stem_files, "write_float", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        divisi("separate", recording(), "-o", tmp_path / "out", "--model", duo)
    assert not (tmp_path / "out").exists()


def test_the_script_exits_with_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "helpers.cli", "separate", str(tmp_path / "none.wav")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
