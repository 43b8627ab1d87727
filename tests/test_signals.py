"""Signals: what they interrupt stays whole."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

#: A convolution that torch computes with oneDNN's matrix products, a thousand signals a second.
SIGNALLED = """
import signal, sys, time
import torch
from helpers.signals import handling

received = []
convolution = torch.nn.Conv1d(16, 32, 15, padding=7)
audio = torch.randn(2, 16, 3840)
with torch.inference_mode(), handling(lambda number, _: received.append(number)):
    expected = convolution(audio)
    signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert torch.equal(convolution(audio), expected)
    signal.setitimer(signal.ITIMER_REAL, 0)
sys.exit(0 if len(received) > 5 else 1)
"""


@pytest.mark.skipif(os.name != "posix", reason="this system has no interval timers")
def test_signals_do_not_damage_what_torch_computes():
    ended = subprocess.run(
        [sys.executable, "-c", SIGNALLED], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
