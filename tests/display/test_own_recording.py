"""The widget for a recording of your own, operated from Python; in a browser:
test_own_recording_page.py."""

from __future__ import annotations

import html
import sys
import zipfile
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import ipywidgets
import pytest

from helpers.audio.wav import save
from helpers.display import own_recording
from helpers.display.own_recording import OwnRecording, uploaded
from helpers.models.score_net import ScoreNet, ScoreNetConfig
from helpers.music.midi import write_midi
from helpers.music.random_pieces import RandomPiece
from helpers.synthesis.renderer import render_score
from helpers.synthesis.tones import Timbre, Tones
from helpers.training.checkpoints import load_model
from tests.inference.bands import RATE, BandModel, tone

TEXT = (
    "text.wav: this is not audio that can be read; "
    "WAV, AIFF, FLAC, MP3, OGG, M4A, WMA and WebM can."
)


@pytest.fixture
def panel(duo, tmp_path) -> OwnRecording:
    return OwnRecording({"": duo}, tmp_path / "out")


@pytest.fixture
def text(tmp_path):
    """A text file with the suffix of audio."""
    path = tmp_path / "text.wav"
    path.write_text("I am a text.\n")
    return path


def upload(panel: OwnRecording, path) -> None:
    """Set the value as a browser does for a chosen file."""
    content = path.read_bytes()
    file = {"name": path.name, "type": "audio/wav", "size": len(content),
            "content": memoryview(content), "last_modified": datetime(2026, 1, 1)}  # fmt: skip
    panel.upload.value = (file,)


def pages(panel: OwnRecording) -> list[str]:
    return [part.value for part in panel.result.children]


def test_an_upload_is_described_and_can_be_separated(panel, recording):
    assert panel.button.disabled
    upload(panel, recording(rate=44_100, channels=2, seconds=65))
    assert panel.status.value == "quartet.wav: 1:05, 44.1 kHz, stereo."
    assert not panel.button.disabled


def test_the_button_shows_player_spectrograms_and_download(panel, recording, tmp_path):
    upload(panel, recording())
    panel.button.click()
    player, picture, link = pages(panel)
    assert "<iframe srcdoc=" in player and "data:image/png" in picture
    assert "data:application/zip;base64," in link and "Download quartet.zip" in link
    assert (tmp_path / "out" / "quartet.zip").is_file()
    assert panel.status.value == "" and not panel.button.disabled
    assert (
        panel.bar.value == pytest.approx(panel.bar.max) and panel.bar.layout.visibility == "hidden"
    )


def test_a_path_can_replace_an_upload(panel, recording):
    panel.path.value = f" {recording()} "
    assert panel.status.value == "quartet.wav: 0:02, 8 kHz, mono."
    panel.path.value = ""
    assert not panel.button.disabled


def test_a_bad_file_shows_the_loaders_error_and_a_good_one_works_after_it(panel, recording, text):
    upload(panel, text)
    assert panel.status.value == TEXT and panel.button.disabled
    upload(panel, recording())
    panel.button.click()
    assert len(pages(panel)) == 3
    upload(panel, text)
    assert panel.status.value == TEXT and panel.button.disabled


@pytest.mark.parametrize("path", ["none.wav", "."])
def test_a_path_without_a_file_shows_the_loaders_error(panel, path):
    panel.path.value = path
    assert panel.button.disabled
    assert panel.status.value.endswith(("there is no such file; check the name and the folder.",
                                        "this is a folder; name an audio file."))  # fmt: skip


def test_the_same_file_can_be_uploaded_twice(panel, recording, text):
    for path in (recording(), text, text, recording()):
        upload(panel, path)
        assert panel.upload.value == ()
    assert not panel.button.disabled


def test_only_the_instruments_that_are_ticked_are_separated(panel, recording):
    upload(panel, recording())
    assert [box.description for box in panel.choice.box.children] == ["Violin", "Bassoon"]
    panel.choice.box.children[0].value = False
    panel.button.click()
    assert "bassoon" in pages(panel)[0] and "violin" not in pages(panel)[0]
    panel.choice.box.children[1].value = False
    panel.button.click()
    assert panel.status.value.startswith("Choose at least one instrument;")
    assert pages(panel) == [] and not panel.button.disabled


