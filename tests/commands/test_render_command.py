"""`divisi render`: scores in, stems out."""

from __future__ import annotations

import json
import shutil
import zipfile

import numpy as np
import pytest
import soundfile

from helpers.music.midi import read_midi, write_midi
from helpers.music.scores import Note, Part, Score
from helpers.synthesis.soundfonts import find_soundfonts
from tests.music.midi_bytes import midi, name, notes, program, rest, tempo


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
        (["none.musicxml"], "none.musicxml"),
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


MUSICXML = """<?xml version="1.0"?><score-partwise><part-list>
<score-part id="P1"><part-name>Klarinette in B</part-name></score-part></part-list><part id="P1">
<measure number="1"><attributes><divisions>1</divisions>
<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose></attributes>
<note><pitch><step>B</step><octave>4</octave></pitch><duration>2</duration></note></measure></part>
</score-partwise>"""


@pytest.mark.parametrize("file", ["solo.musicxml", "solo.mxl", "solo.xml", "solo.mid"])
def test_musicxml_of_ones_own_is_rendered_whatever_its_name(divisi, tmp_path, file):
    if file.endswith(".mxl"):
        with zipfile.ZipFile(tmp_path / file, "w") as archive:
            archive.writestr("solo.xml", MUSICXML)
    else:
        (tmp_path / file).write_text(MUSICXML)
    assert divisi("render", tmp_path / file, "-o", tmp_path / "out", "--rate", "8000")[0] == 0
    stem, _ = soundfile.read(tmp_path / "out" / "solo" / "clarinet.wav")
    assert np.argmax(np.abs(np.fft.rfft(stem[:8000]))) == pytest.approx(440, abs=1)  # sounding A4


def test_a_score_of_ones_own_may_be_played_by_others(divisi, duet, tmp_path):
    words = ("render", duet, "-o", tmp_path / "out", "--rate", "8000", "--instruments")
    code, _, err = divisi(*words, "flute")
    assert code == 2 and "2 parts and 1 instruments" in err[0]
    assert divisi(*words, "Flöte,Fagott")[0] == 0
    names = {file.stem for file in (tmp_path / "out" / "duet").glob("*.wav")}
    assert names == {"flute", "bassoon", "mixture"}


def test_what_is_not_as_written_is_told_in_a_line(divisi, tmp_path):
    data = midi(name("Staff") + program(0, 48) + notes(0, 79))
    (tmp_path / "strings.mid").write_bytes(data)
    code, out, err = divisi("render", tmp_path / "strings.mid", "-o", tmp_path, "--rate", "8000")
    assert code == 0 and "violin" in out[0]
    assert len(err) == 1 and err[0].startswith("divisi: warning: strings.mid: program 48")


def test_a_score_that_needs_too_much_memory_is_refused_before_it_is_rendered(divisi, tmp_path):
    (tmp_path / "long.mid").write_bytes(midi(tempo(60) + rest(0, 4000) + notes(0, 60)))
    code, _, err = divisi("render", tmp_path / "long.mid", "-o", tmp_path / "out")
    assert code == 2 and len(err) == 1 and "67 minutes" in err[0] and "--rate" in err[0]
    assert not (tmp_path / "out").exists()


def test_a_failing_renderer_leaves_nothing_behind(divisi, duet, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "index.csv").write_text("instrument,pitch,length,dynamic,file\n")
    words = ("--renderer", "notes", "--notes", tmp_path / "notes")
    code, _, err = divisi("render", duet, "-o", tmp_path / "out", *words)
    assert code == 2 and len(err) == 1 and not (tmp_path / "out").exists()


def test_a_score_that_lies_in_its_own_target_is_refused(divisi, duet, tmp_path):
    divisi("render", duet, "-o", tmp_path)
    score = shutil.copy(tmp_path / "duet" / "score.mid", tmp_path / "duet" / "duet.mid")
    code, _, [err] = divisi("render", score, "-o", tmp_path, "--overwrite")
    assert code == 2 and f"lies in {tmp_path / 'duet'}" in err
