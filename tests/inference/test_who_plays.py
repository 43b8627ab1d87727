"""Detection with known answers: who, how many, when, and nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.detection_pieces import development_pieces
from helpers.audio.levels import Flatness, Level
from helpers.audio.recordings import Recording, examine
from helpers.audio.wav import save
from helpers.augmentation.ambience import Ambience
from helpers.datasets.stem_folders import find_tracks
from helpers.inference.activity import Activity
from helpers.inference.detection import (
    Curves,
    Detection,
    detect,
    detect_instruments,
    detected,
    following,
)
from helpers.inference.remarks import NOISY, remarks_on
from helpers.inference.stem_files import separate_recording
from helpers.runtime import data_root
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


def test_a_second_violin_is_found_only_where_there_is_one(model):
    duo = tone("violin", 8.0) + tone("violin-2", 8.0)
    assert found(model, duo).sources == ("violin", "violin-2")
    assert found(model, tone("violin", 8.0) + tone("viola", 8.0)).sources == ("violin", "viola")
    assert found(model, tone("violin-2", 8.0) + tone("viola", 8.0)).sources == ("violin", "viola")


def test_one_violin_whose_stem_changes_between_two_players_is_one():
    alone = tone("violin", 8.0) + tone("cello", 8.0)
    assert found(BandModel(BandConfig(flips=True)), alone).sources == ("violin", "cello")


def test_who_plays_in_a_part_of_a_long_recording_is_found_with_its_times(model):
    sound = tone("violin", 120.0) + tone("cello", 120.0, 40.0, 60.0, level=0.05)
    heard = found(model, sound)
    assert heard.sources == ("violin", "cello")  # -14 dB in all, -7 dB where it plays
    ((start, end),) = heard.curves.spans("cello")
    assert start == pytest.approx(40.0, abs=0.6) and end == pytest.approx(60.0, abs=0.6)
    assert heard.curves.share("cello") == pytest.approx(20 / 120, abs=0.01)
    assert heard.curves.spans("violin") == [(0.0, pytest.approx(120.0, abs=0.1))]
    blip = tone("violin", 120.0) + tone("cello", 120.0, 40.0, 42.0, level=0.05)
    assert found(model, blip).sources == ("violin",)


def test_of_instruments_that_are_all_soft_the_loudest_is_found(model):
    sound = tone("violin", 8.0, level=0.001) + tone("viola", 8.0, level=0.002)
    assert found(model, sound).sources == ("violin", "viola")
    levels = {"violin": -14.0, "viola": -15.0, "other": -30.0}
    assert detected(levels) == ("violin",) and detected(levels, -16.0) == ("violin", "viola")
    assert detected(levels | {"other": -1.0}) == ("other",)


def test_one_instrument_alone_gives_that_instrument(model):
    assert detect_instruments(model, [tone("cello", 6.0)], RATE, 1) == ("cello",)


def test_nothing_that_is_known_gives_other(model):
    silence = np.zeros((1, 4 * RATE), np.float32)
    for sound in (silence, UNKNOWN):
        assert found(model, sound).sources == ("other",) and found(model, sound).present == ()


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
    assert found(model, stereo).confidence == pytest.approx(mono.confidence, abs=0.01)


def test_a_conditioned_model_detects_among_its_sources(model):
    sound = tone("violin", 6.0) + tone("cello", 6.0)
    few = condition_on(model, ["cello", "piano", "other"])
    assert found(few, sound).sources == ("cello",)


def test_a_recording_joined_with_itself_has_the_same_players(model):
    once = tone("violin", 9.0) + tone("violin-2", 9.0, 3.0, 7.0) + tone("cello", 9.0, 5.0, 5.4)
    players = found(model, once)
    for times in (2, 5, 20):
        joined = found(model, np.tile(once, times))
        assert joined.sources == players.sources == ("violin", "violin-2")
        assert joined.doubtful == players.doubtful


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


@pytest.mark.parametrize(("level", "is_reported"), [(-12.0, True), (-60.0, False)])
def test_drums_are_reported(level, is_reported, model, tmp_path):
    sound = tone("cello", 6.0) + tone("violin", 6.0)
    drums = Ambience(0.0, 0.0, 0.0, 0.0, seed=1, steps=4.0).sound(sound.shape[1], RATE)
    sound += np.std(sound) * 10 ** (level / 20) * drums
    save(tmp_path / "a.wav", sound, RATE, "FLOAT")
    done = separate_recording(examine(tmp_path / "a.wav"), model, tmp_path)
    assert ("the spectrum of noise, as drums" in " ".join(done.remarks)) == is_reported


@pytest.mark.real_audio
def test_real_ensembles_are_far_from_noise_and_with_drums_beyond_it():
    root = data_root()
    ensembles = [piece.track() for piece in development_pieces(root)]
    ensembles += [folder.load(channels=1) for folder in find_tracks(root / "bach10_excerpts")]
    for number, track in enumerate(ensembles):
        sound = track.mixture
        drums = Ambience(0.0, 0.0, 0.0, 0.0, seed=number, steps=3.0 + number % 6).sound(
            sound.shape[1], track.sample_rate
        )
        plain, struck = Flatness(track.sample_rate), Flatness(track.sample_rate)
        plain.update(sound)
        struck.update(sound + sound.std() * 10 ** (-12 / 20) * drums)
        assert plain.value < 0.4 * NOISY < NOISY < struck.value, track.name


NAMES = ("violin", "violin-2", "viola", "cello", "flute", "oboe", "horn", "tuba")
LOUD, SOFT, MOST = Level(), Level(), Level()
LOUD.update(np.ones((1, 10)))
SOFT.update(np.full((1, 10), 0.3))
MOST.update(np.full((1, 10), 0.9))


def remarks(detected, other: Level) -> str:
    """On detected players, and on the stem `other`."""
    detection = Detection(tuple(detected), dict.fromkeys((*detected, "other"), -6.0))
    recording = replace(RECORDING, level=LOUD)
    levels = dict.fromkeys(detected, SOFT) | {"other": other}
    return " ".join(remarks_on(recording, detection, levels, []))


def test_more_players_than_in_any_ensemble_are_reported():
    assert "8 players were found, more than the 7 of an ensemble" in remarks(NAMES, SOFT)
    assert remarks(NAMES[:7], SOFT) == ""


def test_something_else_with_most_of_the_energy_is_reported():
    sentence = "81% of its energy is none of violin, violin-2, perhaps a voice, drums"
    assert sentence in remarks(NAMES[:2], MOST)


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
        assert said["confidence"] > 0.3
        assert said["share_of_time"] == pytest.approx((end - start) / 10, abs=0.1)
        assert said["spans"] == [[pytest.approx(start, abs=0.6), pytest.approx(end, abs=0.6)]]
        assert done.spans()[name] == [(pytest.approx(start, abs=0.2), pytest.approx(end, abs=0.2))]


def test_doubt_is_about_the_player_who_plays_less():
    """The model calls the one who plays always `violin`; its stem is `violin-2`."""
    levels = {"violin": -1.0, "violin-2": -11.0}
    values = {"violin": np.full(6, 0.9), "violin-2": np.repeat([0.1, 0.9], 3)}
    detection = Detection(("violin", "violin-2"), levels, Curves(0.5, 3.0, values))
    stems = {"violin-1": tone("violin-2", 3.0, 1.5), "violin-2": 0.5 * tone("violin", 3.0)}
    activity = {name: Activity(RATE) for name in stems}
    for name, stem in stems.items():
        activity[name].update(stem)
    ordered = following(detection, activity)
    assert ordered.levels == {"violin": -11.0, "violin-2": -1.0}
    assert ordered.doubtful == ("violin",) and ordered.present == ("violin", "violin-2")
    np.testing.assert_array_equal(ordered.curves.values["violin"], values["violin-2"])


def test_the_player_says_how_much_each_detected_stem_plays(model, tmp_path):
    sound = tone("violin", 10.0) + tone("cello", 10.0, 5.0)
    save(tmp_path / "a.wav", sound, RATE, "FLOAT")
    said = separate_recording(examine(tmp_path / "a.wav"), model, tmp_path).heard()
    assert said["violin"] == "plays 100% of the time"
    assert set(said) == {"violin", "cello"} and "50% of the time" in said["cello"]
