"""Conditions that no training has: the sound that is added has its level, the stems remain."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from experiments import interference
from experiments.interference import Condition, conditions, drum_kit, speech, white_noise
from helpers.audio.levels import rms
from helpers.audio.track import Track
from helpers.augmentation.recording_chain import TELEPHONE

RATE = 22050


def tones(*hertz: float) -> Track:
    time = np.arange(2 * RATE) / RATE
    stems = {
        f"{each:g} Hz": 0.1 * np.sin(2 * np.pi * each * time)[None].astype(np.float32)
        for each in hertz
    }
    return Track("tones", RATE, stems)


@pytest.mark.parametrize("decibels", [-30, -10, 0])
def test_noise_has_the_level_of_its_condition_and_leaves_the_stems(decibels):
    track = tones(440.0, 1000.0)
    noisy = Condition("", added=white_noise, decibels=decibels).apply(track)
    for name, stem in track.stems.items():
        np.testing.assert_array_equal(noisy.stems[name], stem)
    added = noisy.mixture - track.mixture
    assert 20 * np.log10(rms(added) / rms(track.mixture)) == pytest.approx(decibels, abs=0.01)


def test_a_telephone_takes_the_low_stem_from_reference_and_mixture():
    called = Condition("", TELEPHONE).apply(tones(100.0, 1000.0))
    low, high = called.stems.values()
    inner = slice(RATE // 2, -RATE // 2)
    assert rms(low[:, inner]) < 0.002 * rms(high[:, inner])
    np.testing.assert_allclose(called.mixture, low + high, atol=1e-6)


def test_the_drum_kit_strikes_on_the_beat():
    kit = drum_kit(4 * RATE, RATE)
    assert kit.shape == (1, 4 * RATE) and rms(kit) > 0
    energy = np.square(kit[0]).reshape(-1, RATE // 2).sum(1)  # of each half second: a beat
    assert (energy > 0.1 * energy.max()).all()
    np.testing.assert_array_equal(kit, drum_kit(4 * RATE, RATE))


@pytest.mark.skipif(not shutil.which(interference.ESPEAK), reason="eSpeak NG is not installed")
def test_speech_fills_any_length():
    spoken = speech(30 * RATE, RATE)
    assert spoken.shape == (1, 30 * RATE)
    assert all(rms(spoken[:, start : start + 5 * RATE]) > 0 for start in range(0, 30 * RATE, RATE))


def test_without_espeak_speech_is_left_out_with_a_message(monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "speech" not in [condition.name for condition in conditions()]
    assert "`apt install espeak-ng`" in capsys.readouterr().out


def test_noise_is_measured_at_four_levels():
    levels = [each.decibels for each in conditions() if each.name.startswith("noise")]
    assert levels == [-30, -20, -10, 0]
