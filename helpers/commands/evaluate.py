"""`divisi evaluate`: a model, or the stems of any tool, on recordings with true stems."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CommandError, refusing
from .options import add_device, add_model

if TYPE_CHECKING:
    from ..datasets.stem_folders import StemFolder
    from ..evaluation.systems import System

DETECTED = "detected"
SUMMARY = "measure a model, or the stems of any tool"
DESCRIPTION = """\
Run what `divisi separate` runs on every piece of a corpus, and add one row per piece,
instrument and metric to FILE, beside the floor (the unprocessed mixture) and the
ceilings (the oracle masks). The rows of a piece are written when it is measured.

CORPUS_DIR is any folder of stem folders (one file per instrument), or Bach10, URMP or
TRIOS as published, or MedleyDB.

To measure another tool, let it separate what --mixtures writes, then measure its stems
with --estimates: DIR/PIECE/INSTRUMENT.wav, or DIR/PIECE_INSTRUMENT.wav. Instruments may
have any name that Divisi knows. What does not fit the corpus is listed at the end.
"""
STOPPED = "the rows of the pieces that were measured are kept; continue with --resume"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("corpus", type=Path, metavar="CORPUS_DIR")
    written = parser.add_mutually_exclusive_group(required=True)
    written.add_argument("--csv", type=Path, metavar="FILE", help="the table to add the rows to")
    written.add_argument(
        "--mixtures", type=Path, metavar="DIR",
        help="measure nothing; write the mixture of each piece to DIR/PIECE.wav, for other tools",
    )  # fmt: skip
    measured = parser.add_mutually_exclusive_group()
    add_model(measured)
    measured.add_argument(
        "--estimates", type=Path, metavar="DIR", help="measure the stems that another tool wrote"
    )
    parser.add_argument("--system", metavar="NAME", help="of the other tool, in the table")
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
    from ..evaluation import results
    from ..evaluation.systems import evaluate_pieces

    if bool(arguments.system) != bool(arguments.estimates):
        raise CommandError("--estimates DIR and --system NAME belong together; give both.")
    if arguments.estimates and arguments.instruments != DETECTED:
        raise CommandError("--instruments is for a model; leave it out with --estimates.")
    folders = unique_names(find_tracks(arguments.corpus, bleed=not arguments.no_bleed))
    if arguments.mixtures:
        return write_mixtures(folders, arguments.mixtures)
    check_table(arguments.csv)
    with refusing(ValueError):
        system = system_of(arguments, folders)
    test_data, baselines = arguments.corpus.resolve().name, not arguments.no_baselines
    if arguments.resume and arguments.csv.exists():
        done = results.measured(arguments.csv, system.name, system.provenance(test_data), baselines)
        folders = {piece: folder for piece, folder in folders.items() if piece not in done}
    faults, count = {}, 0
    for piece, found in tqdm(
        evaluate_pieces(folders, system, test_data, baselines),
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
    for sentence, names in getattr(system, "notes", {}).items():
        print(f"{sentence} ({len(names)} of {len(folders)} pieces, the first is {names[0]}).")
    if faults:
        raise CommandError(
            f"{len(faults)} of {len(folders)} pieces were not measured, the first is"
            f" {next(iter(faults))}; mend them and run the same command with --resume."
        )


def system_of(arguments: Namespace, folders: Mapping[str, StemFolder]) -> System:
    """The model, or the stems in files, that the arguments name."""
    from ..evaluation.baselines import BASELINES
    from ..evaluation.estimates import WrittenStems, find_estimates
    from ..evaluation.systems import ModelStems
    from ..inference.loading import model_and_name

    if not arguments.estimates:
        known = None if arguments.instruments == DETECTED else arguments.instruments
        name, model = model_and_name(arguments.model, arguments.device)
        return ModelStems(name, model, known)
    if arguments.system in BASELINES or not arguments.system.strip():
        raise CommandError(
            f"'{arguments.system}' is no name for a system: {', '.join(BASELINES)} are floor and"
            " ceilings; choose another one."
        )
    return WrittenStems(arguments.system, find_estimates(arguments.estimates, folders))


def write_mixtures(folders: Mapping[str, StemFolder], output: Path) -> None:
    """The mixture of each piece as output/PIECE.wav, in 32-bit float."""
    from ..evaluation.pieces import examine_piece, write_mixture
    from ..files import plain_name

    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise CommandError(f"{output}: exists and is no empty folder; choose another one.")
    pieces = {
        name: examine_piece(replace(folder, name=name), {stem: stem for stem in folder.stems})
        for name, folder in folders.items()
    }
    output.mkdir(parents=True, exist_ok=True)
    for name, piece in pieces.items():
        write_mixture(piece, output / f"{plain_name(name)}.wav")
    print(f"The mixtures of {len(folders)} pieces were written to {output}.")


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
