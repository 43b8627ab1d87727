"""A model is fitted to recordings without stems, where the expected quality rises."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from helpers.audio.recordings import examine
from helpers.audio.track import AudioError
from helpers.cli import main
from helpers.evaluation.metrics import si_sdr
from helpers.evaluation.no_reference import by_score
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.music.midi import write_midi
from helpers.music.scores import Note, Part, Score
from helpers.recipes import adapt
from helpers.recipes.entries import RecipeError
from helpers.synthesis.tones import Timbre, Tones
from helpers.training.checkpoints import load_model, save_model

DUO = ("flute", "cello")
RATE = 8000
TIMBRES = {"flute": Timbre((1.0, 0.5, 0.3, 0.2)), "cello": Timbre((1.0, 0.8, 0.6, 0.5, 0.4))}


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A checkpoint of an untrained network that is conditioned on its sources."""
    monkeypatch.setenv("DIVISI_CACHE", str(tmp_path / "cache"))
    config = MaskNetConfig(
        (*DUO, "oboe"), RATE, window=1024, hop=256, highest=3500.0, resolution=12, width=8,
        pitch_channels=4, hidden=32, layers=1, conditioned=True,
    )  # fmt: skip
    torch.manual_seed(3)
    return str(save_model(MaskNet(config), tmp_path, "start", {})[0])


@pytest.fixture
def duo(tmp_path):
    """The file of a duo of 22 s, and its score."""
    rng, scale = np.random.default_rng(2), (0, 2, 4, 5, 7, 9, 11, 12)
    lines = {"flute": 72, "cello": 48}
    notes = {
        n: [float(low + scale[k]) for k in rng.integers(8, size=44)] for n, low in lines.items()
    }
    parts = [
        Part(name, tuple(Note(0.5 * k, 0.45, pitch) for k, pitch in enumerate(pitches)))
        for name, pitches in notes.items()
    ]
    score = Score("duo", tuple(parts))
    stems = [Tones(TIMBRES[part.instrument]).render(part, RATE)[0] for part in score.parts]
    sound = np.zeros(22 * RATE)
    for stem in stems:
        sound[: len(stem)] += 0.3 * stem[: len(sound)]
    soundfile.write(tmp_path / "duo.wav", sound, RATE, subtype="FLOAT")
    return tmp_path / "duo.wav", score


def test_the_best_student_is_written_with_its_card(duo, start, tmp_path, monkeypatch):
    monkeypatch.setattr(adapt, "MARGIN", -99.0)
    recording = examine(duo[0])
    done = adapt.adapt(
        [recording], start, instruments=DUO, steps=4, folder=tmp_path / "run", progress=False
    )
    assert done.sources == DUO and done.after >= done.before
    card = json.loads(done.weights.with_suffix(".json").read_text())
    assert card["learned_from"] == ["own recordings"]
    assert card["provenance"]["recordings"] == ["duo.wav"]
    assert card["provenance"]["start_sha256"] == load_model(start).card["sha256"]
    assert card["sources"] == [*DUO, "oboe"]  # of the first model, also those that do not play


