"""`divisi transcribe`: a recording in, the notes of each player out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from helpers.commands import transcribe
from helpers.datasets.download import DownloadError
from helpers.music.midi import read_midi
from helpers.music.musicxml import read_musicxml
from helpers.transcription import polyphony
from tests.transcription.melodies import RATE, melody, played, rounded

LINE = melody((0.5, 1.0, 67), (1.0, 1.5, 69), (1.5, 2.0, 71), (2.0, 3.0, 67))


@pytest.fixture(scope="module")
def tune(tmp_path_factory):
    """A melody as a stereo file."""
    path = tmp_path_factory.mktemp("transcribe") / "tune.wav"
    sound = np.pad(played(LINE), (0, RATE // 2))
    soundfile.write(path, np.stack([sound, sound], axis=1), RATE)
    return path


def test_each_player_has_midi_and_musicxml_in_time(divisi, duo, tune, network, tmp_path):
    words = ("transcribe", tune, "-o", tmp_path, "--model", duo)
    code, out, err = divisi(*words)
    assert (code, err) == (0, []) and len(out) == 1
    assert "violin 4, bassoon 4" in out[0] and "A4 at 4" in out[0]
    folder = tmp_path / "tune"
    names = ("violin", "bassoon", "score")
    assert {path.name for path in folder.iterdir()} == {
        "transcription.json", *(f"{name}.{kind}" for name in names for kind in ("mid", "musicxml")),
    }  # fmt: skip
    violin, sheet = read_midi(folder / "violin.mid"), read_musicxml(folder / "violin.musicxml")
    for score in (violin, sheet):
        (part,) = score.parts
        assert part.instrument == "violin" and rounded(part.notes) == rounded(LINE)
        late = [a.onset - b.onset for a, b in zip(part.notes, LINE, strict=True)]
        assert np.abs(late).max() < 0.1
    assert [part.instrument for part in read_midi(folder / "score.mid").parts] == [
        "violin", "bassoon",
    ]  # fmt: skip
    report = json.loads((folder / "transcription.json").read_text())
    assert report["notes"] == {"violin": 4, "bassoon": 4} and report["without_notes"] == []
    assert report["beats"][0] == 0 and report["seconds"] == pytest.approx(3.5, abs=0.1)
    code, _, err = divisi(*words)
    assert code == 2 and "--overwrite" in err[0]
    assert divisi(*words, "--overwrite")[0] == 0


def test_a_recording_without_notes_is_said_to_have_none(divisi, duo, network, tmp_path):
    soundfile.write(tmp_path / "rest.wav", np.zeros((RATE, 1)), RATE)
    code, out, err = divisi("transcribe", tmp_path / "rest.wav", "-o", tmp_path, "--model", duo)
    assert code == 0 and "violin 0, bassoon 0" in out[0]
    assert len(err) == 3 and "is silent" in err[0]
    assert "no notes were found for the violin" in err[1]
    assert (tmp_path / "rest" / "violin.musicxml").is_file()


def test_a_missing_package_is_named_before_anything_is_computed(
    divisi, monkeypatch, tune, tmp_path
):
    monkeypatch.setattr(transcribe, "find_spec", lambda name: None)
    code, out, err = divisi("transcribe", tune, "-o", tmp_path / "new")
    assert (code, out) == (2, []) and 'pip install "divisi[train,notes]"' in err[0]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none.wav",), "none.wav: there is no such file"),
        (("tune.wav", "--instruments", "kazoo"), "kazoo"),
        (("tune.wav", "--model", "none"), "none"),
    ],
)
def test_what_cannot_be_transcribed_is_refused(
    divisi, monkeypatch, duo, tune, tmp_path, words, message
):
    monkeypatch.setattr(transcribe, "find_spec", lambda name: True)
    monkeypatch.chdir(tune.parent)
    words = words if "--model" in words else (*words, "--model", duo)
    code, out, err = divisi("transcribe", *words, "-o", tmp_path / "new")
    assert (code, out) == (2, []) and len(err) == 1 and message in err[0]
    assert not (tmp_path / "new").exists()


def test_a_failed_download_is_one_sentence(divisi, monkeypatch, duo, tune, tmp_path):
    def fail():
        raise DownloadError("basic_pitch.whl: the connection broke.")

    monkeypatch.setattr(transcribe, "find_spec", lambda name: True)
    monkeypatch.setattr(polyphony, "weights", fail)
    code, _, err = divisi("transcribe", tune, "-o", tmp_path / "new", "--model", duo)
    assert (code, err) == (2, ["divisi: basic_pitch.whl: the connection broke."])