def test_with_none_ticked_instruments_are_detected_shown_and_corrected(
    recording, detector, duo, tmp_path
):
    panel = OwnRecording({"detector": load_model(detector), "duo": duo}, tmp_path)
    assert "with none ticked they are detected" in panel.choice.note.value
    assert [box.value for box in panel.choice.box.children] == [False] * 3
    upload(panel, recording())
    panel.button.click()
    assert panel.status.value.startswith("Detected: violin, horn. horn may not play; if so, tick")
    assert 'alt="Who plays when in quartet"' in pages(panel)[1]
    assert [box.value for box in panel.choice.box.children] == [True, True, False]
    panel.choice.box.children[1].value, panel.choice.box.children[2].value = False, True
    panel.button.click()
    assert "piano" in pages(panel)[0] and "horn" not in pages(panel)[0]
    assert panel.status.value == "" and len(pages(panel)) == 3  # no picture of a detection
    panel.model.value = "duo"
    assert panel.choice.note.value == ""


def test_what_was_detected_in_one_recording_is_not_taken_for_the_next(
    recording, detector, text, tmp_path
):
    panel = OwnRecording(load_model(detector), tmp_path)
    panel.choice.box.children[2].value = True  # before there is a recording: meant for it
    upload(panel, recording())
    assert [box.value for box in panel.choice.box.children] == [False, False, True]
    upload(panel, recording())
    for file in (recording(), text):
        panel.button.click()
        assert panel.status.value.startswith("Detected: violin, horn.")
        upload(panel, file)
        assert [box.value for box in panel.choice.box.children] == [False] * 3


def test_the_mixes_of_the_menu_fit_where_one_violin_plays(tmp_path):
    save(tmp_path / "duo.wav", tone("violin", 4.0) + tone("cello", 4.0), RATE, "FLOAT")
    panel = OwnRecording(BandModel(), tmp_path / "out")
    upload(panel, tmp_path / "duo.wav")
    names = [value for _, value in panel.minus.options]
    assert "violin-1" in names and "violin" not in names
    panel.minus.value = panel.emphasise.value = "violin-1"
    for archive in ("duo.zip", "duo-2.zip"):  # detected, then named
        panel.button.click()
        assert zipfile.ZipFile(panel.folder / archive).namelist() == [
            "duo/violin.wav", "duo/cello.wav", "duo/minus-violin.wav", "duo/emphasise-violin.wav",
        ]  # fmt: skip
        assert panel.choice.chosen() == ["violin", "cello"]


def test_an_instrument_with_several_players_has_a_number(recording, tmp_path):
    panel = OwnRecording(BandModel(), tmp_path)
    violin, viola, *_ = panel.choice.box.children
    assert (violin.description, violin.value, violin.max) == ("Violin", 0, 2)
    assert [box.description for box in panel.choice.box.children] == [
        "Violin", "Viola", "Cello", "Piano",
    ]  # fmt: skip
    path = tmp_path / "duo.wav"
    save(path, tone("violin", 4.0) + tone("violin-2", 4.0), RATE, "FLOAT")
    panel.path.value = str(path)
    panel.button.click()
    assert panel.status.value == "Detected: violin-1, violin-2."
    assert violin.value == 2 and not viola.value
    violin.value, viola.value = 1, True
    panel.button.click()
    with zipfile.ZipFile(tmp_path / "duo-2.zip") as archive:
        assert archive.namelist() == ["duo/violin.wav", "duo/viola.wav", "duo/other.wav"]


def test_a_compressed_recording_is_decoded_once(recording, duo, tmp_path, monkeypatch):
    panel = OwnRecording(duo, tmp_path / "out")
    path = recording(name="quartet.flac")
    panel.path.value = str(path)
    assert panel.recording.path == path and panel.recording.samples.is_file()
    path.unlink()
    panel.button.click()
    assert (tmp_path / "out" / "quartet.zip").is_file()


def test_mixes_to_practise_with_are_played_and_in_the_zip(panel, recording, tmp_path):
    upload(panel, recording())
    panel.minus.value, panel.emphasise.value, panel.decibels.value = "violin", "each", 3.0
    panel.button.click()
    assert len(pages(panel)) == 4
    for title in ("Minus violin", "Emphasise violin", "Emphasise bassoon"):
        assert f"<b>{title}</b>" in pages(panel)[1]
    with zipfile.ZipFile(tmp_path / "out" / "quartet.zip") as archive:
        assert [name.partition("/")[2] for name in archive.namelist()] == [
            "violin.wav", "bassoon.wav",
            "minus-violin.wav", "emphasise-violin.wav", "emphasise-bassoon.wav",
        ]  # fmt: skip


def test_a_mix_of_an_instrument_that_is_not_ticked_is_refused(panel, recording):
    upload(panel, recording())
    panel.minus.value = "violin"
    panel.choice.box.children[0].value = False
    panel.button.click()
    assert panel.status.value.startswith("There is no stem &#x27;violin&#x27;; the stems are bass")
    assert pages(panel) == [] and not panel.button.disabled


