"""`divisi separate`: recordings in, one folder of stems each out, in constant memory."""

from __future__ import annotations

import json
import shlex
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import runtime
from ..archives.stores import place
from . import archive, products, score
from .errors import Batch, CommandError, refusing
from .options import BAR, add_device, add_model, add_output

if TYPE_CHECKING:
    from torch import nn

    from ..audio.recordings import Recording

SUMMARY = "recordings in, stems out"
DESCRIPTION = """\
Write DIR/TRACK/INSTRUMENT.wav for each instrument of the recording, with its sample rate,
length and channels, and separation.json and player.html beside them. The instruments are
detected automatically where the model can detect them. If you name players that the default
model lacks, such as violin,violin or a trumpet, a larger one separates them. What none of
them explains becomes other.wav, with models that have it and where it has level; the stems
sum to the recording.

One gain is applied to all files, and only where one of them would clip, so that their balance
is kept. Integer recordings become 24-bit stems; float recordings stay float.

Of a folder, all recordings at any depth are separated. Its structure is kept below DIR, and
DIR/index.csv has a row for each recording. If some are refused, the exit code is 1.
"""
OUTPUT = "separated"
#: Options that change nothing in the stems; the model is known by its checkpoint.
APART = (
    "command", "files", "output", "overwrite", "model", "device", "skip_existing", "workers",
    "scheduler",
)  # fmt: skip


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        type=place,
        metavar="FILE",
        help="WAV, FLAC, MP3, OGG, AIFF ..., or a folder with such files at any depth",
    )
    add_output(parser, OUTPUT, place)
    add_model(parser)
    add_device(parser)
    parser.add_argument(
        "--instruments",
        metavar="A,B,...",
        help="the instruments in the recording, one for each player, such as violin,violin,cello:"
        " violin-1 is then the one with the higher mean pitch; a single one is separated from all"
        " others; `all`: every instrument of the model (default: detected)",
    )
    parser.add_argument(
        "--residual",
        action="store_true",
        help="also write residual.wav: the recording minus the sum of its stems",
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="read samples that are not finite numbers as zeros instead of refusing the file",
    )
    parser.add_argument(
        "--estimate",
        type=int,
        default=runtime.QUALITY_WINDOWS,
        metavar="N",
        help="estimate the quality of the stems in N windows of 5 s, at most one for each 10 s; a"
        " window takes as long as separating 20 s; 0: no estimate (default: %(default)s)",
    )
    score.add_arguments(parser)
    products.add_arguments(parser)
    archive.add_arguments(parser)


def run(arguments: Namespace) -> None:
    """Separate every file; all are examined before the first one is separated.

    One of several that cannot be separated is named, and costs the others nothing. PartlyDone at
    the end where there was one. Folders: see `archive.run`.
    """
    from ..inference.loading import model_and_name, model_for

    score.choose_model(arguments)
    arguments.model = model_for(arguments.model, arguments.instruments)
    if arguments.estimate < 0:
        raise CommandError(f"--estimate {arguments.estimate}: it must be 0 or more.")
    if archive.is_archive(arguments):
        archive.run(arguments, separate, options_of(arguments))
        return
    from ..audio.recordings import examine
    from ..folders import check_space, check_target, targets
    from ..inference.players import chosen_sources
    from ..inference.stem_files import REPORT, stems_on_disk

    folders = targets(list(dict.fromkeys(arguments.files)), arguments.output)
    several = Batch(len(folders))
    for path, target in folders.items():
        with several.attempt(path):
            check_target(target, arguments.overwrite, REPORT)
    several.check()
    with refusing(ValueError):
        name, model = model_and_name(arguments.model, arguments.device)
        parts = score.parts(name, model, arguments)
        sources = chosen_sources(model, arguments.instruments)
        beside = products.Products.chosen(arguments, model, parts or sources)
    recordings, needed = [], 0
    signals = 2 * len(parts) or stems_on_disk(model, sources)  # `other` may be shared out
    for path in several.left(folders):
        with several.attempt(path):
            recording = examine(path, arguments.repair)
            needed += beside.bytes_needed(recording, signals + arguments.residual)
            recordings.append(recording)
    several.check()
    check_space(arguments.output, needed)
    for recording in recordings:
        with several.attempt(recording.path):
            separate(recording, folders[recording.path], name, model, sources, arguments)
    several.check(at_the_end=True)


