"""A project of Reaper, read by the parser of the package `rpp`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rpp

from helpers.audio.broadcast import Broadcast
from helpers.audio.formats import SoundFormat
from helpers.audio.recordings import examine
from helpers.audio.wav import AtomicWav
from helpers.display.palette import colour
from helpers.display.reaper import Lane, project, quoted, relative_path, write_project
from helpers.inference.stem_files import separate_recording


def tracks(text):
    """What each track of a project has: its values, and those of its item and source."""
    found = []
    for track in rpp.loads(text).findall("TRACK"):
        item = track.find("ITEM")
        source = item.find("SOURCE")
        values = {line[0]: line[1:] for line in track.children if isinstance(line, list)}
        placed = {line[0]: line[1:] for line in item.children if isinstance(line, list)}
        (file,) = (line[1] for line in source.children if line[0] == "FILE")
        found.append((values, placed, source.attrib[0], file))
    return found


def shade(number):
    """Reaper's number as `#RRGGBB`."""
    assert number >> 24 == 1
    return f"#{number & 255:02X}{number >> 8 & 255:02X}{number >> 16 & 255:02X}"


@pytest.fixture
def separated(recording, duo, tmp_path):
    def done(name="quartet.wav", kind="wav", **options):
        folder = tmp_path / "draft"
        folder.mkdir()
        form = SoundFormat.chosen(kind)
        return separate_recording(examine(recording(name)), duo, folder, form=form, **options)

    return done


def test_every_stem_is_on_a_track_named_and_coloured_as_in_the_player(separated, tmp_path):
    target = tmp_path / "separated" / "quartet"
    path = write_project(separated(residual=True), target)
    assert path.name == "quartet.rpp"
    found = tracks(path.read_text())
    assert [values["NAME"] for values, *_ in found] == [
        ["Violin"], ["Bassoon"], ["Residual"], ["Mixture"]
    ]  # fmt: skip
    assert [file for *_, file in found] == [
        "violin.wav", "bassoon.wav", "residual.wav", "../../quartet.wav"
    ]  # fmt: skip
    for (values, *_), name in zip(found, ("violin", "bassoon", "residual", "mixture"), strict=True):
        assert shade(int(values["PEAKCOL"][0])) == colour(name)
    assert [values["MUTESOLO"][0] for values, *_ in found] == ["0", "0", "0", "1"]
    for _, placed, kind, _ in found:
        assert (float(placed["POSITION"][0]), float(placed["LENGTH"][0])) == (0, 2)
        assert kind == "WAVE"


@pytest.mark.parametrize(("kind", "decoder"), [("flac", "FLAC"), ("ogg", "VORBIS"), ("mp3", "MP3")])
def test_the_decoder_is_that_of_the_format(separated, tmp_path, kind, decoder):
    found = tracks(write_project(separated(kind=kind), tmp_path / "quartet").read_text())
    assert [(source, file) for *_, source, file in found] == [
        (decoder, f"violin.{kind}"), (decoder, f"bassoon.{kind}"), ("WAVE", "../quartet.wav")
    ]  # fmt: skip


def test_all_paths_are_relative_and_lead_to_files(separated, tmp_path):
    done = separated('Für "Elise".wav')
    target = tmp_path / "out" / 'Für "Elise"'
    target.mkdir(parents=True)
    text = write_project(done, target).read_text(encoding="utf-8")
    for *_, file in tracks(text):
        assert not os.path.isabs(file) and "\\" not in file
    assert (target / tracks(text)[-1][-1]).resolve() == done.recording.path.resolve()


def test_items_begin_at_the_time_reference_of_the_recording(duo, tmp_path):
    ten = Broadcast(time_reference=10 * 3600 * 8000 + 4000)
    with AtomicWav(tmp_path / "take.wav", 8000, 1, "PCM_24", None, ten) as file:
        file.write(np.full((1, 8000), 0.1, "f4"))
    (tmp_path / "take").mkdir()
    done = separate_recording(examine(tmp_path / "take.wav"), duo, tmp_path / "take")
    for _, placed, *_ in tracks(write_project(done, tmp_path / "take").read_text()):
        assert float(placed["POSITION"][0]) == 36_000.5


def test_bars_are_markers(duo, tmp_path):
    half = Broadcast(time_reference=4000)
    with AtomicWav(tmp_path / "take.wav", 8000, 1, "PCM_24", None, half) as file:
        file.write(np.full((1, 8000), 0.1, "f4"))
    (tmp_path / "take").mkdir()
    done = separate_recording(examine(tmp_path / "take.wav"), duo, tmp_path / "take")
    text = write_project(done, tmp_path / "take", [("0", 0.25), ("X1", 0.75)]).read_text()
    lines = [line for line in rpp.loads(text).children if isinstance(line, list)]
    markers = [line[1:] for line in lines if line[0] == "MARKER"]
    assert [(place, float(at), name, kind) for place, at, name, kind in markers] == [
        ("1", 0.75, "bar 0", "0"), ("2", 1.25, "bar X1", "0")
    ]  # fmt: skip


def test_a_recording_that_no_path_leads_to_is_left_out(separated, tmp_path, monkeypatch):
    def another_drive(*_):
        raise ValueError

    done = separated()
    monkeypatch.setattr(os.path, "relpath", another_drive)
    found = tracks(write_project(done, tmp_path / "quartet").read_text())
    assert [values["NAME"] for values, *_ in found] == [["Violin"], ["Bassoon"]]


def test_a_path_that_cannot_be_written_in_a_line_is_none(tmp_path):
    assert relative_path(tmp_path / "a\nb.wav", tmp_path) is None
    assert relative_path(tmp_path / "\"'`.wav", tmp_path) is None
    assert relative_path(tmp_path / "a b.wav", tmp_path / "c" / "d") == "../../a b.wav"


@pytest.mark.parametrize(
    ("text", "line"), [("a b", '"a b"'), ('a"b', "'a\"b'"), ("a'\"b", "`a'\"b`"), ("\"'`", None)]
)
def test_values_are_quoted_by_what_they_do_not_contain(text, line):
    assert quoted(text) == line


def test_names_with_quotes_are_read_again():
    lanes = [Lane(name, Path(f"{name}.wav").name, "#102030") for name in ("it's", 'a "b"', "<x")]
    found = tracks(project(lanes, 8000, 0.0, 1.0, 2))
    assert [values["NAME"][0] for values, *_ in found] == ["it's", 'a "b"', "<x"]
    assert shade(int(found[0][0]["PEAKCOL"][0])) == "#102030"
