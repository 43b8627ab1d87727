"""A model is fine-tuned on own stems and improves on held-out ones, or a sentence says
what is missing."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch

from helpers.audio.track import AudioError
from helpers.cli import main
from helpers.datasets.hold_out import hold_out
from helpers.datasets.own_stems import own_tracks
from helpers.evaluation.evaluate import model_separator
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.music.random_pieces import RandomPiece
from helpers.recipes import finetune
from helpers.recipes.entries import RecipeError
from helpers.synthesis.tones import Timbre, Tones
from helpers.training.checkpoints import load_model, save_model

DUO = ("flute", "cello")
RATE = 8000
HELD = "piece-3"  # the longest of those that are held out, all being short
TIMBRES = {"flute": Timbre((1.0, 0.2)), "cello": Timbre((1.0, 0.8, 0.6, 0.5, 0.4))}


def write_piece(folder, number, seconds=6.0, players=DUO):
    """A folder with a stem for each player of a random piece."""
    folder.mkdir(parents=True)
    for part in RandomPiece(number).score(players, seconds=seconds).parts:
        stem = Tones(TIMBRES[part.instrument]).render(part, RATE)
        soundfile.write(folder / f"{part.instrument}.wav", stem[0], RATE, subtype="FLOAT")


@pytest.fixture
def stems(tmp_path):
    for number in range(4):
        write_piece(tmp_path / "stems" / f"piece-{number}", number, seconds=6.0 + number)
    return tmp_path / "stems"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A checkpoint of an untrained network."""
    monkeypatch.setenv("DIVISI_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DIVISI_DATA", raising=False)
    config = MaskNetConfig(
        DUO, RATE, window=1024, hop=256, highest=3500.0, resolution=12, width=8, pitch_channels=4,
        hidden=32, layers=1,
    )  # fmt: skip
    torch.manual_seed(3)
    return str(save_model(MaskNet(config), tmp_path, "start", {})[0])


def test_fine_tuning_improves_the_held_out_piece(stems, start, tmp_path):
    for number in range(4, 10):
        write_piece(stems / f"piece-{number}", number, seconds=20.0)
    run = tmp_path / "run"
    tuned = finetune.finetune(stems, start, steps=80, learning_rate=4e-3, folder=run)
    assert tuned.after > tuned.before + 2.0
    (held,) = [track.name for track in tuned.held_out]
    card = json.loads(tuned.weights.with_suffix(".json").read_text())
    assert card["provenance"]["held_out"] == [held]
    assert held not in card["provenance"]["recordings"]
    assert load_model(tuned.weights).sources == DUO


def test_a_model_of_players_keeps_its_sources(stems, start, tmp_path):
    players = ("flute", "flute-2", "cello", "other")
    config = {
        name: value
        for name, value in load_model(start).card["config"].items()
        if name not in ("sources", "sample_rate")
    }
    model = MaskNet(MaskNetConfig(players, RATE, **config | {"conditioned": True}))
    path = str(save_model(model, tmp_path, "players", {})[0])
    tuned = finetune.finetune(stems, path, steps=2, folder=tmp_path / "run")
    assert load_model(tuned.weights).sources == players
    assert np.isfinite([tuned.before, tuned.after]).all()


def test_the_command_resumes_and_reports_the_gain(stems, start, tmp_path, capsys):
    words = ["finetune", str(stems), "--model", start, "--steps", "2", "-o", str(tmp_path / "run")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert f"{HELD}, held out: SI-SDR" in printed
    assert (tmp_path / "run" / "mine.safetensors").is_file()
    assert main(words) == 0  # already finished
    assert main([*words, "--hold-out", "piece-1"]) == 2
    assert "was begun with other stems" in capsys.readouterr().err
    assert main([*words, "--hold-out", "piece-1", "--restart"]) == 0
    assert "piece-1, held out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--hold-out", "piece-9"], "piece-9: there is no such piece; choose from piece-0"),
        (["--name", "a/b"], "--name a/b: is not a name for a file"),
        (["--steps", "0"], "--steps 0: it must be 1 or more"),
        (["--learning-rate", "2"], "--learning-rate 2: it must be between 0 and 1"),
    ],
)
def test_a_wrong_option_is_refused_in_one_sentence(
    stems, start, tmp_path, capsys, change, sentence
):
    run = tmp_path / "run"
    assert main(["finetune", str(stems), "--model", start, "-o", str(run), *change]) == 2
    assert sentence in capsys.readouterr().err
    assert not run.exists()


