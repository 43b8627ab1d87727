"""Detection by what a model hears over time: who, how many, when, and nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.audio.levels import Level
from helpers.audio.recordings import Recording, examine
from helpers.audio.wav import save
from helpers.inference.activity import Activity, joined_spans
from helpers.inference.detection import (
    Curves,
    Detection,
    Thresholds,
    detect,
    detect_instruments,
    following,
    present,
    sustained,
    thresholds,
)
from helpers.inference.hearing import Windows
from helpers.inference.players import conditioned_on
from helpers.inference.remarks import remarks_on
from helpers.inference.stem_files import separate_recording
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.training.conditioning import condition_on
from tests.inference.bands import RATE, BandConfig, BandModel, tone

RECORDING = Recording(Path("a.wav"), False, RATE, 1, RATE, True, Level(), ())
#: 2.8 kHz, in the band of no source.
UNKNOWN = 0.1 * np.sin(2 * np.pi * 2800 / RATE * np.arange(6 * RATE, dtype=np.float32))[None]


@pytest.fixture(scope="module")
def model():
    return BandModel()


def found(model, sound, **options):
    return detect(model, [sound], RATE, len(sound), **options)


def test_a_soft_player_who_plays_seldom_is_found_with_its_times(model):
    sound = tone("violin", 60.0) + tone("cello", 60.0, 20.0, 23.0, level=0.005)  # -26 dB, 3 s
    heard = found(model, sound)
    assert heard.sources == ("violin", "cello")
    ((start, end),) = heard.curves.spans("cello")
    assert start == pytest.approx(20.0, abs=0.6) and end == pytest.approx(23.0, abs=0.6)
    assert heard.curves.share("cello") == pytest.approx(3 / 60, abs=0.02)
    assert heard.curves.spans("violin") == [(0.0, pytest.approx(60.0, abs=0.1))]
    assert heard.doubtful == () and heard.confidence["viola"] < 0.1


def test_a_second_violin_is_found_only_where_there_is_one(model):
    duo = tone("violin", 8.0) + tone("violin-2", 8.0)
    assert found(model, duo).sources == ("violin", "violin-2")
    assert found(model, tone("violin", 8.0) + tone("viola", 8.0)).sources == ("violin", "viola")
    assert found(model, tone("violin-2", 8.0) + tone("viola", 8.0)).sources == ("violin", "viola")


def test_one_instrument_alone_gives_that_instrument(model):
    assert detect_instruments(model, [tone("cello", 6.0)], RATE, 1) == ("cello",)


def test_nothing_that_is_known_gives_other(model):
    silence = np.zeros((1, 4 * RATE), np.float32)
    assert found(model, silence).sources == ("other",) and found(model, silence).present == ()


def test_channels_rates_and_blocks_do_not_matter(model):
    sound, steps = tone("violin", 20.0) + tone("cello", 20.0, 0.0, 9.0), []
    stereo = np.concatenate([sound, 0.5 * sound])
    whole, parts = found(model, sound), found(model, stereo, progress=steps.append)
    blocks = detect(model, np.array_split(sound, 7, axis=1), RATE, 1)
    assert whole.sources == parts.sources == ("violin", "cello")
    for name in whole.curves.values:
        np.testing.assert_array_equal(whole.curves.values[name], blocks.curves.values[name])
        np.testing.assert_allclose(whole.curves.values[name], parts.curves.values[name], atol=1e-6)
    assert sum(steps) == pytest.approx(20.0, abs=0.01)
    assert len(whole.curves.values["violin"]) == 40 and whole.curves.whole == pytest.approx(20.0)


@pytest.mark.parametrize(
    "gains",
    [((1, 1), (0, 0)), ((0, 0), (1, 1)), ((1, 0), (0, 1)), ((1, 1), (-1, -1))],
    ids=["dead right", "dead left", "hard panned", "inverted"],
)
def test_however_players_stand_in_stereo_they_are_as_sure_as_in_mono(gains, model):
    players = np.concatenate([tone("violin", 8.0), tone("cello", 8.0)])
    stereo = np.array(gains, np.float32) @ players
    mono = found(model, players.sum(axis=0, keepdims=True))
    assert found(model, stereo).sources == ("violin", "cello")
    assert found(model, stereo).confidence == mono.confidence


def test_a_conditioned_model_detects_among_its_sources(model):
    sound = tone("violin", 6.0) + tone("cello", 6.0)
    few = condition_on(model, ["cello", "piano", "other"])
    assert found(few, sound).sources == ("cello",)


def test_what_a_curve_sustains_is_reached_in_a_share_of_the_time_and_not_by_a_blip():
    curve = np.array([0.9] * 5 + [0.1] * 195)
    assert sustained(curve, 0.5) == pytest.approx(0.1 + 2 / 3 * 0.8)  # 2 % of 200 are 4 windows
    assert sustained(curve[4:], 0.5) == pytest.approx(0.1)  # one window of 0.5 s
    assert sustained(curve[:2], 0.5) == pytest.approx(0.9)  # shorter than 1.5 s


@pytest.mark.parametrize("times", [2, 3, 10])
@pytest.mark.parametrize("windows", [7, 20, 50, 51, 120, 999])
def test_what_a_curve_sustains_does_not_depend_on_its_length(windows, times):
    curve = np.random.default_rng(windows).beta(0.5, 3.0, windows)
    assert sustained(np.tile(curve, times), 0.5) == pytest.approx(sustained(curve, 0.5))


def test_a_recording_joined_with_itself_has_the_same_players(model):
    once = tone("violin", 9.0) + tone("violin-2", 9.0, 3.0, 7.0) + tone("cello", 9.0, 5.0, 5.4)
    players = found(model, once)
    for times in (2, 5, 20):
        joined = found(model, np.tile(once, times))
        assert joined.sources == players.sources == ("violin", "violin-2")
        assert joined.doubtful == players.doubtful


def test_the_second_player_has_a_threshold_of_its_own():
    limits = Thresholds(detected=0.5, second=0.8, doubtful=0.9, other_db=-20.0)
    heard = {"violin": 0.9, "violin-2": 0.7, "horn": 0.4, "other": 1.0}
    assert present(heard, tuple(heard), limits) == ("violin",)
    for first, second in ((0.9, 0.8), (0.8, 0.9)):
        both = heard | {"violin": first, "violin-2": second}
        assert present(both, tuple(heard), limits) == ("violin", "violin-2")


def test_low_confidence_is_doubt():
    low = thresholds().doubtful - 0.01
    assert Detection(("violin", "cello"), heard={"violin": 1.0, "cello": low}).doubtful == (
        "cello",
    )


def test_windows_are_means_of_half_a_second_in_blocks_of_any_size():
    values, windows = np.arange(25.0)[None], Windows(1, rate=20.0)
    for block in np.split(values, [3, 4, 17], axis=1):
        windows.update(block)
    np.testing.assert_allclose(windows.means(), [[4.5, 14.5, 22.0]])
    assert windows.seconds == 0.5 and windows.whole == 1.25


def test_spans_bridge_short_rests_and_end_with_the_recording():
    plays = [True, True, False, True, False, False, False, True]
    assert joined_spans(plays, 0.4, 3.0) == [(0.0, 1.6), (pytest.approx(2.8), 3.0)]


@pytest.mark.parametrize(
    ("sound", "sentence"),
    [
        (tone("cello", 6.0), "cello is the only instrument that was found"),
        (UNKNOWN, "no instrument that this model knows was found"),
    ],
)
def test_a_recording_outside_of_what_is_known_is_reported(sound, sentence, model, tmp_path):
    save(tmp_path / "a.wav", sound, RATE, "FLOAT")
    done = separate_recording(examine(tmp_path / "a.wav"), model, tmp_path)
    assert sentence in " ".join(done.remarks)


NAMES = ("violin", "violin-2", "viola", "cello", "flute", "oboe", "horn", "tuba")
LOUD, SOFT = Level(), Level()
LOUD.update(np.ones((1, 10)))
SOFT.update(np.full((1, 10), 0.3))


def remarks(detected, other: float) -> str:
    """On detected players, and `other`, which is heard in this share of the time."""
    values = {name: np.ones(10) for name in detected} | {"other": np.arange(10) < 10 * other}
    heard = {name: 0.95 for name in detected} | {"other": 0.95}
    detection = Detection(tuple(detected), {}, heard, Curves(0.5, 5.0, values))
    recording = replace(RECORDING, level=LOUD)
    return " ".join(remarks_on(recording, detection, dict.fromkeys(heard, SOFT), []))


def test_more_players_than_in_any_ensemble_are_reported():
    assert "8 players were found, more than the 7 of an ensemble" in remarks(NAMES, 0.0)
    assert remarks(NAMES[:7], 0.0) == ""


def test_something_else_that_is_soft_but_always_there_is_reported():
    sentence = "something in 80% of it is none of violin, violin-2, perhaps a voice, drums"
    assert sentence in remarks(NAMES[:2], 0.8) and remarks(NAMES[:2], 0.4) == ""


def test_silence_is_separated_into_silence(model, tmp_path):
    save(tmp_path / "a.wav", np.zeros((1, 4 * RATE), np.float32), RATE, "FLOAT")
    (tmp_path / "stems").mkdir()
    for instruments in (None, "violin,violin,cello"):
        done = separate_recording(
            examine(tmp_path / "a.wav"), model, tmp_path / "stems", instruments
        )
        assert done.remarks == () and all(not level.peak for level in done.levels.values())


@pytest.mark.parametrize("flips", [False, True], ids=["in order", "exchanged between segments"])
@pytest.mark.parametrize(
    ("low", "high"),
    [((0.0, 10.0), (4.0, 10.0)), ((4.0, 10.0), (0.0, 10.0)), ((0.0, 7.0), (5.0, 10.0))],
)
def test_the_report_has_who_plays_when(low, high, flips, model, tmp_path):
    """The stem `violin-1` is the higher tone, which the model calls `violin-2`."""
    sound = tone("violin", 10.0, *low) + tone("violin-2", 10.0, *high)
    save(tmp_path / "a.wav", sound, RATE, "FLOAT")
    model = BandModel(BandConfig(flips=flips))
    done = separate_recording(examine(tmp_path / "a.wav"), model, tmp_path)
    entry = json.loads(json.dumps(done.report("bands")))
    assert entry["detected"] == ["violin-1", "violin-2"]
    for name, (start, end) in {"violin-1": high, "violin-2": low}.items():
        said = entry["detection"][name]
        assert said["confidence"] == 0.95
        assert said["share_of_time"] == pytest.approx((end - start) / 10, abs=0.1)
        assert said["spans"] == [[pytest.approx(start, abs=0.6), pytest.approx(end, abs=0.6)]]
        assert done.spans()[name] == [(pytest.approx(start, abs=0.2), pytest.approx(end, abs=0.2))]


def test_doubt_is_about_the_player_who_plays_less():
    """The model calls the one who plays always `violin`; its stem is `violin-2`."""
    heard = {"violin": 0.95, "violin-2": 0.6}
    values = {"violin": np.full(6, 0.9), "violin-2": np.repeat([0.1, 0.9], 3)}
    detection = Detection(("violin", "violin-2"), heard=heard, curves=Curves(0.5, 3.0, values))
    stems = {"violin-1": tone("violin-2", 3.0, 1.5), "violin-2": 0.5 * tone("violin", 3.0)}
    activity = {name: Activity(RATE) for name in stems}
    for name, stem in stems.items():
        activity[name].update(stem)
    ordered = following(detection, activity)
    assert ordered.heard == {"violin": 0.6, "violin-2": 0.95}
    assert ordered.doubtful == ("violin",) and ordered.present == ("violin", "violin-2")
    np.testing.assert_array_equal(ordered.curves.values["violin"], values["violin-2"])


def test_a_mask_network_with_activity_detects_by_it():
    """Whatever the sound, the violins are likely and the cello is not."""
    sizes = {"sample_rate": RATE, "window": 512, "hop": 128, "highest": 3000.0, "activity": True}
    small = {"width": 4, "pitch_channels": 2, "hidden": 8, "layers": 1, "segment_seconds": 2.0}
    sources = ("violin", "violin-2", "cello", "other")
    model = MaskNet(MaskNetConfig(sources, conditioned=True, **sizes, **small)).eval()
    with torch.no_grad():
        model.sounding.weight.zero_()
        model.sounding.bias.copy_(torch.tensor([0.9, 0.8, 0.2, 0.9]).logit())
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 7 * RATE)).astype(np.float32)
    heard = detect(model, [noise], RATE, 2)
    assert heard.sources == ("violin", "violin-2")
    assert heard.confidence["cello"] == pytest.approx(0.2)
    assert heard.curves.whole == pytest.approx(7.0, abs=0.02)
    conditioned = conditioned_on(model, heard.sources)
    assert conditioned.sources == ("violin", "violin-2", "other")
    assert detect_instruments(conditioned, [noise], RATE, 2) == ("violin", "violin-2")


def test_the_player_says_how_much_each_detected_stem_plays(model, tmp_path):
    sound = tone("violin", 10.0) + tone("cello", 10.0, 5.0)
    save(tmp_path / "a.wav", sound, RATE, "FLOAT")
    said = separate_recording(examine(tmp_path / "a.wav"), model, tmp_path).heard()
    assert said["violin"] == "plays 100% of the time, 95% sure"
    assert set(said) == {"violin", "cello"} and "50% of the time" in said["cello"]
