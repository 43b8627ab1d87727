"""`divisi render`: scores in, stems out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from helpers.music.midi import read_midi, write_midi
from helpers.music.scores import Note, Part, Score
from helpers.synthesis.soundfonts import find_soundfonts


@pytest.fixture
def duet(tmp_path):
    """A MIDI file: a violin plays A4 for one second, a cello A2 in the next."""
    score = Score("duet", (Part("violin", (Note(0, 1, 69),)), Part("cello", (Note(1, 1, 45),))))
    write_midi(score, tmp_path / "duet.mid")
    return tmp_path / "duet.mid"


def test_stems_sum_to_the_mixture_and_contain_their_notes(divisi, duet, tmp_path):
    code, out, err = divisi("render", duet, "-o", tmp_path / "out", "--rate", "8000")
    assert (code, err) == (0, []) and "violin, cello" in out[0]
    folder = tmp_path / "out" / "duet"
    stems = {name: soundfile.read(folder / f"{name}.wav")[0] for name in ("violin", "cello")}
    mixture, rate = soundfile.read(folder / "mixture.wav")
    assert rate == 8000
    assert np.abs(sum(stems.values()) - mixture).max() < 1e-6
    spectrum = np.abs(np.fft.rfft(stems["violin"][:8000]))
    assert np.argmax(spectrum) == pytest.approx(440, abs=2)
    assert not stems["cello"][:7900].any()
    assert read_midi(folder / "score.mid").parts == read_midi(duet).parts
    report = json.loads((folder / "render.json").read_text())
    assert report["renderer"] == "tones" and report["gain"] == 1


def test_a_soundfont_renders(divisi, duet, tmp_path):
    if not find_soundfonts():
        pytest.skip("needs a soundfont")
    code, _, err = divisi(
        "render", duet, "-o", tmp_path, "--renderer", "fluidsynth",
        "--soundfont", find_soundfonts()[-1], "--rate", "22050",
    )  # fmt: skip
    assert (code, err) == (0, [])
    stem, _ = soundfile.read(tmp_path / "duet" / "violin.wav")
    assert np.argmax(np.abs(np.fft.rfft(stem[:22050]))) % 440 in (0, 1, 2, 438, 439)


def test_a_chorale_is_rendered_with_given_instruments(divisi, tmp_path):
    code, out, _ = divisi(
        "render", "bwv269", "-o", tmp_path, "--rate", "8000", "--tempo", "300",
        "--instruments", "oboe,oboe,horn,bassoon",
    )  # fmt: skip
    assert code == 0
    names = {file.stem for file in (tmp_path / "bwv269").glob("*.wav")}
    assert names == {"oboe-1", "oboe-2", "horn", "bassoon", "mixture"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no-such-piece"], "no-such-piece"),
        (["none.mid"], "none.mid"),
        (["bwv269", "--instruments", "oboe,horn"], "bwv269"),
        (["bwv269", "--instruments", "oboe,horn,kazoo,tuba"], "kazoo"),
        (["bwv269", "--tempo", "0"], "--tempo"),
        (["bwv269", "--rate", "7"], "--rate"),
        (["bwv269", "--renderer", "fluidsynth", "--soundfont", "none.sf2"], "none.sf2"),
        (["bwv269", "--renderer", "notes", "--notes", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_rendered_is_refused(divisi, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = divisi("render", *words, "-o", "out")
    assert code == 2 and out == []
    assert len(err) == 1 and message in err[0]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_midi_is_refused_by_name(divisi, tmp_path):
    (tmp_path / "song.mid").write_text("la la la")
    code, _, err = divisi("render", tmp_path / "song.mid", "-o", tmp_path)
    assert code == 2 and len(err) == 1 and "song.mid" in err[0]


def test_only_a_rendered_folder_is_replaced(divisi, duet, tmp_path):
    words = ("render", duet, "-o", tmp_path, "--rate", "8000")
    assert divisi(*words)[0] == 0
    assert divisi(*words)[0] == 2
    assert divisi(*words, "--overwrite")[0] == 0
    (tmp_path / "duet" / "render.json").unlink()
    assert divisi(*words, "--overwrite")[0] == 2
