"""Markdown tables between the markers of benchmarks/README.md."""

from __future__ import annotations

import datetime
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from helpers import runtime

README = Path(__file__).with_name("README.md")


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is aligned left, all others right."""
    lines = [header, [":--", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def circumstances(device: str = "cpu") -> str:
    """Where and when a number was measured, in one line."""
    name = runtime.describe_device(runtime.pick_device(device))
    today = datetime.date.today().isoformat()
    return f"{name} of {os.cpu_count()} cores; commit {runtime.commit()}; {today}"


def replace_section(name: str, content: str, path: Path = README) -> None:
    """Replace the content between the markers of section `name`; ValueError without markers."""
    text = path.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, opened, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"{path}: the markers of '{name}' are missing; restore them.")
    path.write_text(before + start + "\n" + content + "\n\n" + end + after, encoding="utf-8")


def seconds_of(
    work: Callable[[], object], repeats: int = 3, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Median time of `work` in seconds, after one warm-up call.

    clock: wall time, or `time.process_time`, which does not count other processes.
    """
    work()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append(clock() - start)
    return statistics.median(times)
