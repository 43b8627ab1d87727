"""Whole archives: one process against two workers, and the time that a killed worker costs.

`python -m benchmarks.archive` measures, and writes benchmarks/archive.md and the figures of
docs/archives.md, which are computed from it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.tables import circumstances, replace_section, table
from helpers.audio.wav import AtomicWav
from helpers.music.random_pieces import RandomPiece
from helpers.runtime import DEFAULT_MODEL
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont

PAGE = Path(__file__).with_name("archive.md")
ESTIMATES = Path(__file__).resolve().parent.parent / "docs" / "archives.md"
RATE = 44100
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
WORKERS = 2
AIM = 1.7  # times the throughput of one process with one thread
HOURS = 1_000_000  # of the archive on paper
MACHINE_CORES = 16
NETWORK = 1.25e9  # bytes a second: ten gigabits, of a file server


@dataclass(frozen=True)
class Run:
    """A run over all recordings: seconds, peak memory of a process in GiB, and what was made.

    working: seconds from the first report to the last, without the start of the processes.
    read, written: bytes of the recordings and of the stems.
    """

    elapsed: float
    working: float
    peak: float
    audio: float
    read: int
    written: int
    recordings: int

    @property
    def speed(self) -> float:
        """Times real time."""
        return self.audio / self.working


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archive", description=__doc__)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--print", action="store_true", help="write no page")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        album = Path(folder, "album")
        write_album(album, arguments.recordings, arguments.seconds)
        one = separate(album, Path(folder, "one"), arguments.model)
        many = separate(album, Path(folder, "many"), arguments.model, WORKERS)
        killed = separate(album, Path(folder, "killed"), arguments.model, WORKERS, kill=True)
    caption = (
        f"{arguments.recordings} recordings of {arguments.seconds:g} s, rendered quartets in stereo"
        f" at {RATE} Hz in 16 bits, by `{Path(arguments.model).stem}` with detection, estimated"
        " quality and player, as by default. The throughput leaves out the start of the processes."
    )
    for page, name, text in (
        (PAGE, "archive", f"{caption}\n\n{measured(one, many, killed)}\n\n{circumstances()}"),
        (ESTIMATES, "archives", on_paper(one, many)),
    ):
        print(text + "\n")
        if not arguments.print:
            replace_section(name, text, page)


def write_album(folder: Path, count: int, seconds: float) -> None:
    """Stereo recordings of one rendered quartet, each beginning at another place of it."""
    score = RandomPiece(0).score(QUARTET, seconds=seconds)
    sound = render_score(score, FluidSynth(find_soundfont("FluidR3_GM")), RATE).mixture
    sound = np.resize(sound, (1, round(seconds * RATE)))
    for number in range(count):
        place = folder / f"disc {number % 10}"
        place.mkdir(parents=True, exist_ok=True)
        begun = np.roll(sound, number * sound.shape[1] // count)
        with AtomicWav(place / f"{number:04d}.wav", RATE, 2, "PCM_16") as writer:
            writer.write(np.concatenate([begun, 0.8 * begun]))


def separate(album: Path, output: Path, model: str, workers: int = 0, kill: bool = False) -> Run:
    """`divisi separate` with one thread a process; kill: one worker, when half is done."""
    words = ["separate", str(album), "-o", str(output), "--model", model]
    words += ["--workers", str(workers)] if workers else []
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(1, workers))}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "helpers.cli", *words], stdout=subprocess.DEVNULL, env=environment
    )
    peaks: dict[int, int] = {}
    ended = threading.Event()
    half = len(list(album.rglob("*.wav"))) // 2 if kill else 0
    watcher = threading.Thread(target=watch, args=(process.pid, output, half, peaks, ended))
    watcher.start()
    code = process.wait()
    elapsed = time.monotonic() - began
    ended.set()
    watcher.join()
    if code != 0:
        raise RuntimeError(f"divisi separate ended with {code}.")
    return run_of(album, output, elapsed, max(peaks.values()) / 2**30)


def watch(pid: int, output: Path, half: int, peaks: dict[int, int], ended: threading.Event) -> None:
    """Note the largest resident memory of the process or, where it has any, of its workers."""
    killed = not half
    while not ended.wait(0.2):
        try:
            workers = busy(psutil.Process(pid))
            for each in workers:
                peaks[each.pid] = max(peaks.get(each.pid, 0), each.memory_info().rss)
            if not killed and len(list(output.rglob("separation.json"))) >= half:
                workers[-1].send_signal(signal.SIGKILL)
                killed = True
        except (psutil.Error, IndexError):
            continue


def busy(process: psutil.Process) -> list[psutil.Process]:
    """The workers of a process, those that a cluster has started; else the process itself."""
    children = process.children(recursive=True)
    workers = [each for each in children if "spawn_main" in " ".join(each.cmdline())]
    return workers or [process]


def run_of(album: Path, output: Path, elapsed: float, peak: float) -> Run:
    """What was made, from the index and the reports; RuntimeError where something is missing."""
    with (output / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    recordings = list(album.rglob("*.wav"))
    reports = sorted(output.rglob("separation.json"), key=lambda path: path.stat().st_mtime)
    if len(rows) != len(recordings) or len(reports) != len(rows) or any(r["error"] for r in rows):
        raise RuntimeError(f"{output}: not every recording was separated once.")
    first = json.loads(reports[0].read_text(encoding="utf-8"))
    times = [path.stat().st_mtime for path in (reports[0], reports[-1])]
    return Run(
        elapsed,
        times[1] - times[0] + first["elapsed"],
        peak,
        sum(float(row["seconds"]) for row in rows),
        sum(path.stat().st_size for path in recordings),
        sum(path.stat().st_size for path in output.rglob("*") if path.is_file()),
        len(rows),
    )


def measured(one: Run, many: Run, killed: Run) -> str:
    """A Markdown table of the three runs."""
    ratio = many.speed / one.speed
    rows = [
        ("one process, one thread", f"{one.elapsed:.0f} s", f"{one.speed:.1f}", "1.0", one),
        (
            f"{WORKERS} workers of one thread each", f"{many.elapsed:.0f} s", f"{many.speed:.1f}",
            f"{ratio:.2f} (aim: {AIM})", many,
        ),
        (
            "the same, one worker killed half way", f"{killed.elapsed:.0f} s",
            f"{killed.speed:.1f}", f"{killed.speed / one.speed:.2f}", killed,
        ),
    ]  # fmt: skip
    header = ("", "time", "x real time", "throughput", "peak memory a worker")
    cells = [(*row[:-1], f"{row[-1].peak:.2f} GiB") for row in rows]
    lost = killed.elapsed - many.elapsed
    return (
        f"{table(header, cells)}\n\nThe killed worker cost {lost:.0f} s: what it had begun is done"
        " once more, and the new process starts and loads the model."
    )


def on_paper(one: Run, many: Run) -> str:
    """What an archive of `HOURS` takes, computed from the measured runs."""
    seconds = HOURS * 3600
    core_seconds = seconds / (many.speed / WORKERS)
    days = core_seconds / MACHINE_CORES / 86400
    read, written = (each / one.audio for each in (one.read, one.written))  # a second of audio
    rows = []
    for machines in (1, 10, 100, 1000):
        speed = machines * MACHINE_CORES * many.speed / WORKERS
        rows.append(
            (
                machines, duration(days / machines), rate(speed * read), rate(speed * written),
                f"{100 * speed * (read + written) / NETWORK:.3g} %",
            )
        )  # fmt: skip
    full = NETWORK / ((read + written) * MACHINE_CORES * many.speed / WORKERS)
    header = ("machines", "time", "read", "written", "of a 10 Gbit/s link")
    return (
        f"{HOURS:,} hours of audio, on machines with {MACHINE_CORES} cores and a worker a core, at"
        f" {many.speed / WORKERS:.1f} x real time each, as measured:\n\n"
        f"{table(header, rows)}\n\n"
        f"The recordings are {amount(seconds * read)} as 16-bit WAV; their stems as 24-bit WAV and"
        f" the players are {amount(seconds * written)}. A machine needs"
        f" {MACHINE_CORES * many.peak:.0f} GiB of memory. From about {full:.0f} machines on, a file"
        " server with one link of 10 Gbit/s is the bottleneck, and no longer the computing."
    )


def duration(days: float) -> str:
    return f"{days / 365.25:.1f} years" if days > 730 else f"{days:.3g} days"


def rate(bytes_a_second: float) -> str:
    return f"{bytes_a_second / 1e6:,.3g} MB/s"


def amount(count: float) -> str:
    return f"{count / 1e12:,.0f} TB"


if __name__ == "__main__":
    main()
