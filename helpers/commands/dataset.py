"""`divisi dataset build`: a folder of recordings in, a data set of stems and notes out."""

from __future__ import annotations

import json
import os
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import archive, separate, transcribe
from .errors import CommandError, PartlyDone, refusing
from .options import add_device, add_model
from .score import read_scores

if TYPE_CHECKING:
    from torch import nn

    from ..audio.recordings import Recording
    from ..music.scores import Score

SUMMARY = "a data set made of recordings"
DESCRIPTION = """\
`divisi dataset build FOLDER -o OUT` separates all recordings in FOLDER and writes a data set:
the stems, notes in the time of the recording where there is a score, curves of pitch and level,
a manifest, splits by work, shards in the webdataset layout, and a data card. With --transcribe,
recordings without a score have notes too, read from their stems as `divisi transcribe` does;
`notes_from` says for each stem where its notes are from.

Every recording needs a source and a licence: in FOLDER/recordings.csv (columns recording, work,
source, licence), or one for all with --source and --licence. Stopped, the same command goes on.
"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=("build",), metavar="build", help="make a data set")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="recordings at any depth")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="the folder of the data set"
    )
    parser.add_argument(
        "--scores",
        type=Path,
        metavar="FOLDER",
        help="MIDI or MusicXML files named like the recordings (default: beside them)",
    )
    parser.add_argument(
        "--transcribe",
        action="store_true",
        help="read the notes of recordings without a score from their stems (needs"
        ' pip install "divisi[train,notes]")',
    )
    parser.add_argument(
        "--licence", default="", metavar="TEXT", help="of all recordings without one of their own"
    )
    parser.add_argument(
        "--source", default="", metavar="TEXT", help="where these recordings are from"
    )
    add_model(parser)
    add_device(parser)
    archive.add_workers(parser)


def run(arguments: Namespace) -> None:
    """Separate and annotate what is not done, then write manifest, shards and card.

    CommandError or FolderError before anything is written where a source or a licence is missing;
    PartlyDone at the end where a recording was refused.
    """
    if arguments.transcribe:
        transcribe.check_installed()
    from ..archives.collection import TRACKS, write_collection
    from ..archives.listing import listing
    from ..archives.works import described, find_scores
    from ..files import file_sha256

    folder, tracks = arguments.folder, arguments.output / TRACKS
    for given in (folder, arguments.scores or folder):
        if not given.is_dir():
            raise CommandError(f"{given}: there is no such folder; check the name.")
    entries = listing([folder], tracks).entries
    known = described(entries, folder, arguments.licence.strip(), arguments.source.strip())
    files = find_scores(entries, folder, arguments.scores or folder)
    scores = {name: read_scores(path) for name, path in files.items()}
    special = {name: {"score_sha256": file_sha256(path)} for name, path in files.items()}
    if arguments.transcribe:
        transcribe.fetch_weights()
        without = (each.folder for each in entries if each.folder not in files)
        special |= {name: {"transcribe": True} for name in without}
    by_path = {
        os.path.abspath(each.source): (scores.get(each.folder, []), special.get(each.folder, {}))
        for each in entries
    }
    chosen = _as_separate(arguments, tracks)
    options = separate.options_of(chosen)
    work = partial(separate_and_annotate, details=by_path, options=options)
    refused = None
    try:
        archive.run(chosen, work, options, special)
    except PartlyDone as error:
        refused = error
    manifest = write_collection(arguments.output, known, scores)
    print(summary(arguments.output, manifest))
    if refused:
        raise refused


def _as_separate(arguments: Namespace, tracks: Path) -> Namespace:
    """The arguments with which `divisi separate` writes the stems into a folder."""
    parser = ArgumentParser()
    separate.add_arguments(parser)
    chosen = parser.parse_args([""])
    given = ("model", "device", "workers", "scheduler")
    vars(chosen).update({name: getattr(arguments, name) for name in given})
    vars(chosen).update(
        command="separate", files=[arguments.folder], output=tracks, format="flac", subtype="24",
        residual=True, no_player=True, skip_existing=True, overwrite=True,
    )  # fmt: skip
    return chosen


def separate_and_annotate(
    recording: Recording,
    target: Path,
    name: str,
    model: nn.Module,
    sources: Sequence[str],
    arguments: Namespace,
    *,
    details: Mapping[str, tuple[list[Score], dict[str, Any]]],
    options: Mapping[str, Any],
) -> None:
    """Write the stems of a recording with their notes and curves, and `separation.json`.

    details: by the path of a recording its score, where it has one, and the options of its own. A
    score names the instruments, where the model separates two of them at least; otherwise they are
    detected.
    """
    from ..archives.annotations import annotate
    from ..archives.collection import FORMAT
    from ..evaluation.quality_estimate import described, estimate_quality
    from ..folders import new_folder
    from ..inference.stem_files import REPORT, separate_recording

    own, special = details.get(os.path.abspath(recording.path), ([], {}))
    named = [part.instrument for part in own[0].parts] if own else []
    named = [name for name in dict.fromkeys(named) if name in model.sources]
    named = named if len(named) > 1 else []
    for warning in recording.warnings:
        warnings.warn(warning, stacklevel=2)
    with new_folder(target, arguments.overwrite, REPORT) as folder:
        done = separate_recording(
            recording, model, folder, named or None, form=FORMAT, residual=True
        )
        estimates = estimate_quality(done)
        quality = {name: round(each.value, 1) for name, each in estimates.items()}
        with refusing(ValueError):
            said = annotate(
                done.files(), own, bool(named), done.confidence, quality,
                transcribe=special.get("transcribe", False),
            )  # fmt: skip
        report = {**done.report(name), "estimated_si_sdr": described(estimates)}
        report |= {"options": {**options, **special}, "dataset": said}
        (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for remark in (*done.remarks, *([said["remark"]] if said["remark"] else [])):
        warnings.warn(remark, stacklevel=2)
    print(separate.summary(target, report))


def summary(output: Path, manifest: Mapping) -> str:
    """One line: recordings, works, minutes, splits."""
    recordings = manifest["recordings"].values()
    minutes = sum(each["seconds"] for each in recordings) / 60
    counts = {split: sum(each["split"] == split for each in recordings)
              for split in ("train", "validation", "test")}  # fmt: skip
    parts = ", ".join(f"{split} {count}" for split, count in counts.items() if count)
    works = len({each["work"] for each in recordings})
    return (
        f"{output}: {len(recordings)} recordings of {works} works, {minutes:.1f} minutes ({parts})"
    )
