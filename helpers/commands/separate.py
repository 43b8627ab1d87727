"""`divisi separate`: recordings in, one folder of stems each, in constant memory.

Each recording is read to its end before anything is written, then once to hear who plays, where
nobody says it and the model can find out, and once to be separated. Integer recordings give 24-bit
stems, the others 32-bit float: see `stem_files`.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from pathlib import Path

from tqdm import tqdm

from .. import runtime
from ..audio.levels import Level, decibels
from ..audio.recordings import Recording, examine
from ..inference.detection import detect_and_condition
from ..inference.stem_files import RESIDUAL, bytes_needed, write_stems
from .folders import check_space, check_target, new_folder, targets
from .loading import LoadedModel, load

MARK = "separation.json"
NEARLY_SILENT = 20.0  # dB below the recording: what is softer was most likely not there
BAR = "{desc} {percentage:3.0f}% |{bar:30}| {elapsed} elapsed, {remaining} to go"


def run(arguments: Namespace) -> None:
    """Separate every file; all are examined before the first one is separated."""
    folders = targets(arguments.files, arguments.output)
    for target in folders.values():
        check_target(target, arguments.overwrite, MARK)
    loaded = load(arguments)
    recordings = [examine(path, arguments.repair) for path in folders]
    written = len(loaded.sources) + arguments.residual
    needed = sum(bytes_needed(each, written, not each.is_float) for each in recordings)
    check_space(arguments.output, needed)
    for recording in recordings:
        for warning in recording.warnings:
            print(f"divisi: warning: {warning}", file=sys.stderr)
        target = folders[recording.path]
        with new_folder(target, arguments.overwrite, MARK) as folder:
            report = separate(recording, loaded, folder, arguments.residual)
            (folder / MARK).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(summary(target, report))


def separate(recording: Recording, loaded: LoadedModel, folder: Path, rest: bool) -> dict:
    """Write the stems into `folder`, with the residual where `rest`; returns the report."""
    start = time.perf_counter()
    model, players = loaded.model, loaded.sources
    with tqdm(
        total=recording.seconds * (1 + loaded.can_detect), desc=recording.path.stem, bar_format=BAR,
        leave=False, disable=None,
    ) as bar:  # fmt: skip
        if loaded.can_detect:
            rate, channels = recording.sample_rate, recording.channels
            model = detect_and_condition(
                model, recording.blocks(), rate, channels, progress=bar.update
            )
            players = model.sources
        gain, levels = write_stems(
            folder, recording, model, (*players, RESIDUAL) if rest else players,
            integers=not recording.is_float, progress=bar.update,
        )  # fmt: skip
    elapsed = time.perf_counter() - start
    return {
        "recording": recording.path.name,
        "model": loaded.name,
        "checkpoint_sha256": loaded.sha256,
        "device": runtime.describe_device(loaded.device),
        "seconds": round(recording.seconds, 6),
        "elapsed": round(elapsed, 6),
        "sample_rate": recording.sample_rate,
        "channels": recording.channels,
        "detected": players if loaded.can_detect else [],
        "real_time_factor": round(elapsed / recording.seconds, 4),
        "gain": gain,
        "levels": {
            "recording": recording.level.describe(),
            **{name: level.describe(gain) for name, level in levels.items()},
        },
        "nearly_silent": [name for name in players if nearly_silent(levels[name], recording.level)],
        "warnings": recording.warnings,
    }


def nearly_silent(stem: Level, whole: Level) -> bool:
    """Whether a stem is so much softer than the recording that its instrument hardly played."""
    return stem.energy * whole.count < whole.energy * stem.count * 10 ** (-NEARLY_SILENT / 10)


def summary(target: Path, report: dict) -> str:
    """One line on what was written, who was heard, and who hardly."""
    speed, gain = report["seconds"] / report["elapsed"], report["gain"]
    lowered = "" if gain == 1 else f", all {-decibels(gain):.1f} dB lower so that none clips"
    detected = f"; detected {', '.join(report['detected'])}" if report["detected"] else ""
    silent = (
        f"; nearly silent: {', '.join(report['nearly_silent'])}" if report["nearly_silent"] else ""
    )
    return (
        f"{target}: {report['seconds']:.1f} s of audio at {speed:.1f} x real time{lowered}"
        f"{detected}{silent}"
    )
