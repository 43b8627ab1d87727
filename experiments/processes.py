"""Programs of the project, each in a process of its own, with the memory and the time they use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from helpers import runtime


@dataclass(frozen=True)
class Finished:
    """What a process printed, its peak resident memory in bytes, its processor time in seconds."""

    output: str
    peak: int
    seconds: float


def finished(*words: str) -> Finished:
    """`python -m WORDS`, waited for. RuntimeError where it ends with another status than 0.

    Linux counts the memory of the process that starts a program in the peak of that program, so a
    small one that is new starts it.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as starter:
        return starter.submit(_finished, words).result()


def _finished(words: Sequence[str]) -> Finished:
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        stdout=subprocess.PIPE,
        cwd=runtime.repository_root(),
        text=True,
    )
    with process.stdout as pipe:
        output = pipe.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"python -m {' '.join(words[:2])} ended with {process.returncode}.")
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return Finished(output, usage.ru_maxrss * unit, usage.ru_utime + usage.ru_stime)