def options_of(arguments: Namespace) -> dict[str, Any]:
    """The options that decide what is written, where they differ from the default."""
    parser = ArgumentParser()
    add_arguments(parser)
    chosen = {name: value for name, value in vars(arguments).items() if name not in APART}
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in sorted(chosen.items())
        if value != parser.get_default(name)
    }


def separate(
    recording: Recording,
    target: Path,
    name: str,
    model: nn.Module,
    sources: Sequence[str],
    arguments: Namespace,
) -> None:
    """Write the stems of a recording and their report, and print a line about them."""
    from tqdm import tqdm

    from ..evaluation.quality_estimate import described, estimate_quality
    from ..folders import new_folder
    from ..inference.stem_files import REPORT, separate_recording

    for warning in recording.warnings:
        warnings.warn(warning, stacklevel=2)
    followed = score.follow(recording, model, arguments)
    model = followed.follower if followed else model
    with refusing(ValueError):
        beside = products.Products.chosen(arguments, model, sources)
    with (
        new_folder(target, arguments.overwrite, REPORT) as folder,
        tqdm(
            total=recording.seconds, desc=target.name, bar_format=BAR, leave=False, disable=None
        ) as bar,
    ):
        done = separate_recording(
            recording, model, folder, sources or None, form=beside.form(recording),
            residual=arguments.residual, mixes=beside.mixes, progress=bar.update,
        )  # fmt: skip
        estimates = estimate_quality(done, arguments.estimate)
        beside.write(done, target, score.view(followed, arguments), estimates)
        report = {**done.report(name), "estimated_si_sdr": described(estimates)}
        report["options"] = options_of(arguments)
        if followed:
            report["score"] = followed.write(folder)
        (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for remark in done.remarks:
        warnings.warn(remark, stacklevel=2)
    print(summary(target, report))
    if doubt := done.doubt():
        words = _repeated(arguments, target.parent)
        print("  " + " ".join([doubt, "--overwrite", *map(shlex.quote, words)]))


def _repeated(arguments: Namespace, output: Path) -> list[str]:
    """The options that a second run needs to write to the same folder below `output`."""
    options = [f"--{name}" for name in ("residual", "repair") if getattr(arguments, name)]
    if output != Path(OUTPUT):
        options += ["-o", str(output)]
    if arguments.model != runtime.DEFAULT_MODEL:
        options += ["--model", str(arguments.model)]
    if arguments.estimate != runtime.QUALITY_WINDOWS:
        options += ["--estimate", str(arguments.estimate)]
    return options + products.words(arguments)


def summary(target: Path, report: dict[str, Any]) -> str:
    """One line: where the stems are, speed, gain, what was detected, and which are doubtful."""
    from ..audio.levels import decibels
    from ..evaluation.quality_estimate import DO_NOT_TRUST, Estimate

    speed, gain = report["seconds"] / report["elapsed"], report["gain"]
    lower = "" if gain == 1 else f", all {-decibels(gain):.1f} dB lower so that none clips"
    line = f"{target}: {report['seconds']:.1f} s of audio at {speed:.1f} x real time{lower}"
    for key, words in {"detected": "detected", "nearly_silent": "nearly silent:"}.items():
        if report[key]:
            line += f"; {words} {', '.join(report[key])}"
    bad = [
        name
        for name, each in report["estimated_si_sdr"].items()
        if Estimate(**each).words == DO_NOT_TRUST and name not in report["nearly_silent"]
    ]
    return line + f"; {DO_NOT_TRUST}: {', '.join(bad)}" * bool(bad)
