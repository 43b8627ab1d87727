"""Programs in a process of their own."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.processes import finished


def test_the_memory_of_the_starting_process_is_not_counted():
    held = np.ones(200_000_000)  # 1.6 GB
    process = finished("helpers.cli", "models")
    assert "chamber" in process.output
    assert 20e6 < process.peak < held.nbytes and 0 < process.seconds < 60


def test_a_failing_program_is_an_error():
    with pytest.raises(RuntimeError, match=r"python -m helpers.cli nothing ended with 2"):
        finished("helpers.cli", "nothing")
