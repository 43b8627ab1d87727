"""Tracks: stems, mixture, residual, and stems that do not match."""

import numpy as np
import pytest

from helpers.audio.track import AudioError, Track


def noise(seed: int, channels: int = 2, samples: int = 800) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, 0.1, (channels, samples)).astype(np.float32)


def test_mixture_is_the_sum_of_the_stems():
    track = Track("duo", 8000, {"violin": noise(1), "cello": noise(2)})
    np.testing.assert_array_equal(track.mixture, noise(1) + noise(2))
    assert track.mixture.dtype == np.float32
    assert track.residual_db == -np.inf
    assert (track.instruments, track.channels, track.samples) == (("violin", "cello"), 2, 800)
    assert track.seconds == 0.1


def test_mixture_of_a_recorded_track_is_the_recording():
    recording = noise(1) + noise(2) + noise(3)
    track = Track("duo", 8000, {"violin": noise(1), "cello": noise(2)}, recording)
    assert track.mixture is recording


def test_residual_of_one_percent_amplitude_is_forty_db_down():
    stems = {"violin": noise(1) * np.float32(0.99)}
    assert Track("solo", 8000, stems, noise(1)).residual_db == pytest.approx(-40.0, abs=1e-3)


def test_residual_of_a_recording_equal_to_the_sum_is_minus_infinity():
    stems = {"violin": noise(1), "cello": noise(2)}
    assert Track("duo", 8000, stems, noise(1) + noise(2)).residual_db == -np.inf


def test_stems_of_different_lengths_are_refused_by_name():
    with pytest.raises(AudioError, match=r"^duo: cello has .*\(2, 700\) but violin has \(2, 800\)"):
        Track("duo", 8000, {"violin": noise(1), "cello": noise(2, samples=700)})


def test_recording_of_another_channel_count_is_refused():
    with pytest.raises(AudioError, match="^duo: the recorded mixture has"):
        Track("duo", 8000, {"violin": noise(1)}, noise(1, channels=1))


@pytest.mark.parametrize("stem", [np.zeros(800, np.float32), np.zeros((2, 800))])
def test_stem_of_another_type_or_shape_is_refused(stem):
    with pytest.raises(AudioError, match=r"^duo: violin is .* a stem is float32"):
        Track("duo", 8000, {"violin": stem})


def test_track_without_stems_is_refused():
    with pytest.raises(AudioError, match="^nobody: a track needs at least one stem"):
        Track("nobody", 8000, {})
