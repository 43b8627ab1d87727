"""What a first reading of a file tells, and parts of it."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from helpers.audio.audio import AudioError
from helpers.audio.recordings import examine, excerpt


@pytest.fixture
def ramp(tmp_path):
    """Two channels that count their samples in steps of 2^-17, over more than one block."""
    steps = np.arange(100_000) / 2**17
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


@pytest.mark.parametrize(
    ("first", "frames", "there"),
    [(0, 3, 3), (65_530, 20, 20), (70_000, 5, 5), (99_990, 50, 10), (0, 200_000, 100_000),
     (100_000, 5, 0), (500_000, 5, 0)],
)  # fmt: skip
def test_an_excerpt_has_the_samples_it_was_asked_for_that_are_there(ramp, first, frames, there):
    part = excerpt(examine(ramp).blocks(), first, frames)
    steps = np.arange(first, first + there) / 2**17
    assert np.array_equal(part, np.stack([steps, -steps]).astype(np.float32))