def test_a_model_of_players_learns_whatever_their_order_and_with_other(duo, tmp_path, monkeypatch):
    monkeypatch.setattr(adapt, "MARGIN", -99.0)
    config = MaskNetConfig(
        ("flute", "flute-2", "cello", "other"), RATE, window=1024, hop=256, highest=3500.0,
        resolution=12, width=8, pitch_channels=4, hidden=32, layers=1, conditioned=True,
    )  # fmt: skip
    torch.manual_seed(3)
    start = MaskNet(config)
    weights = str(save_model(start, tmp_path, "start", {})[0])
    done = adapt.adapt(
        [examine(duo[0])], weights, instruments="flute,flute,cello", steps=2,
        folder=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert done.sources == ("flute", "flute-2", "cello") and done.weights.exists()
    stems = torch.randn(2, 4, 1, 4 * RATE)
    stems[:, 3] = 0.0
    exchanged = stems[:, [1, 0, 2, 3]]
    loss = adapt.objective(start)
    torch.manual_seed(0)
    value = loss(start, stems.sum(1), stems)
    torch.manual_seed(0)
    assert loss(start, stems.sum(1), exchanged).item() == pytest.approx(value.item(), abs=1e-5)


def test_a_stopped_run_is_resumed_with_the_same_result(duo, start, tmp_path, monkeypatch):
    monkeypatch.setattr(adapt, "MARGIN", -99.0)
    words = {"instruments": DUO, "steps": 6, "learning_rate": 1e-3, "progress": False}
    recording = examine(duo[0])
    whole = adapt.adapt([recording], start, folder=tmp_path / "whole", **words)
    fit = adapt.fit

    def stopped(*arguments, config, **others):
        """One step, and then as after Ctrl-C."""
        history = fit(*arguments, config=replace(config, steps=1), **others)
        return replace(history, finished=False)

    monkeypatch.setattr(adapt, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        adapt.adapt([recording], start, folder=tmp_path / "parts", **words)
    monkeypatch.setattr(adapt, "fit", fit)
    resumed = adapt.adapt([recording], start, folder=tmp_path / "parts", **words)
    assert resumed.before == whole.before
    assert resumed.weights.exists()
    with pytest.raises(RecipeError, match="was begun with other recordings"):
        adapt.adapt([recording], start, folder=tmp_path / "parts", **{**words, "seed": 1})


def test_where_it_would_not_help_nothing_is_written(duo, start, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(adapt, "MARGIN", 99.0)
    words = ["adapt", str(duo[0]), "--model", start, "--instruments", "flute,cello"]
    assert main([*words, "--steps", "2", "-o", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    assert "It would not help: nothing is written, keep" in printed
    assert not list((tmp_path / "run").glob("*.safetensors"))


def test_the_command_aligns_a_score_and_writes_the_model(duo, start, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(adapt, "MARGIN", -99.0)
    write_midi(duo[1], tmp_path / "duo.mid")
    words = ["adapt", str(duo[0]), "--model", start, "--score", str(tmp_path / "duo.mid")]
    words += ["--instruments", "flute,cello", "--name", "ours", "--steps", "2"]
    assert main([*words, "-o", str(tmp_path / "run")]) == 0
    assert f"{tmp_path / 'run' / 'ours.safetensors'}: adapted" in capsys.readouterr().out
    card = json.loads((tmp_path / "run" / "ours.json").read_text())
    assert "--score" in card["provenance"]["command"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--name", "a/b"], "is not a name for a file"),
        (["--steps", "1"], "--steps 1: it must be 2 or more"),
        (["--learning-rate", "2"], "must be between 0 and 1"),
        (["--instruments", "theremin"], "theremin"),
        (["--score", "no.mid"], "no.mid: there is no such file"),
    ],
)
def test_a_bad_request_is_one_sentence(duo, start, capsys, change, sentence):
    assert main(["adapt", str(duo[0]), "--model", start, *change]) == 2
    message = capsys.readouterr().err
    assert sentence in message and message.count("\n") == 1


def test_recordings_that_are_too_short_are_refused(tmp_path, start):
    soundfile.write(tmp_path / "short.wav", np.sin(np.arange(5 * RATE) / 9), RATE)
    with pytest.raises(AudioError, match="less than 8 s"):
        adapt.adapt([examine(tmp_path / "short.wav")], start, folder=tmp_path / "run")


def test_a_score_for_other_instruments_is_refused():
    score = Score("", (Part("flute", ()), Part("horn", ())))
    with pytest.raises(RecipeError, match="parts for flute, horn, and the instruments are"):
        adapt.ordered(score, DUO)


def test_silencing_a_bad_stem_does_not_raise_the_expected_quality():
    def window(*levels):
        return {"level": np.array(levels)}, np.array([8.0, 0.0])

    counted = [np.array([True, True]), np.array([True, False])]
    before = adapt.mean_expected([window(-3.0, -9.0), window(-1.0, -40.0)], counted)
    after = adapt.mean_expected([window(-3.0, -40.0), window(-1.0, -9.0)], counted)
    assert before == pytest.approx((8 + 0 + 8) / 3)
    assert after == pytest.approx((8 - 10 + 8) / 3)


def test_the_halves_of_a_score_keep_what_sounds_in_them():
    score = Score("", (Part("flute", (Note(1.0, 1.0, 60.0), Note(3.5, 1.0, 62.0))),))
    half = adapt.Half(np.zeros((1, 8 * RATE), np.float32), score).part(4 * RATE, 8 * RATE, RATE)
    assert [(note.onset, note.pitch) for note in half.score.parts[0].notes] == [(-0.5, 62.0)]


def test_a_score_moves_what_lies_on_the_wrong_stem():
    time = np.arange(3 * RATE) / RATE
    low, high = (np.sin(2 * np.pi * f * time).astype("f4")[None] for f in (220.0, 932.33))
    mixed = np.stack([low + 0.5 * high, 0.5 * high])  # half of the flute is in the cello's stem
    score = Score("", (Part("cello", (Note(0, 3, 57),)), Part("flute", (Note(0, 3, 82),))))
    mended = by_score(mixed, RATE, score)
    assert mended.sum(0) == pytest.approx(mixed.sum(0), abs=1e-3)
    assert si_sdr(mended[0, 0], low[0]) > 18 > 8 > si_sdr(mixed[0, 0], low[0])
    assert si_sdr(mended[1, 0], high[0]) > 30
