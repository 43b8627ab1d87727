"""Programs in a process of their own."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.processes import finished


def test_the_memory_of_the_starting_process_is_not_counted():
    held = np.ones(50_000_000)  # 400 MB
    process = finished("this")
    assert "Beautiful is better than ugly" in process.output
    assert 2e6 < process.peak < held.nbytes / 4 and 0 < process.seconds < 60


def test_a_failing_program_is_an_error():
    with pytest.raises(RuntimeError, match=r"python -m helpers.cli nothing ended with 2"):
        finished("helpers.cli", "nothing")
