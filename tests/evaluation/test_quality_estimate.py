"""Estimates of the quality of stems: prediction, words, windows of a recording."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from helpers.audio.formats import SoundFormat
from helpers.audio.recordings import examine
from helpers.audio.wav import save
from helpers.evaluation.quality_estimate import (
    FILE,
    LEAST,
    MOST,
    Estimate,
    Predictor,
    cut,
    described,
    details,
    estimate_quality,
    measured_window,
    places,
    predictor_of,
    predictors,
    reported,
    seconds_separated,
)
from helpers.inference.score_following import ScoreFollower
from helpers.inference.stem_files import separate_recording
from helpers.music.scores import Note, Part, Score
from helpers.runtime import data_root
from helpers.training.conditioning import condition_on
from tests.inference import bands

RATE = 8000
LINE = Predictor(("certainty", "remix"), (5.0, 0.0), (2.0, 10.0), (3.0, 1.0), 4.0, -2.0, 3.0)


class Bands(nn.Module):
    """Below 700 Hz is the cello, above it the flute; or of everything the same share of both."""

    sources, sample_rate, channels, segment_seconds = ("cello", "flute"), RATE, 1, 30.0

    def __init__(self, right: bool = True):
        super().__init__()
        self.right = right

    def forward(self, mixture):
        if not self.right:
            return torch.stack([0.5 * mixture, 0.5 * mixture], dim=1)
        spectrum = torch.fft.rfft(mixture)
        low = torch.fft.rfftfreq(mixture.shape[-1], 1 / RATE) < 700
        parts = [torch.fft.irfft(spectrum * keep, mixture.shape[-1]) for keep in (low, ~low)]
        return torch.stack(parts, dim=1)


@pytest.fixture
def duo(tmp_path) -> Path:
    """25 s of two melodies, one below and one above 700 Hz."""
    rng = np.random.default_rng(0)
    sound = np.zeros(25 * RATE)
    for low, high in ((150, 320), (900, 1800)):
        for start in range(0, len(sound), RATE // 2):
            time = np.arange(RATE // 2) / RATE
            tone = np.sin(2 * np.pi * rng.uniform(low, high) * time) * np.hanning(len(time))
            sound[start : start + len(time)] += 0.2 * tone
    soundfile.write(tmp_path / "duo.wav", sound, RATE)
    return tmp_path / "duo.wav"


def test_a_prediction_is_linear_in_the_measures_and_limited():
    measured = {"certainty": np.array([7.0, 5.0, 90.0]), "remix": np.array([0.0, 10.0, 0.0])}
    assert LINE.values(measured).tolist() == [7.0, 5.0, 10.0]  # 90 counts as two deviations
    steep = replace(LINE, weights=(30.0, 1.0))
    assert steep.values(measured).tolist() == [MOST, 5.0, MOST]


def test_a_missing_measure_counts_as_its_mean():
    measured = {"certainty": np.array([np.nan]), "remix": np.array([10.0])}
    assert LINE.values(measured).tolist() == [5.0]


def test_a_stem_has_the_mean_of_its_windows_and_the_interval_of_one():
    assert LINE.estimate([2.0, 6.0]) == Estimate(4.0, 2.0, 7.0)
    assert LINE.estimate([LEAST]) == Estimate(LEAST, LEAST, -7.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [(9.0, "likely good"), (5.0, "likely fair"), (1.0, "likely poor"), (-3.0, "do not trust")],
)
def test_words_follow_from_the_value(value, words):
    estimate = Estimate(value, value - 2.0, value + 2.0)
    assert estimate.words == words
    assert estimate.sentence() == f"{words}: {value:.0f} dB ({value - 2:.0f} to {value + 2:.0f})"


def test_the_report_holds_decibels_with_one_digit_and_gives_them_back():
    report = {"estimated_si_sdr": described({"cello": Estimate(6.123, 3.04, 8.26)})}
    assert report == {"estimated_si_sdr": {"cello": {"value": 6.1, "low": 3.0, "high": 8.3}}}
    again = reported(json.loads(json.dumps(report)))
    assert details(again, ["cello", "flute", "other"]) == {
        "cello": "likely fair: 6 dB (3 to 8)", "flute": "does not sound in the windows heard",
    }  # fmt: skip
    assert details(reported({}), ["cello"]) == {}


def test_words_and_number_agree_after_rounding():
    assert Estimate(7.6, 3.7, 8.1).sentence() == "likely good: 8 dB (4 to 8)"
    assert Estimate(-0.3, -0.4, 2.0).sentence() == "likely poor: 0 dB (0 to 2)"
    assert Estimate(-0.6, -3.0, 2.0).words == "do not trust"


def test_shipped_coefficients_fit_the_measures():
    table = json.loads(FILE.read_text())
    assert set(table["predictors"]) == {"recording", "score"}
    for name, each in table["predictors"].items():
        predictor = predictor_of(each)
        assert ("score fit" in predictor.names) == (name == "score")
        sizes = {len(getattr(predictor, f)) for f in ("names", "means", "scales", "weights")}
        assert len(sizes) == 1
        assert predictor.low < 0 < predictor.high


def test_windows_lie_in_equal_distances_and_hold_the_samples_of_the_recording(duo):
    recording = examine(duo)
    whole = np.concatenate(list(recording.blocks()), axis=1)
    found = list(cut(recording.blocks(), *places(recording, 2)))
    assert [first / RATE for first, _ in found] == [5.0, 15.0]
    for first, window in found:
        assert np.array_equal(window, whole[:, first : first + 5 * RATE])


@pytest.mark.parametrize(
    ("seconds", "windows", "separated"),
    [(0.5, 3, 0), (3.0, 3, 12), (19.0, 3, 20), (20.0, 3, 40), (600.0, 3, 60), (600.0, 0, 0)],
)
def test_the_audio_that_is_separated_is_known_before(seconds, windows, separated):
    assert seconds_separated(seconds, windows) == separated


def test_a_short_recording_is_one_window_and_silence_is_none(tmp_path):
    tone = np.sin(np.arange(2 * RATE) / 5)
    soundfile.write(tmp_path / "short.wav", tone, RATE)
    short = examine(tmp_path / "short.wav")
    ((first, window),) = cut(short.blocks(), *places(short, 3))
    assert first == 0 and window.shape == (1, 2 * RATE)
    soundfile.write(tmp_path / "click.wav", tone[:100], RATE)
    click = examine(tmp_path / "click.wav")
    assert list(cut(click.blocks(), *places(click, 3))) == []


@pytest.mark.parametrize("form", [SoundFormat("wav", "FLOAT"), SoundFormat("flac", "PCM_16")])
def test_windows_have_the_players_of_the_files_and_agree_whoever_comes_first(form, tmp_path):
    """The lower violin plays at 7 s only, and the model exchanges the two at every call."""
    low = bands.tone("violin", 30.0, 5.0, 10.0)
    sound = low + bands.tone("violin-2", 30.0) + bands.tone("cello", 30.0)
    save(tmp_path / "trio.wav", sound, bands.RATE, "FLOAT")
    model = bands.BandModel(bands.BandConfig(flips=True, segment_seconds=6.0))
    done = separate_recording(
        examine(tmp_path / "trio.wav"), model, tmp_path, "violin,violin,cello", form=form
    )
    found = estimate_quality(done, 3)
    assert done.sources == ("violin-1", "violin-2", "cello")
    assert found["violin-1"].value > 10 and found["cello"].value > 10
    window = sound[:, 5 * bands.RATE : 10 * bands.RATE]
    measured = measured_window(done.model, window, bands.RATE)
    assert (measured["remix"] > 15).all() and (measured["shift"] > 15).all()


@pytest.mark.parametrize("calls", [0, 1])  # whichever order the model begins with
def test_a_window_keeps_the_order_of_what_was_written(calls):
    low, high = bands.tone("violin", 5.0, level=0.02), bands.tone("violin-2", 5.0)
    model = condition_on(bands.BandModel(bands.BandConfig(flips=True)), ["violin", "violin-2"])
    for stems, louder in (({0: high, 1: low}, 0), ({0: low, 1: high}, 1)):
        model.segments = calls
        levels = measured_window(model, low + high, bands.RATE, stems=stems)["level"]
        assert int(np.argmax(levels[:2])) == louder


def test_good_stems_are_expected_to_be_better_than_bad_ones(duo, tmp_path):
    estimates = {}
    for right in (True, False):
        folder = tmp_path / str(right)
        folder.mkdir()
        estimates[right] = estimate_quality(
            separate_recording(examine(duo), Bands(right), folder), 2
        )
    assert list(estimates[True]) == ["cello", "flute"]
    for name in ("cello", "flute"):
        good, bad = estimates[True][name], estimates[False][name]
        assert good.value > 10 > bad.value + 4  # a model that agrees with itself fools it in part
        assert bad.low < bad.value < bad.high


def test_only_the_written_stems_are_estimated_and_none_of_silence(duo, tmp_path):
    done = separate_recording(examine(duo), Bands(), tmp_path, "cello")
    assert list(estimate_quality(done, 1)) == ["cello"]
    assert estimate_quality(done, 0) == {}
    soundfile.write(tmp_path / "silence.wav", np.zeros(6 * RATE), RATE)
    done = separate_recording(examine(tmp_path / "silence.wav"), Bands(), tmp_path)
    assert estimate_quality(done, 1) == {}


class Cello(Bands):
    """Gives everything to the cello."""

    def forward(self, mixture):
        return torch.stack([mixture, 0 * mixture], dim=1)


def test_a_stem_that_does_not_sound_has_no_estimate(duo, tmp_path):
    done = separate_recording(examine(duo), Cello(), tmp_path)
    assert list(estimate_quality(done, 1)) == ["cello"]


class NoteGate(nn.Module):
    """Gives each part the mixture while it has a note, as a network that takes a score would."""

    takes_score, sources = True, ("cello", "flute")
    sample_rate, channels, segment_seconds = RATE, 1, 30.0
    config = card = None

    def forward(self, mixture, notes, players):
        time = torch.arange(mixture.shape[-1]) / RATE
        on = (notes[..., 0, None] <= time) & (time < notes[..., 1, None])
        parts = on.any(2)[:, :, None].float() * mixture[:, None]
        return torch.cat([parts, torch.zeros_like(parts[:, :1])], dim=1)  # nothing is left


def test_a_model_that_follows_a_score_is_told_how_its_mixture_was_changed():
    # The players take turns, so that the notes alone separate them: only if they move along.
    parts = [
        Part("cello", (Note(10.1, 1.0, 57.0),)),
        Part("flute", (Note(11.3, 1.0, 81.0),)),
    ]
    follower = ScoreFollower(NoteGate(), Score("", tuple(parts)))
    time = np.arange(5 * RATE) / RATE
    mixture = np.sin(2 * np.pi * np.outer([220.0, 1500.0], time)).sum(0, keepdims=True).astype("f4")
    found = measured_window(follower, mixture, RATE, start=10.0)
    for name in ("remix", "shift", "semitone"):
        assert (found[name][:2] > 15).all(), name  # the third is `other`


@pytest.mark.real_audio
def test_shipped_coefficients_order_the_stems_of_real_quartets():
    from scipy.stats import spearmanr

    from helpers.datasets.stem_folders import find_tracks
    from helpers.evaluation.metrics import si_sdr
    from helpers.inference.separation import separate
    from helpers.training.checkpoints import load_model
    from helpers.training.conditioning import condition_on

    expected, true = [], []
    for folder in find_tracks(data_root() / "bach10_excerpts"):
        track = folder.load()
        model = condition_on(load_model("chamber"), track.instruments)
        window = track.mixture[:, : 5 * track.sample_rate]
        stems = separate(model, window, track.sample_rate)
        expected += (
            predictors()["recording"]
            .values(measured_window(model, window, track.sample_rate))
            .tolist()
        )
        for name, stem in zip(model.sources, stems, strict=True):
            true.append(float(si_sdr(stem[0], track.stems[name][0, : window.shape[1]])))
    assert spearmanr(expected, true)[0] > 0.6
    assert np.abs(np.subtract(expected, true)).mean() < 3.0
