"""`divisi separate --score`: a stem for each part of a score, or a sentence and nothing written."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch

import helpers
from helpers.audio.audio import load
from helpers.cli import main
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.models.score_net import ScoreNet, ScoreNetConfig
from helpers.music.midi import read_midi, write_midi
from helpers.music.random_pieces import RandomPiece
from helpers.music.scores import Part, Score
from helpers.synthesis.tones import Timbre, Tones
from helpers.training.checkpoints import save_model
from helpers.training.losses import si_sdr

RATE = 22_050
NAMES = ("violin-1", "violin-2", "cello")


@pytest.fixture(scope="module")
def piece(tmp_path_factory):
    """A folder with a recording of two violins and a cello, their stems, their score, a model."""
    folder = tmp_path_factory.mktemp("piece")
    parts = RandomPiece(3).score(("flute", "violin", "cello"), seconds=20.0).parts
    names = ("violin", "violin", "cello")
    score = Score("trio", tuple(Part(n, p.notes) for n, p in zip(names, parts, strict=True)))
    tones = Tones(Timbre((1.0, 0.6, 0.4, 0.2)))
    stems = [tones.render(part, RATE)[0] for part in score.parts]
    stems = np.stack([np.resize(stem, max(map(len, stems))) for stem in stems])
    soundfile.write(folder / "trio.wav", 0.3 * stems.sum(0), RATE, subtype="FLOAT")
    np.save(folder / "stems.npy", stems)
    write_midi(score, folder / "trio.mid")
    torch.manual_seed(0)
    config = ScoreNetConfig(("violin", "cello"), RATE, width=4, part_width=4, pitch_channels=2)
    save_model(ScoreNet(config), folder, "combs", {})
    sizes = {"width": 4, "pitch_channels": 2, "hidden": 8, "layers": 1}
    save_model(MaskNet(MaskNetConfig(("violin", "cello"), RATE, **sizes)), folder, "blind", {})
    return folder


def separate(piece, *words):
    return main(["separate", str(piece / "trio.wav"), "--no-player", *map(str, words)])


def test_each_part_has_a_stem_also_two_of_one_instrument(piece, tmp_path):
    model = piece / "combs.safetensors"
    score = ["--score", piece / "trio.mid", "--model", model]
    assert separate(piece, *score, "--minus", "cello", "-o", tmp_path) == 0
    folder = tmp_path / "trio"
    report = json.loads((folder / "separation.json").read_text())
    assert report["score"]["parts"].keys() == {"violin-1", "violin-2", "cello"}
    assert set(report["files"]) >= {
        "aligned.mid",
        "violin-1.wav",
        "violin-2.wav",
        "minus-cello.wav",
    }
    stems = torch.from_numpy(np.load(piece / "stems.npy")).float()
    found = torch.stack([torch.from_numpy(load(folder / f"{name}.wav")[0][0]) for name in NAMES])
    assert not (folder / "other.wav").exists()  # it has no level
    assert tuple(report["estimated_si_sdr"]) == NAMES
    floor = si_sdr(stems.sum(0).expand(3, -1), stems)
    assert (si_sdr(found, stems) - floor).min() > 5.0
    aligned, given = read_midi(folder / "aligned.mid"), read_midi(piece / "trio.mid")
    for one, other in zip(aligned.parts, given.parts, strict=True):
        assert len(one.notes) == len(other.notes)
        late = np.median([a.onset - b.onset for a, b in zip(one.notes, other.notes, strict=True)])
        assert abs(late) < 0.03


def test_what_no_part_explains_is_other(piece, tmp_path):
    sound, rate = soundfile.read(piece / "trio.wav")
    hum = 2 * sound.std() * np.sin(2 * np.pi * 35 * np.arange(len(sound)) / rate)
    soundfile.write(tmp_path / "hum.wav", sound + hum, rate, subtype="FLOAT")
    words = ["--score", piece / "trio.mid", "--model", piece / "combs.json", "-o", tmp_path]
    assert main(["separate", str(tmp_path / "hum.wav"), "--no-player", *map(str, words)]) == 0
    folder = tmp_path / "hum"
    stems = {name: load(folder / f"{name}.wav")[0][0] for name in (*NAMES, "other")}
    assert np.abs(sum(stems.values()) - (sound + hum)).max() < 1e-4
    assert np.std(stems["other"]) > 0.4 * np.std(hum)
    report = json.loads((folder / "separation.json").read_text())
    assert tuple(report["score"]["parts"]) == tuple(report["estimated_si_sdr"]) == NAMES
    assert len(read_midi(folder / "aligned.mid").parts) == len(NAMES)


def test_the_player_has_the_notes(piece, tmp_path):
    words = ["--score", piece / "trio.mid", "--model", piece / "combs.safetensors", "-o", tmp_path]
    assert main(["separate", str(piece / "trio.wav"), *map(str, words)]) == 0
    assert '"notes": [[' in (tmp_path / "trio" / "player.html").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "{piece}/combs.safetensors"], "combs: separates with a score; add --score"),
        (["--score", "{piece}/trio.mid", "--model", "{piece}/blind.json"], "takes no score"),
        (["--score", "{piece}/no.mid", "--model", "{piece}/combs.json"], "there is no such file"),
        (["--score", "{piece}/trio.wav", "--model", "{piece}/combs.json"], "neither MIDI nor"),
        (["--parts", "Solo=violin"], "--parts names parts of a score; add --score"),
        (["--score", "{piece}/trio.mid", "--instruments", "violin"], "the parts of the score"),
        (["--score", "{piece}/trio.mid", "--skip-existing"], "goes with one recording"),
        (
            ["--score", "{piece}/trio.mid", "--model", "{piece}/combs.json", "--parts", "Solo"],
            "write PART=INSTRUMENT",
        ),
        (
            ["--score", "{piece}/trio.mid", "--model", "{piece}/combs.json", "--parts", "Solo=vn"],
            "there is no part 'Solo'; its parts are",
        ),
        (
            ["--score", "{piece}/trio.mid", "--model", "{piece}/combs.json", "--minus", "horn"],
            "There is no stem 'horn'; the stems are violin-1, violin-2, cello",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(piece, tmp_path, capsys, words, sentence):
    out = tmp_path / "out"
    assert separate(piece, "-o", out, *(word.format(piece=piece) for word in words)) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()


def test_a_score_goes_with_one_recording(piece, capsys):
    files = [str(piece / "trio.wav"), str(piece / "other.wav")]
    assert main(["separate", *files, "--score", str(piece / "trio.mid")]) == 2
    assert "goes with one recording; name only that" in capsys.readouterr().err


def test_a_score_that_does_not_fit_is_refused(piece, tmp_path, capsys):
    other = RandomPiece(8).score(("violin", "cello"), seconds=20.0)
    write_midi(other, tmp_path / "other.mid")
    words = ["--score", tmp_path / "other.mid", "--model", piece / "combs.json"]
    assert separate(piece, *words, "-o", tmp_path / "out") == 2
    assert "of this score fits" in (err := capsys.readouterr().err) or "does not fit" in err
    assert not (tmp_path / "out").exists()


def test_the_same_from_python(piece):
    model = piece / "combs.safetensors"
    done = helpers.separate(piece / "trio.wav", model=model, score=piece / "trio.mid")
    assert set(done.stems) == {"violin-1", "violin-2", "cello"}
    assert done.report["score"]["fit"] > 0.5
    assert set(done.player().score.notes) == set(done.stems)
    with pytest.raises(ValueError, match="separates with a score; pass `score`"):
        helpers.separate(piece / "trio.wav", model=model)
    with pytest.raises(ValueError, match="MaskNet takes no score"):
        helpers.separate(piece / "trio.wav", model=piece / "blind.json", score=piece / "trio.mid")
