"""Peak memory of `divisi separate` for short and long recordings."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np

from benchmarks.tables import table
from experiments.processes import finished
from helpers.audio.wav import AtomicWav
from helpers.runtime import DEFAULT_MODEL

RATE = 44100
LIMIT_GIB = 2.0


def measure(arguments: Namespace) -> str:
    """A Markdown table of the peak resident memory of one process for each length."""
    rows = []
    for minutes in arguments.minutes:
        peak, elapsed = separate(minutes, arguments.model or DEFAULT_MODEL)
        verdict = "under" if peak < LIMIT_GIB else "OVER"
        rows.append(
            (f"{minutes} min", f"{peak:.2f} GiB ({verdict} {LIMIT_GIB:g})", f"{elapsed:.0f} s")
        )
    caption = f"`divisi separate` on stereo at {RATE} Hz, 16 bits, in a process of its own."
    return caption + "\n\n" + table(("recording", "peak memory", "processor time"), rows)


def separate(minutes: int, model: str) -> tuple[float, float]:
    """Peak resident memory in GiB and processor time in seconds of one command."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        write_noise(path, minutes)
        return command("separate", str(path), "-o", folder, "--model", model, "--residual")


def command(*words: str) -> tuple[float, float]:
    """Peak resident memory in GiB and processor time in seconds of a `divisi` command."""
    process = finished("helpers.cli", *words)
    return process.peak / 2**30, process.seconds


def write_noise(path: Path, minutes: int) -> None:
    """Stereo noise, one second at a time."""
    rng = np.random.default_rng(0)
    with AtomicWav(path, RATE, 2, "PCM_16") as writer:
        for _ in range(60 * minutes):
            writer.write(rng.normal(0, 0.1, (2, RATE)).astype(np.float32))
