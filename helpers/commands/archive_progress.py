"""What a run over many recordings says before, while and after it works, and its index."""

from __future__ import annotations

import shutil
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from ..archives import stores
from ..archives.index import Index, Line
from ..archives.listing import Entry, Listing
from ..audio.audio import AudioFile
from ..audio.recordings import beginning
from ..audio.track import AudioError
from ..display.stem_pages import page_bytes
from ..evaluation.quality_estimate import seconds_separated
from ..folders import FolderError, nearest_ancestor, readable_size
from ..inference.detection import can_detect
from ..inference.separation import separate_stream
from ..inference.stem_files import REPORT
from .archive_job import Job, Outcome
from .errors import PartlyDone, complain
from .options import BAR
from .products import Products

TRIED = 10.0  # seconds of audio from which the computing time is estimated


def announce(found: Listing, model: nn.Module, job: Job) -> None:
    """Print how many recordings there are, and what time and space they need."""
    entries, seconds = found.entries, sum(entry.seconds for entry in found.entries)
    again = job.arguments.overwrite and not job.arguments.skip_existing
    line = f"{_recordings(len(entries))}, {duration(seconds)} of audio"
    if isinstance(job.output, Path) and not again:
        left = [entry for entry in entries if not (job.output / entry.folder / REPORT).is_file()]
        if there := len(entries) - len(left):
            entries, seconds = left, sum(entry.seconds for entry in left)
            line += f"; {there} of them have stems, and {duration(seconds)} are left"
    print(line + ".")
    if not entries:
        return
    if not job.arguments.scheduler and (factor := _real_time_factor(entries[0], model, job)):
        passes = 1 if job.sources or not can_detect(model) else 2
        computed = sum(
            passes * each.seconds + seconds_separated(each.seconds, job.arguments.estimate)
            for each in entries
        )
        takes = computed * factor / max(1, job.arguments.workers)
        print(
            f"They take about {duration(takes)} on this machine, at {seconds / takes:.1f} x real"
            " time."
        )
    signals = len(job.sources or model.sources) + job.arguments.residual
    chosen = Products.chosen(job.arguments, model, job.sources)
    mixes = chosen.mixes.count(signals)
    needed = 4 * (signals + mixes) * sum(entry.samples for entry in entries)
    if chosen.player:
        needed += sum(page_bytes(each.seconds, each.samples, signals) for each in entries)
    line = f"Their stems need up to {readable_size(needed)}"
    if isinstance(job.output, Path):
        free = shutil.disk_usage(nearest_ancestor(job.output)).free
        line += f", and the disk has {readable_size(free)} free"
        line += "; if it gets full, the run stops and can go on later" if free < needed else ""
    print(line + ".")


def _real_time_factor(entry: Entry, model: nn.Module, job: Job) -> float:
    """The time in which a worker separates the first seconds of a recording, over their duration.

    0 for a recording that cannot be read.
    """
    try:
        with stores.on_disk(entry.source) as path, AudioFile(path) as audio:
            frames = round(TRIED * audio.sample_rate)
            block = beginning(audio.blocks(), frames)
            rate = audio.sample_rate
    except (AudioError, FolderError):
        return 0.0
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads // max(1, job.arguments.workers)))
    try:
        _compute(model, block[:, :rate], rate)  # the first call prepares what later ones use
        began = time.perf_counter()
        _compute(model, block, rate)
        return (time.perf_counter() - began) * rate / block.shape[1]
    finally:
        torch.set_num_threads(threads)


def _compute(model: nn.Module, block: np.ndarray, rate: int) -> None:
    for _ in separate_stream(model, iter([block]), rate, len(block)):
        pass


@dataclass
class Progress:
    """The bar, the lines of each recording, `index.csv`, and the end; a context manager."""

    found: Listing
    output: Path | str

    def __post_init__(self) -> None:
        self.index = Index(self.output)
        self.refused: list[Any] = []
        self.done = self.there = 0
        self.seconds = 0.0  # of audio that was separated

    def __enter__(self) -> Progress:
        self.began = time.monotonic()
        total = sum(entry.seconds for entry in self.found.entries)
        self.bar = tqdm(total=total, bar_format=BAR, leave=False, disable=None)
        self._count()
        for refusal in self.found.refused:
            self._refuse(refusal.source, refusal.folder, refusal.reason)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.bar.close()
        with suppress(*([FolderError] if kind else [])):  # the first error says more
            self.index.write()

    def add(self, entry: Entry, outcome: Outcome) -> None:
        """Print and note what came of a recording."""
        if outcome.is_busy:
            return
        for message in outcome.warnings:
            warnings.warn(message, stacklevel=2)
        for line in outcome.lines:
            self.bar.write(line)
        if outcome.error:
            if outcome.bug:
                self.bar.write(outcome.bug, file=sys.stderr)
            self._refuse(entry.source, entry.folder, outcome.error)
        else:
            self.done += outcome.is_new
            self.there += not outcome.is_new
            self.seconds += outcome.report["seconds"] * outcome.is_new
            self.index.add([Line.of_report(entry.source, entry.folder, outcome.report)])
        self.bar.update(entry.seconds)
        self._count()

    def conclude(self) -> None:
        """Print what was done; PartlyDone where a recording was refused."""
        elapsed = time.monotonic() - self.began
        line = f"{_recordings(self.done)} separated in {duration(elapsed)}"
        line += f", {self.seconds / elapsed:.1f} x real time" if self.done else ""
        line += f"; {self.there} had been before" if self.there else ""
        print(f"{line}; all are listed in {self.index.place}.")
        if self.refused:
            total = self.done + self.there + len(self.refused)
            names = ", ".join(map(str, self.refused))
            raise PartlyDone(
                f"{len(self.refused)} of {_recordings(total)} refused: {names};"
                f" {self.index.place} says why."
            )

    def _refuse(self, source: object, folder: str, reason: str) -> None:
        reason = reason.removeprefix(f"{source}: ").removeprefix(f"{PurePath(str(source)).name}: ")
        self.refused.append(source)
        self.index.add([Line(str(source), folder, error=reason)])
        complain(f"{source}: {reason}")

    def _count(self) -> None:
        past = self.done + self.there + len(self.refused)
        self.bar.set_description_str(
            f"{past} of {len(self.found.entries) + len(self.found.refused)}", refresh=False
        )


def _recordings(count: int) -> str:
    return f"{count} recording" + ("s" if count != 1 else "")


def duration(seconds: float) -> str:
    """`40 s`, `5 min`, `3 h 20 min`, `52 days`."""
    minutes = round(seconds / 60)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 100 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{round(minutes / 60 / 24)} days"
