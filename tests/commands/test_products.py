"""What `divisi separate` writes beside the stems, and in which format."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
import rpp
import soundfile

from helpers.audio.broadcast import Broadcast, read_broadcast
from helpers.audio.wav import AtomicWav
from helpers.commands import products

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def separated(divisi, recording, duo, tmp_path):
    """Separate a recording with these options; returns code, stderr and the folder."""

    def run(*options, path=None, model=duo):
        path = path or recording(subtype="PCM_16")
        code, _, err = divisi("separate", path, "-o", tmp_path / "out", "--model", model, *options)
        return code, err, tmp_path / "out" / path.stem

    return run


def names(folder):
    return {file.name for file in folder.iterdir()}


def read(path):
    return soundfile.read(path, always_2d=True)[0]


def test_every_product_in_one_run_is_listed_in_the_report(separated, tmp_path):
    code, err, folder = separated(
        "--minus", "each", "--emphasise", "violin=6", "--project", "reaper", "--labels",
        "--residual", "--format", "flac",
    )  # fmt: skip
    assert (code, err) == (0, [])
    expected = {
        "violin.flac", "bassoon.flac", "residual.flac", "minus-violin.flac", "minus-bassoon.flac",
        "emphasise-violin.flac", "player.html", "quartet.rpp", "labels.txt", "separation.json",
    }  # fmt: skip
    assert names(folder) == expected
    report = json.loads((folder / "separation.json").read_text())
    assert set(report["files"]) == expected
    assert (report["format"], report["subtype"]) == ("flac", "PCM_24")
    assert set(report["mixes"]) == {"minus-violin", "minus-bassoon", "emphasise-violin"}
    mixture = read(tmp_path / "quartet.wav")
    np.testing.assert_allclose(read(folder / "minus-violin.flac"), 0.5 * mixture, atol=1e-4)
    np.testing.assert_allclose(read(folder / "minus-bassoon.flac"), 0.7 * mixture, atol=1e-4)
    np.testing.assert_allclose(read(folder / "emphasise-violin.flac"), mixture, atol=0.01)
    tracks = rpp.loads((folder / "quartet.rpp").read_text()).findall("TRACK")
    assert len(tracks) == 4
    labels = [line.split("\t") for line in (folder / "labels.txt").read_text().splitlines()]
    assert labels == [["0.000000", "2.000000", name] for name in ("bassoon", "violin")]


def test_the_player_plays_the_stems_and_can_be_left_out(separated):
    _, _, folder = separated("--residual")
    page = (folder / "player.html").read_text(encoding="utf-8")
    assert all(f'"{name}"' in page for name in ("violin", "bassoon", "residual", "mixture"))
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert separated("--overwrite", "--no-player")[0] == 0
    assert names(folder) == {"violin.wav", "bassoon.wav", "separation.json"}


def test_an_instrument_is_named_as_people_name_it(separated):
    _, _, folder = separated("--minus", "Vln., fagotto", "--no-player")
    assert {"minus-violin.wav", "minus-bassoon.wav"} <= names(folder)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [(["--minus", "tuba"], "There is no stem 'tuba'; the stems are violin, bassoon."),
     (["--minus", "bassoon", "--instruments", "violin"], "There is no stem 'bassoon'; the stems "),
     (["--minus", "violin-2"], "violin has all players of this instrument"),
     (["--emphasise", "violin=99"], "violin cannot be brought forward by '99' dB"),
     (["--emphasise", "violin"], "'violin' has no decibels; write for example violin=6."),
     (["--format", "flac", "--subtype", "float"], "FLAC has no float samples"),
     (["--format", "mp3", "--subtype", "16"], "MP3 has no subtype"),
     (["--format", "aac"], "There is no format 'aac'"),
     (["--format", "mp3"], "quartet.wav: MP3 has no sample rate of 9 kHz but 8, 11.025, "),
     (["--project", "cubase"], "cubase")],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_in_a_sentence(
    separated, recording, tmp_path, options, sentence
):
    code, err, _ = separated(*options, path=recording(rate=9000))
    assert code == 2
    assert len(err) == 1 and sentence in err[0]
    assert not (tmp_path / "out").exists()


def test_a_mix_of_what_is_not_detected_leaves_nothing(separated, detector, tmp_path):
    code, err, _ = separated("--minus", "piano", model=detector)
    assert code == 2 and len(err) == 1
    assert "There is no stem 'piano'; the stems are violin, horn, as detected" in err[0]
    assert not (tmp_path / "out").exists()


def test_a_project_or_a_mix_that_exists_is_not_replaced_without_overwrite(separated):
    options = ("--project", "reaper", "--minus", "violin", "--no-player")
    _, _, folder = separated(*options)
    before = {file: file.read_bytes() for file in folder.iterdir()}
    code, err, _ = separated(*options)
    assert code == 2 and "exists already" in err[0]
    assert {file: file.read_bytes() for file in folder.iterdir()} == before
    assert separated("--overwrite", "--no-player")[0] == 0
    assert names(folder) == {"violin.wav", "bassoon.wav", "separation.json"}
    (folder / "quartet.rpp").write_text("mine")
    code, err, _ = separated("--overwrite", *options)
    assert code == 2 and "no earlier run wrote this file" in err[0]
    assert (folder / "quartet.rpp").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "subtype"),
    [(["--subtype", "16"], "PCM_16"), (["--subtype", "24"], "PCM_24"),
     (["--subtype", "float"], "FLOAT"), (["--format", "flac", "--subtype", "16"], "PCM_16"),
     (["--format", "ogg"], "VORBIS"), (["--format", "mp3"], "MPEG_LAYER_III")],
)  # fmt: skip
@pytest.mark.parametrize("source", ["PCM_16", "FLOAT"])
def test_the_format_is_the_one_asked_for(separated, recording, tmp_path, options, subtype, source):
    path = recording(rate=44_100, channels=2, seconds=0.7123, subtype=source)
    code, err, folder = separated(*options, "--minus", "violin", path=path)
    assert (code, err) == (0, [])
    before = soundfile.info(path)
    (stem,) = folder.glob("violin.*")
    for file in (stem, *folder.glob("minus-violin.*")):
        info = soundfile.info(file)
        assert info.subtype == subtype
        assert (info.samplerate, info.channels, info.frames) == (44_100, 2, before.frames)


def test_stems_and_mixes_keep_the_time_reference_of_the_recording(separated, tmp_path):
    session = Broadcast("Take 3", "2024-05-06", "10:00:00", 288_000_000, "A=ANALOGUE\r\n")
    with AtomicWav(tmp_path / "take.wav", 8000, 1, "PCM_24", None, session) as file:
        file.write(np.random.default_rng(0).uniform(-0.5, 0.5, (1, 16_000)).astype("f4"))
    for options in ([], ["--subtype", "float", "--overwrite"]):
        _, _, folder = separated("--minus", "violin", *options, path=tmp_path / "take.wav")
        for name in ("violin", "minus-violin"):
            found = read_broadcast(folder / f"{name}.wav")
            assert (found.time_reference, found.date) == (288_000_000, "2024-05-06")
            assert found.description == f"{name} of take.wav"
            assert "A=ANALOGUE" in found.history
            assert f"W={32 if options else 24},M=mono,T=Divisi" in found.history


def test_a_loudness_that_cannot_be_measured_is_a_warning(separated, recording):
    code, err, folder = separated("--emphasise", "each=6", path=recording(seconds=0.3))
    assert code == 0 and len(err) == 1
    assert "loudness cannot be measured" in err[0]
    assert (folder / "emphasise-bassoon.wav").is_file()


def test_a_second_run_is_told_all_options():
    chosen = [
        "--minus", "each", "--emphasise", "violin=6", "--format", "flac", "--subtype", "16",
        "--project", "reaper", "--labels", "--no-player",
    ]  # fmt: skip
    parser = ArgumentParser()
    products.add_arguments(parser)
    assert products.words(parser.parse_args(chosen)) == chosen
    assert products.words(parser.parse_args([])) == []


def test_the_options_are_grouped_in_the_help(divisi):
    _, out, _ = divisi("separate", "--help")
    assert "for practising:" in out and "for the studio:" in out
    assert all(len(line) <= 100 for line in out)


def test_separating_needs_no_package_of_the_course(recording, duo, tmp_path):
    """The player is made without matplotlib and notebooks, and loudness is not measured."""
    words = ["divisi", "separate", str(recording()), "-o", str(tmp_path / "out"), "--model"]
    code = f"import sys; sys.argv = {[*words, str(duo)]}; from helpers.cli import main; main(); "
    code += "print('|', *{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.rpartition("|")[2].split())
    assert "soundfile" in imported
    assert not imported & {"matplotlib", "IPython", "ipywidgets", "scipy", "pyloudnorm", "music21"}
