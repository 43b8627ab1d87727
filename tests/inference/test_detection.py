"""Instrument detection, independent of channels and block sizes."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.audio.track import Track
from helpers.evaluation.evaluate import evaluate, model_separator
from helpers.evaluation.rows import Provenance
from helpers.inference.detection import (
    DOUBT,
    Detection,
    can_detect,
    detect,
    detect_instruments,
)
from helpers.inference.players import chosen_sources
from helpers.training.checkpoints import load_model
from helpers.training.conditioning import condition_on

RATE = 8000


@pytest.fixture(scope="module")
def model(detector):
    return load_model(detector)


@pytest.fixture(scope="module")
def sound():
    return np.random.default_rng(0).normal(0.0, 0.1, (1, 2 * RATE)).astype(np.float32)


def test_stems_far_below_the_recording_are_absent(model, sound):
    assert detect_instruments(model, [sound], RATE, 1) == ("violin", "horn")


def test_detection_is_the_same_in_stereo_and_in_blocks(model, sound):
    stereo, steps = np.concatenate([sound, 0.5 * sound]), []
    blocks = np.array_split(stereo, 7, axis=1)
    found = detect(model, blocks, RATE, 2, progress=steps.append)
    assert found.sources == ("violin", "horn")
    assert sum(steps) == pytest.approx(2.0)


def test_silence_gives_all_that_a_model_without_other_knows(model, sound):
    found = detect(model, [0 * sound], RATE, 1)
    assert found.sources == model.sources and found.present == found.doubtful == ()


def test_a_conditioned_model_detects_one_alone(model, sound):
    few = condition_on(model, ["horn", "piano"])
    assert detect_instruments(few, [sound], RATE, 1) == ("horn",)


def test_a_stem_far_below_an_equal_share_is_in_doubt(model, sound):
    found = detect(model, [sound], RATE, 1)
    assert found.levels["horn"] == pytest.approx(20 * np.log10(0.39), abs=0.2)
    assert found.doubtful == ("horn",)  # -8.2 dB, and an equal share is -3 dB
    share = -10 * np.log10(3)
    levels = {"violin": share + 1, "horn": share - DOUBT + 0.1, "piano": share - DOUBT - 0.1}
    found = Detection(tuple(levels), levels)
    assert found.doubtful == ("piano",)


def test_only_a_conditioned_model_detects(model):
    assert can_detect(model) and not can_detect(load_model("bach-quartet"))


def test_an_undetected_instrument_is_measured_as_silence(model, sound):
    half = 0.5 * sound
    track = Track("duo", RATE, {"violin": half, "piano": sound - half})
    separator = model_separator(model, detecting=True)
    where = Provenance("test", "noise", train_data="noise", checkpoint_sha256="0123")
    rows = evaluate("detector", separator, [track], where, sources=model.sources)
    values = {(row.instrument, row.metric): row.value for row in rows}
    assert values["violin", "SNR"] > 0 and values["piano", "SNR"] == 0
    assert values["piano", "SI-SDR"] == -np.inf
    assert values["horn", "leak"] == pytest.approx(20 * np.log10(0.39 / 0.99), abs=0.1)


def test_instruments_are_chosen_by_name_alias_or_all(model):
    assert chosen_sources(model, None) == ()
    assert chosen_sources(model, "all") == ("violin", "horn", "piano")
    assert chosen_sources(model, "Vn, piano") == chosen_sources(model, ["violin", "pno"])
    with pytest.warns(UserWarning, match="horn is listed more than once, .* one stem"):
        assert chosen_sources(model, "horn, violin, hn") == ("horn", "violin")
    with pytest.warns(UserWarning, match="'Violin II' has a number, but .* one stem"):
        assert chosen_sources(model, "Violin II, horn") == ("violin", "horn")
    with pytest.raises(ValueError, match="'tuba'; it separates violin, horn, piano"):
        chosen_sources(model, ["tuba"])
