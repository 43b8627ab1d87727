"""The `bext` chunk, read back by ffprobe."""

import json
import shutil
import struct
import subprocess

import numpy as np
import pytest
import soundfile

from helpers.audio import wav
from helpers.audio.audio import load
from helpers.audio.broadcast import Broadcast, coding_line, read_broadcast
from helpers.audio.recordings import examine
from helpers.audio.wav import AtomicWav

SESSION = Broadcast("Take 3", "2024-05-06", "10:00:00", 10 * 3600 * 48_000, "A=ANALOGUE\r\n")
AUDIO = np.random.default_rng(0).uniform(-1, 1, (2, 2001)).astype(np.float32)


def write(path, broadcast=SESSION, subtype="PCM_24"):
    with AtomicWav(path, 48_000, 2, subtype, AUDIO.shape[1], broadcast) as file:
        file.write(AUDIO)
    return path


@pytest.fixture(params=["WAV", "RF64"])
def container(request, monkeypatch):
    if request.param == "RF64":
        monkeypatch.setattr(wav, "WAV_LIMIT", 1000)
    return request.param


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_what_is_written_is_read_again_before_the_samples(tmp_path, container, subtype):
    path = write(tmp_path / "a.wav", subtype=subtype)
    assert soundfile.info(path).format == container
    content = path.read_bytes()
    assert content.index(b"bext") < content.index(b"data")
    found = read_broadcast(path)
    assert (found.description, found.date, found.time) == ("Take 3", "2024-05-06", "10:00:00")
    assert found.time_reference == SESSION.time_reference > 2**30
    assert found.history.startswith("A=ANALOGUE\r\n")
    np.testing.assert_allclose(load(path)[0], AUDIO, atol=2**-14)


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is the independent reader")
def test_ffprobe_reads_the_same(tmp_path, container):
    path = write(tmp_path / "a.wav")
    command = ["ffprobe", "-v", "error", "-show_format", "-of", "json", str(path)]
    shown = subprocess.run(command, capture_output=True, check=True).stdout
    tags = json.loads(shown)["format"]["tags"]
    assert tags["encoded_by"] == "Divisi"
    assert tags["comment"] == "Take 3"
    assert int(tags["time_reference"]) == SESSION.time_reference
    assert (tags["date"], tags["creation_time"]) == ("2024-05-06", "10:00:00")
    assert tags["coding_history"].startswith("A=ANALOGUE\r\n")


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def by_hand(kind: bytes, *chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return kind + struct.pack("<I", 0xFFFFFFFF if kind != b"RIFF" else len(body)) + body


FORM = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16))
DATA = bytes(range(200))


def test_a_chunk_behind_the_samples_is_found(tmp_path):
    odd = chunk(b"data", DATA[:199])
    (tmp_path / "a.wav").write_bytes(by_hand(b"RIFF", FORM, odd, chunk(b"bext", SESSION.packed())))
    assert read_broadcast(tmp_path / "a.wav").time_reference == SESSION.time_reference


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
def test_a_chunk_behind_the_samples_of_rf64_is_found(tmp_path, kind):
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, len(DATA), 100, 0))
    data = b"data" + struct.pack("<I", 0xFFFFFFFF) + DATA
    content = by_hand(kind, sizes, FORM, data, chunk(b"bext", SESSION.packed()))
    (tmp_path / "a.wav").write_bytes(content)
    recording = examine(tmp_path / "a.wav")
    assert recording.frames == 100
    assert recording.broadcast == SESSION


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF",
     b"RIFF\0\0\0\0WAVEbext\xff\xff\0\0ab", by_hand(b"RIFF", FORM, chunk(b"data", DATA)),
     by_hand(b"RIFF", chunk(b"bext", b"short"), FORM), b"fLaC" + bytes(100)],
)  # fmt: skip
def test_without_a_whole_chunk_there_is_none(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    assert read_broadcast(tmp_path / "a.wav") is None


def test_a_stem_keeps_the_date_time_reference_and_history_of_its_recording():
    line = coding_line(48_000, 2, 24)
    assert line == "A=PCM,F=48000,W=24,M=stereo,T=Divisi"
    stem = SESSION.of_stem("violin", "Take 3.wav", line)
    assert stem.description == "violin of Take 3.wav"
    assert stem.history == f"A=ANALOGUE\r\n{line}\r\n"
    assert (stem.date, stem.time_reference) == (SESSION.date, SESSION.time_reference)


def test_other_characters_than_ascii_and_long_texts_are_written(tmp_path):
    long = Broadcast("é" * 300, history="x" * 20_000)
    found = read_broadcast(write(tmp_path / "a.wav", long))
    assert set(found.description) == {"?"} and len(found.description) <= 256
    assert "xxx" in found.history
