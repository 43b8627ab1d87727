"""The picture of who plays when has a line for each instrument, as high as the confidence."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.display.who_plays import plot_who_plays
from helpers.inference.detection import Curves, Detection, detect
from helpers.training.checkpoints import load_model
from tests.inference.bands import RATE, BandModel, tone


def lines(figure) -> dict[str, np.ndarray]:
    return {ax.get_ylabel(): ax.patches[0].get_data().values for ax in figure.axes if ax.patches}


def test_each_detected_player_has_a_line_of_its_confidence():
    model = BandModel()
    sound = tone("violin", 8.0) + tone("violin-2", 8.0, 4.0) + tone("cello", 8.0)
    found = detect(model, [sound], RATE, 1)
    figure = plot_who_plays(found)
    drawn = lines(figure)
    assert list(drawn) == ["Violin 1", "Violin 2", "Cello"]
    second = drawn["Violin 2"]
    assert second[1:7] == pytest.approx(0.0, abs=0.01) and second[9:] == pytest.approx(1.0, abs=0.1)
    assert figure.axes[0].texts[0].get_text() == f"{found.confidence['violin']:.0%}"
    assert figure.axes[0].get_xlim() == (0, pytest.approx(8.0))


def test_what_was_nearly_detected_is_there_too_but_not_what_is_absent():
    levels = {"violin": 0.0, "viola": -5.0, "horn": -20.0, "other": -3.0}
    curves = Curves(0.5, 2.0, {name: np.full(4, 0.5) for name in levels})
    assert list(lines(plot_who_plays(Detection(("violin",), levels, curves)))) == [
        "Violin", "Viola",
    ]  # fmt: skip


def test_models_that_detect_by_level_have_curves_too(detector):
    sound = np.random.default_rng(0).normal(0, 0.1, (1, 16_000)).astype(np.float32)
    found = detect(load_model(detector), [sound], 8000, 1)
    drawn = lines(plot_who_plays(found))
    assert list(drawn)[:2] == ["Violin", "Horn"] and drawn["Violin"].min() > 0.9


def test_without_curves_there_is_no_picture():
    with pytest.raises(ValueError, match="has no curves"):
        plot_who_plays(Detection(("violin",), {"violin": 0.0}))
