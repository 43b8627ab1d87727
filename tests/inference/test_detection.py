"""Who plays is heard before the separation, and heard alike however the recording comes."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.audio.track import Track
from helpers.evaluation.evaluate import evaluate, model_separator
from helpers.evaluation.rows import Provenance
from helpers.inference.detection import can_detect, detect_instruments
from helpers.training.checkpoints import load_model
from helpers.training.conditioning import condition_on

RATE = 8000


@pytest.fixture(scope="module")
def model(ears):
    return load_model(ears)


@pytest.fixture(scope="module")
def sound():
    return np.random.default_rng(0).normal(0.0, 0.1, (1, 2 * RATE)).astype(np.float32)


def test_what_is_far_below_the_recording_does_not_play(model, sound):
    assert detect_instruments(model, [sound], RATE, 1) == ("violin", "horn")


def test_in_stereo_and_in_blocks_the_same_are_heard_and_progress_is_told(model, sound):
    stereo, steps = np.concatenate([sound, 0.5 * sound]), []
    blocks = np.array_split(stereo, 7, axis=1)
    assert detect_instruments(model, blocks, RATE, 2, progress=steps.append) == ("violin", "horn")
    assert sum(steps) == pytest.approx(2.0)


def test_where_nobody_or_one_is_heard_all_may_play(model, sound):
    assert detect_instruments(model, [0 * sound], RATE, 1) == model.sources
    assert detect_instruments(condition_on(model, ["horn", "piano"]), [sound], RATE, 1) == (
        "horn",
        "piano",
    )


def test_only_a_model_that_learned_from_names_listens(model):
    assert can_detect(model) and not can_detect(load_model("bach-quartet"))


def test_one_who_was_not_heard_is_measured_as_silence(model, sound):
    half = 0.5 * sound
    track = Track("duo", RATE, {"violin": half, "piano": sound - half})
    separator = model_separator(model, detecting=True)
    where = Provenance("test", "noise", train_data="noise", checkpoint_sha256="0123")
    rows = evaluate("ears", separator, [track], where, sources=model.sources)
    values = {(row.instrument, row.metric): row.value for row in rows}
    assert values["violin", "SNR"] > 0 and values["piano", "SNR"] == 0
    assert values["piano", "SI-SDR"] == -np.inf
    assert values["horn", "leak"] == pytest.approx(20 * np.log10(0.39 / 0.99), abs=0.1)
