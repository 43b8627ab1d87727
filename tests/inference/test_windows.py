"""Means over windows of time."""

from __future__ import annotations

import numpy as np

from helpers.inference.windows import Windows


def test_windows_are_means_of_half_a_second_in_blocks_of_any_size():
    values, windows = np.arange(25.0)[None], Windows(1, rate=20.0)
    for block in np.split(values, [3, 4, 17], axis=1):
        windows.update(block)
    np.testing.assert_allclose(windows.means(), [[4.5, 14.5, 22.0]])
    assert windows.seconds == 0.5 and windows.whole == 1.25
