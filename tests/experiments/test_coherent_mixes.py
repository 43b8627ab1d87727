"""Mixtures of one recording: stems in time and tune with each other, with individual levels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.nussl.coherent_mixes import CoherentMix, CoherentMixes
from experiments.nussl.time_stretch import Stretch
from helpers.audio.track import Track
from helpers.augmentation.effects import Gain
from helpers.datasets.mixing import NOMINAL_RMS

RATE = 8000
NAMES = ("bassoon", "clarinet", "saxophone", "violin")


def track(name: str = "01-test", samples: int = 2 * RATE) -> Track:
    """Every stem a tone of its own, all of one envelope."""
    time = np.arange(samples) / RATE
    stems = {
        name: (0.1 * np.sin(2 * np.pi * 300 * (place + 1) * time)).astype(np.float32)[None]
        for place, name in enumerate(NAMES)
    }
    return Track(name, RATE, stems)


def mixes(target: str = "violin", count: int = 3, **settings) -> CoherentMixes:
    return CoherentMixes([track("01-a"), track("02-b")], target, 0.5, count, **settings)


def test_the_mixture_is_the_sum_of_target_and_rest():
    mixture, stems = mixes()[0]
    assert mixture.shape == (1, RATE // 2)
    assert stems.shape == (2, 1, RATE // 2)
    assert stems.dtype == torch.float32
    torch.testing.assert_close(stems.sum(0), mixture)


def test_there_are_as_many_different_mixtures_as_were_asked_for():
    dataset = mixes(count=3)
    assert len(dataset) == 3
    assert len({mixture.numpy().tobytes() for mixture, _ in (dataset[i] for i in range(3))}) == 3
    with pytest.raises(IndexError):
        dataset[3]


def test_the_same_number_is_the_same_mixture_for_every_target_and_every_time():
    for target in NAMES:
        torch.testing.assert_close(mixes(target)[1][0], mixes("violin")[1][0])
    assert not torch.equal(mixes(seed=1)[1][0], mixes()[1][0])


@pytest.mark.parametrize("target", NAMES)
def test_the_first_stem_is_the_target(target):
    dataset = mixes(target)
    stem = dataset[0][1][0, 0]
    pitch = dataset.draw(np.random.default_rng([0, 0])).stretch.semitones
    loudest = torch.fft.rfft(stem * torch.hann_window(len(stem))).abs().argmax() * RATE / len(stem)
    expected = 300 * (NAMES.index(target) + 1) * 2 ** (pitch / 12)
    assert loudest.item() == pytest.approx(expected, abs=4)


def test_stems_have_the_levels_that_were_drawn():
    dataset = mixes()
    gains = tuple(Gain(db) for db in (-5.0, 0.0, 2.0, 5.0))
    stems = dataset.make(CoherentMix(0, 0.5, Stretch(1.1, 1.0), gains))
    levels = 20 * np.log10(np.sqrt(np.mean(stems[:, 0] ** 2, axis=1)) / NOMINAL_RMS)
    np.testing.assert_allclose(levels, [-5.0, 0.0, 2.0, 5.0], atol=0.2)


def test_one_stretch_holds_for_all_stems():
    dataset = mixes()
    mix = dataset.draw(np.random.default_rng(3))
    whole = dataset.tracks[mix.track].stems["clarinet"]
    length = round(dataset.samples / mix.stretch.time)
    start = round(mix.start * (whole.shape[1] - length))
    expected = mix.stretch.apply(whole[:, start : start + length], RATE)[0]
    made = dataset.make(mix)[NAMES.index("clarinet"), 0][: len(expected)]
    assert np.corrcoef(made, expected[: len(made)])[0, 1] > 0.9999


def test_silence_follows_a_recording_that_is_too_short():
    dataset = CoherentMixes([track(samples=RATE // 4)], "violin", 1.0, 1)
    mixture, _ = dataset[0]
    assert mixture[:, : RATE // 8].abs().max() > 0
    assert mixture[:, RATE // 2 :].abs().max() == 0


def test_a_track_without_the_target_is_refused_by_name():
    with pytest.raises(ValueError, match="01-a: has no stem of flute; it has bassoon"):
        mixes("flute")