def test_another_model_has_its_own_instruments(recording, duo, loud, tmp_path):
    panel = OwnRecording({"duo": duo, "solo": loud}, tmp_path)
    assert panel.model in panel.box.children
    panel.model.value = "solo"
    assert [box.description for box in panel.choice.box.children] == ["Flute"]
    assert panel.minus.options[-1] == ("Flute", "flute")
    upload(panel, recording())
    panel.button.click()
    assert panel.status.value == "All stems are 5.1 dB lower, so that none clips."


def test_a_bug_is_shown_and_raised_and_the_widget_stays_usable(panel, recording, monkeypatch):
    upload(panel, recording())
    with monkeypatch.context() as broken:
        broken.setattr(own_recording, "separate_to_zip", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            panel.separate()
    assert panel.status.value == "ZeroDivisionError: division by zero"
    panel.button.click()
    assert len(pages(panel)) == 3


def test_messages_are_escaped(panel):
    panel.path.value = "<b>.wav"
    assert panel.status.value.startswith("&lt;b&gt;.wav: ")


def test_an_upload_is_kept_under_its_bare_name(panel, recording, tmp_path):
    assert panel.receive("../../quartet.wav", recording().read_bytes())
    assert panel.recording.path.name == "quartet.wav"
    assert str(panel.recording.path).startswith(panel.uploads.name)


@pytest.mark.parametrize(
    "value",
    [{"a.wav": {"metadata": {"name": "a.wav", "size": 3}, "content": b"abc"}},  # ipywidgets 7
     ({"name": "a.wav", "size": 3, "content": memoryview(b"abc")},)],  # ipywidgets 8
)  # fmt: skip
def test_uploads_of_ipywidgets_7_and_8_are_read(value):
    assert uploaded(value) == ("a.wav", b"abc")


@pytest.mark.parametrize("value", [{}, ()])
def test_no_upload_is_none(value):
    assert uploaded(value) is None


@pytest.fixture
def colab(monkeypatch, recording, text):
    """Colab's own upload, which gives a text, then a recording; notes what is downloaded."""
    answers = [{"text.wav": text.read_bytes()}, {"quartet.wav": recording().read_bytes()}]
    downloads: list[str] = []
    files = SimpleNamespace(
        upload=lambda: answers.pop(0) if answers else {}, download=downloads.append
    )
    monkeypatch.setitem(sys.modules, "google", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace(files=files))
    return SimpleNamespace(answers=answers, downloads=downloads)


def test_in_colab_uploads_are_asked_for_until_one_can_be_read(colab, duo, tmp_path, monkeypatch):
    shown: list[ipywidgets.Widget] = []
    monkeypatch.setattr(own_recording, "display", shown.append)
    panel = OwnRecording(duo, tmp_path / "out")
    panel._ipython_display_()
    assert shown == [panel.box] and colab.answers == []
    assert panel.status.value == "quartet.wav: 0:02, 8 kHz, mono."
    panel.button.click()
    panel.result.children[2].click()
    assert colab.downloads == [str(tmp_path / "out" / "quartet.zip")]


def test_in_colab_no_file_may_be_uploaded(colab, panel):
    colab.answers[:] = [{}]
    panel.upload_in_colab()
    assert panel.recording is None and panel.button.disabled


def test_a_score_beside_the_recording_names_the_stems(tmp_path):
    score = RandomPiece(3).score(("flute", "violin", "cello"), seconds=20.0)
    flute, *others = score.parts
    score = replace(score, parts=(replace(flute, instrument="violin"), *others))
    sound = render_score(score, Tones(Timbre((1.0, 0.6, 0.4, 0.2))), 22_050).mixture
    save(tmp_path / "duo.wav", 0.3 * sound, 22_050)
    write_midi(score, tmp_path / "duo.mid")
    config = ScoreNetConfig(("violin",), 22_050, width=4, part_width=4, pitch_channels=2)
    panel = OwnRecording(ScoreNet(config).eval(), tmp_path / "out")
    assert panel.choice.box.children == ()
    panel.path.value = str(tmp_path / "duo.wav")
    panel.button.click()
    assert panel.status.value == "&#x27;&#x27; is no file; type the path of the score."
    panel.score.value = str(tmp_path / "duo.mid")
    panel.button.click()
    assert panel.status.value == ""
    with zipfile.ZipFile(tmp_path / "out" / "duo.zip") as archive:
        names = {"duo/violin-1.wav", "duo/violin-2.wav", "duo/cello.wav"}
        assert set(archive.namelist()) == names
    assert "violin-2" in pages(panel)[0] or "Violin 2" in pages(panel)[0]
    assert '"bars": [["1", ' in html.unescape(pages(panel)[0])
    assert panel.bar.value == pytest.approx(panel.bar.max, rel=0.01)
