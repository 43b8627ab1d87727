"""Stems whose notes are known, read by what fits their instrument."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from helpers.datasets.download import DownloadError, RemoteFile
from helpers.transcription import polyphony
from helpers.transcription.lines import read_line, restruck
from helpers.transcription.players import sounding_twice, transcribed, tuning_of
from tests.transcription.melodies import RATE, melody, played, rounded

LINE = melody((0.2, 0.7, 67), (0.7, 1.2, 69), (1.25, 1.7, 69), (2.2, 2.8, 64), (2.8, 3.3, 65))
CHORDS = melody(*((start, start + 0.9, p) for start in (0.2, 1.2, 2.2) for p in (48, 64, 67)))


@pytest.fixture(scope="module")
def network():
    """Skips where the ONNX file of Basic Pitch is not to be had."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("swift_f0")
    try:
        return polyphony.weights()
    except DownloadError as error:
        pytest.skip(str(error))


def onsets(notes) -> list[float]:
    return [note.onset for note in notes]


def test_a_line_is_read_with_its_repeated_note_and_its_rest():
    pytest.importorskip("swift_f0")
    found = read_line(played(LINE), RATE, 55, 103)
    assert rounded(found) == rounded(LINE)
    assert onsets(found) == pytest.approx(onsets(LINE), abs=0.05)


def test_a_recording_forty_cents_sharp_has_the_same_notes():
    pytest.importorskip("swift_f0")
    sharp = [type(n)(n.onset, n.duration, n.pitch + 0.4) for n in LINE]
    sound = played(sharp)
    tuning = tuning_of(sound, RATE)
    assert tuning == pytest.approx(40, abs=5)
    assert rounded(read_line(sound, RATE, 55, 103, tuning)) == rounded(LINE)


@pytest.mark.parametrize("samples", [0, 100, RATE])
def test_silence_has_no_notes(samples):
    pytest.importorskip("swift_f0")
    assert read_line(np.zeros(samples, "f4"), RATE, 55, 103) == []


def test_a_note_is_cut_where_it_is_struck_again_but_not_close_to_its_ends():
    strikes = np.array([0.05, 0.5, 0.97, 2.0])
    assert restruck([(0.0, 1.0, 60)], strikes) == [(0.0, 0.5, 60), (0.5, 1.0, 60)]


def test_chords_of_a_piano_are_read(network):
    part = transcribed("piano", played(CHORDS, "piano"), RATE, 0.0)
    assert part.instrument == "piano" and part.number is None
    for start in (0.2, 1.2, 2.2):
        near = [note for note in part.notes if abs(note.onset - start) < 0.05]
        assert {48, 64, 67} <= set(rounded(near))


def test_a_second_violin_that_plays_a_line_has_one(network):
    part = transcribed("violin-2", played(LINE), RATE, 0.0)
    assert (part.instrument, part.number) == ("violin", 2)
    assert rounded(part.notes) == rounded(LINE) and sounding_twice(part.notes) == 0


def test_a_name_that_is_no_instrument_is_refused():
    with pytest.raises(KeyError, match="There is no instrument 'kazoo'"):
        transcribed("kazoo", np.zeros(10, "f4"), RATE, 0.0)


def test_two_notes_at_once_for_half_of_the_time_are_a_half():
    notes = melody((0.0, 2.0, 60), (1.0, 2.0, 64))
    assert sounding_twice(notes) == pytest.approx(0.5, abs=0.02)
    assert sounding_twice([]) == 0


def test_the_network_is_taken_out_of_the_wheel_and_fetched_once(monkeypatch, tmp_path):
    fetched = []

    def fetch(file: RemoteFile, folder):
        fetched.append(file.name)
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / file.name, "w") as archive:
            archive.writestr(polyphony.MEMBER, b"weights")
        return folder / file.name

    monkeypatch.setenv("DIVISI_CACHE", str(tmp_path))
    monkeypatch.setattr(polyphony, "fetch", fetch)
    path = polyphony.weights()
    assert path.read_bytes() == b"weights" and list(path.parent.iterdir()) == [path]
    assert polyphony.weights() == path and len(fetched) == 1
