"""Where the detection may err, report, command and player say so, and how to correct it."""

from __future__ import annotations

import json
import shlex

import pytest
import soundfile

from helpers.audio.recordings import examine
from helpers.audio.wav import save
from helpers.cli import main
from helpers.datasets.stem_folders import find_tracks
from helpers.display.players import StemPlayer
from helpers.display.separated import separate_to_zip
from helpers.inference.detection import Detection, detect
from helpers.inference.written_stems import StemFiles
from helpers.music.scores import corpus_score
from helpers.runtime import data_root
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont
from helpers.training.checkpoints import load_model

RATE, SECONDS = 44_100, 6
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")


@pytest.fixture(scope="module")
def model():
    return load_model("chamber")


@pytest.fixture(autouse=True)
def low_threshold(monkeypatch):
    """It lets a player in who does not play, as that of the model does elsewhere."""
    monkeypatch.setattr("helpers.inference.detection.detection_threshold", lambda model: -16.0)


@pytest.fixture(scope="module")
def duo(tmp_path_factory):
    """A rendered violin and saxophone, in which the model hears a viola too."""
    score = corpus_score("bwv122.6", QUARTET)
    stems = render_score(score, FluidSynth(find_soundfont("FluidR3_GM")), RATE).stems
    path = tmp_path_factory.mktemp("duo") / "disc 1" / "my duo.wav"
    path.parent.mkdir()
    mixture = (stems["violin"] + stems["saxophone"])[:1, : RATE * SECONDS]
    save(path, 0.5 * mixture, RATE, "PCM_16")
    return path


def test_a_player_too_many_is_in_doubt_and_one_command_corrects_it(duo, tmp_path, capsys):
    assert main(["separate", str(duo), "-o", str(tmp_path)]) == 0
    folder = tmp_path / "my duo"
    report = json.loads((folder / "separation.json").read_text())
    assert report["detected"] == ["violin", "viola", "saxophone"]
    assert report["doubtful"] == ["viola"]
    assert report["correction"] == "--instruments violin,saxophone"
    printed = capsys.readouterr().out
    assert "viola may not play in this recording" in printed
    command = shlex.split(printed[printed.index("divisi separate") :].splitlines()[0])
    assert main(command[1:]) == 0
    assert sorted(path.stem for path in folder.glob("*.wav")) == ["saxophone", "violin"]
    corrected = json.loads((folder / "separation.json").read_text())
    assert corrected["doubtful"] == [] and corrected["correction"] == ""


def test_what_is_in_doubt_is_not_proposed(duo, model):
    detection = Detection(
        ("violin", "bassoon", "horn"), {"violin": -1, "bassoon": -12, "horn": -11}
    )
    assert detection.doubtful == ("bassoon", "horn")
    done = StemFiles(examine(duo), duo.parent, model, detection.sources, detection, 1.0, {}, 1.0)
    assert done.correction() == "--instruments A,B,..."


def test_the_command_that_corrects_repeats_the_options(duo, tmp_path, capsys):
    options = ["--residual", "--repair", "-o", str(tmp_path / "a b")]
    assert main(["separate", str(duo), *options]) == 0
    printed = capsys.readouterr().out
    command = shlex.split(printed[printed.index("divisi separate") :].splitlines()[0])
    assert command[-5:] == ["--overwrite", *options]


def test_the_player_and_the_notebook_say_it(duo, model, tmp_path):
    separated = separate_to_zip(examine(duo), model, tmp_path)
    sentence = "viola may not play"
    assert sentence in separated.notes() and sentence in separated.player().html()
    assert "&lt;b&gt;" in StemPlayer(separated.track, remark="<b>").html()


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_in_an_archive_the_command_corrects_the_stems_that_it_speaks_of(
    duo, tmp_path, capsys, place
):
    fsspec = pytest.importorskip("fsspec")
    album, out = str(duo.parents[1]), str(tmp_path / "out")
    if place == "memory":
        album, out = f"memory://{tmp_path.name}/in", f"memory://{tmp_path.name}/out"
    system, root = fsspec.core.url_to_fs(album)
    if place == "memory":
        system.put(str(duo.parent), f"{root}/disc 1", recursive=True)
    options = ["--estimate", "0", "--no-player"]
    assert main(["separate", album, "-o", out, *options]) == 0
    printed = capsys.readouterr().out
    command = shlex.split(printed[printed.index("divisi separate") :].splitlines()[0])
    assert main(command[1:]) == 0
    base = fsspec.core.url_to_fs(out)[1]
    stems = [path.rpartition("/out/")[2] for path in system.find(base) if path.endswith(".wav")]
    assert sorted(stems) == ["disc 1/my duo/saxophone.wav", "disc 1/my duo/violin.wav"]


@pytest.mark.real_audio
def test_every_real_duo_that_comes_with_another_player_is_in_doubt(model):
    """With the low threshold all seven duos of violin and bassoon come with a third player."""
    for piece in find_tracks(data_root() / "bach10_excerpts"):
        parts = [soundfile.read(piece.stems[name])[0] for name in ("violin", "bassoon")]
        mixture = sum(parts)[None].astype("float32")
        found = detect(model, [mixture], RATE, 1)
        assert set(found.sources) == {"violin", "bassoon"} or found.doubtful
