"""Signals: what they interrupt stays whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from helpers.signals import handling, repeated

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


def test_a_signal_while_an_object_is_destroyed_is_not_lost(capsys):
    stopped = []

    def stop(number, _):
        stopped.append(number)
        raise KeyboardInterrupt

    def blocks():
        try:
            yield 1
        finally:
            signal.raise_signal(signal.SIGTERM)

    with handling(stop), repeated(stopped), pytest.raises(KeyboardInterrupt):
        next(blocks())  # destroyed at once; what is raised there is ignored
        time.sleep(5)
    assert stopped == [signal.SIGTERM]
    assert "Traceback" not in capsys.readouterr().err