def test_a_refused_restart_deletes_nothing(stems, start, tmp_path):
    words = ["finetune", str(stems), "--model", start, "--steps", "2", "-o", str(tmp_path / "run")]
    assert main(words) == 0
    for wrong in (["--hold-out", "piece-9"], ["--model", "nobody"]):
        assert main([*words, *wrong, "--restart"]) == 2
        assert (tmp_path / "run" / "last.ckpt").is_file()


def test_stems_of_any_rate_length_and_number_of_players_are_read(stems, start, tmp_path):
    folder = stems / "piece-0"
    flute, _ = soundfile.read(folder / "flute.wav", dtype="float32")
    soundfile.write(folder / "flute.wav", np.stack([flute, flute], 1)[:40_000], RATE)
    (folder / "cello.wav").rename(folder / "cello 1.wav")
    soundfile.write(folder / "cello 2.flac", np.repeat(flute, 2), 2 * RATE)
    soundfile.write(folder / "mix.wav", flute, RATE)
    track = next(t for t in own_tracks(stems, DUO, RATE, 4.0) if t.name == "piece-0")
    assert set(track.stems) == set(DUO)
    one, _ = soundfile.read(folder / "cello 1.wav", dtype="float32")
    both = track.stems["cello"][0, : len(flute)]
    error = np.abs(both - one[: len(flute)] - flute)[: -RATE // 10]
    assert np.sqrt(np.mean(error**2)) < 0.15 * np.sqrt(np.mean(flute**2))


def test_a_stem_whose_name_is_no_instrument_is_refused(stems):
    shutil.copy(stems / "piece-0" / "flute.wav", stems / "piece-0" / "recording 3.wav")
    with pytest.raises(AudioError, match=r"recording 3\.wav.*the name is not an instrument"):
        own_tracks(stems, DUO, RATE, 4.0)


def test_unknown_instruments_and_short_pieces_are_left_out(stems):
    (stems / "piece-0" / "cello.wav").rename(stems / "piece-0" / "harp.wav")
    write_piece(stems / "short", 9, seconds=2.0)
    with pytest.warns(UserWarning) as warned:
        tracks = own_tracks(stems, DUO, RATE, 4.0)
    printed = " ".join(str(each.message) for each in warned)
    assert "harp" in printed and "lasts 2" in printed
    assert {track.name: track.instruments for track in tracks} == {
        "piece-0": ("flute",),
        **{f"piece-{number}": DUO for number in (1, 2, 3)},
    }


def test_a_folder_that_is_no_piece_is_reported_and_an_unreadable_format_refused(stems):
    (stems / "piece-0" / "flute.wav").rename(stems / "piece-0" / "track 3.wav")
    with pytest.warns(UserWarning, match="piece-0: left out; a piece has"):
        assert len(own_tracks(stems, DUO, RATE, 4.0)) == 3
    (stems / "piece-1" / "violin.mp4").write_bytes(b"")
    with pytest.raises(AudioError, match=r"piece-1/violin\.mp4: .* export it as WAV"):
        own_tracks(stems, DUO, RATE, 4.0)


def test_a_single_instrument_is_refused(tmp_path, stems):
    with pytest.warns(UserWarning), pytest.raises(AudioError, match="only the flute is left"):
        own_tracks(stems, ("flute",), RATE, 4.0)


def test_the_end_of_a_single_piece_is_held_out(tmp_path):
    write_piece(tmp_path / "one", 0, seconds=20.0)
    (track,) = own_tracks(tmp_path, DUO, RATE, 4.0)
    (training,), (measured,) = hold_out([track], 4.0)
    assert measured.name == "the end of one"
    whole = np.concatenate([training.mixture, measured.mixture], axis=1)
    np.testing.assert_array_equal(whole, track.mixture)


def test_a_model_without_instruments_cannot_be_fine_tuned(stems, start, monkeypatch):
    card = load_model(start).card | {"sources": ["melody", "bass"]}
    with pytest.raises(RecipeError, match="cannot be fine-tuned"):
        finetune.finetuning_recipe(card, "mine", "tones", [], 2)


def test_only_active_sources_are_estimated(stems):
    size = {
        "window": 1024,
        "hop": 256,
        "highest": 3500.0,
        "width": 8,
        "pitch_channels": 4,
        "hidden": 32,
    }
    model = MaskNet(MaskNetConfig((*DUO, "harp"), RATE, **size, conditioned=True)).eval()
    track = own_tracks(stems, DUO, RATE, 4.0)[0]
    assert set(model_separator(model)(track)) == {*DUO, "harp"}
    assert set(model_separator(model, conditioned=True)(track)) == set(DUO)
