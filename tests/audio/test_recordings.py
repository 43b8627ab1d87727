"""The first reading of a file, and its beginning."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import soundfile

from helpers.audio.recordings import beginning, examine, mono
from helpers.audio.resampling import resample
from helpers.audio.track import AudioError


def counted(samples: int) -> np.ndarray:
    """Steps with alternating signs, which have no DC offset."""
    return np.arange(samples) / 2**17 * (-1.0) ** np.arange(samples)


@pytest.fixture
def ramp(tmp_path):
    """Two channels that count their samples in steps of 2^-17, over more than one block."""
    steps = counted(100_000)
    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.stack([steps, -steps], axis=1), 8000, "FLOAT")
    return path


def test_a_file_is_read_to_its_end(ramp):
    recording = examine(ramp)
    assert (recording.sample_rate, recording.channels, recording.frames) == (8000, 2, 100_000)
    assert recording.seconds == 12.5 and recording.is_float
    assert recording.level.peak == 99_999 / 2**17
    assert not recording.warnings


def test_a_fault_in_the_last_sample_is_found_before_work_begins(tmp_path):
    audio = np.zeros(100_000)
    audio[-1] = np.inf
    soundfile.write(tmp_path / "torn.wav", audio, 8000, "FLOAT")
    with pytest.raises(AudioError, match=r"^torn\.wav: the sample at 0:12\.4 "):
        examine(tmp_path / "torn.wav")
    assert examine(tmp_path / "torn.wav", repair=True).frames == 100_000


@pytest.mark.parametrize("frames", [3, 65_536, 65_540, 100_000, 200_000])
def test_the_beginning_has_the_samples_asked_for_or_all_there_are(ramp, frames):
    part = beginning(examine(ramp).blocks(), frames)
    steps = counted(min(frames, 100_000))
    assert np.array_equal(part, np.stack([steps, -steps]).astype(np.float32))


@pytest.mark.parametrize("rate", [8000, 3000])
def test_mono_is_the_mean_of_the_channels_in_memory_only_once(tmp_path, rate):
    sound = np.random.default_rng(0).uniform(-1, 1, (2, 2_000_000)).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", sound.T, 8000, "FLOAT")
    recording = examine(tmp_path / "long.wav")
    tracemalloc.start()
    found = mono(recording, rate)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.dtype == np.float32 and peak < found.nbytes + 4e6
    np.testing.assert_allclose(found, resample(sound.mean(axis=0), 8000, rate)[None], atol=1e-4)


def test_mono_of_channels_in_opposite_phase_is_the_louder_one(tmp_path):
    sound = np.random.default_rng(0).normal(0, 0.2, 8000).astype(np.float32)
    sound -= sound.mean()
    soundfile.write(tmp_path / "opposite.wav", np.stack([0.9 * sound, -sound], 1), 8000, "FLOAT")
    found = mono(examine(tmp_path / "opposite.wav"), 8000)
    np.testing.assert_allclose(found[0], -sound, atol=1e-4)
