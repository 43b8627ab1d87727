"""`divisi evaluate`: a model on recordings with stems, with floor and ceilings."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from .errors import CommandError, refusing
from .options import add_device, add_model

DETECTED = "detected"
SUMMARY = "measure a model on recordings with stems"
DESCRIPTION = """\
Run what `divisi separate` runs on every piece of a corpus, and add one row per piece,
instrument and metric to FILE, beside the floor (the unprocessed mixture) and the
ceilings (the oracle masks). The rows of a piece are written when it is measured.

CORPUS_DIR is any folder of stem folders (one file per instrument), or Bach10, URMP or
TRIOS as published, or MedleyDB.
"""
STOPPED = "the rows of the pieces that were measured are kept; continue with --resume"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("corpus", type=Path, metavar="CORPUS_DIR")
    parser.add_argument(
        "--csv", required=True, type=Path, metavar="FILE", help="the table to add the rows to"
    )
    add_model(parser)
    add_device(parser)
    parser.add_argument(
        "--instruments",
        choices=(DETECTED, "named", "all"),
        default=DETECTED,
        help="how the model knows the instruments: detected where it can, as `divisi separate` does"
        " by default; named, those of the stems; or all of the model (default: detected)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="leave out pieces whose rows, of the same model and code, are in FILE",
    )
    parser.add_argument(
        "--no-bleed",
        action="store_true",
        help="leave out pieces that MedleyDB marks as recorded in one room (has_bleed)",
    )
    parser.add_argument(
        "--no-baselines", action="store_true", help="the model alone, without floor and ceilings"
    )


def run(arguments: Namespace) -> None:
    """Append the rows of each piece to the table, and print its summary."""
    from tqdm import tqdm

    from ..datasets.stem_folders import find_tracks, unique_names
    from ..evaluation import pieces, results
    from ..inference.loading import model_and_name

    check_table(arguments.csv)
    with refusing(ValueError):
        name, model = model_and_name(arguments.model, arguments.device)
    instruments = None if arguments.instruments == DETECTED else arguments.instruments
    folders = unique_names(find_tracks(arguments.corpus, bleed=not arguments.no_bleed))
    test_data, baselines = arguments.corpus.resolve().name, not arguments.no_baselines
    if arguments.resume and arguments.csv.exists():
        where = pieces.provenance(model, test_data, instruments)
        done = results.measured(arguments.csv, name, where, baselines)
        folders = {piece: folder for piece, folder in folders.items() if piece not in done}
    faults, count = {}, 0
    for piece, found in tqdm(
        pieces.evaluate_pieces(folders, model, name, test_data, instruments, baselines),
        total=len(folders), unit="piece", leave=False, disable=None,
    ):  # fmt: skip
        if isinstance(found, list):
            with refusing(ValueError):
                results.append(arguments.csv, found)
            count += len(found)
        elif len(folders) == 1:
            raise found
        else:
            faults[piece] = found
            print(f"divisi: warning: {found}", file=sys.stderr)
    if count or (arguments.csv.exists() and not faults):
        with refusing(ValueError):
            print(results.markdown(results.summary(arguments.csv)), end="")
        measured = len(folders) - len(faults)
        print(f"\nSI-SDR in dB. {count} rows of {measured} pieces were added to {arguments.csv}.")
    if faults:
        raise CommandError(
            f"{len(faults)} of {len(folders)} pieces were not measured, the first is"
            f" {next(iter(faults))}; mend them and run the same command with --resume."
        )


def check_table(path: Path) -> None:
    """Refuse a table that cannot be written, before the work begins."""
    from ..evaluation import results

    file = Path(os.path.realpath(path))
    place = next(each for each in (file, *file.parents) if os.path.lexists(each))
    usable = place.is_file() if place == file else place.is_dir()
    if not usable or not os.access(place, os.W_OK):
        raise CommandError(f"{path}: cannot be written; choose another file with --csv.")
    if file.exists():
        with refusing(ValueError):
            results.read(path)
