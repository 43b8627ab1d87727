"""`divisi evaluate`: a model on recordings with stems, with floor and ceilings."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from .errors import CommandError, refusing
from .options import add_device, add_model

SUMMARY = "measure a model on recordings with stems"
DESCRIPTION = """\
Separate every track of a corpus and add one row per track, instrument and metric to FILE,
beside the floor (the unprocessed mixture) and the ceilings (the oracle masks).

CORPUS_DIR is any folder of stem folders (one file per instrument), or Bach10, URMP or
TRIOS as published.
"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("corpus", type=Path, metavar="CORPUS_DIR")
    parser.add_argument(
        "--csv", required=True, type=Path, metavar="FILE", help="the table to add the rows to"
    )
    add_model(parser)
    add_device(parser)
    parser.add_argument(
        "--no-baselines", action="store_true", help="the model alone, without floor and ceilings"
    )


def run(arguments: Namespace) -> None:
    """Measure every track, append the rows to the table, and print its summary."""
    from .. import evaluate
    from ..evaluation import results
    from ..inference.loading import model_and_name

    check_table(arguments.csv)
    with refusing(ValueError):
        name, model = model_and_name(arguments.model, arguments.device)
    rows = evaluate(arguments.corpus, model, name=name, baselines=not arguments.no_baselines)
    with refusing(ValueError):
        results.append(arguments.csv, rows)
    print(results.markdown(results.summary(arguments.csv)), end="")
    tracks = len({row.track for row in rows})
    print(f"\nSI-SDR in dB. {len(rows)} rows of {tracks} tracks are in {arguments.csv}.")


def check_table(path: Path) -> None:
    """Refuse a table that cannot be written, before the work begins."""
    from ..evaluation import results
    from ..folders import nearest_ancestor

    folder = nearest_ancestor(path.parent)
    if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise CommandError(f"{path}: cannot be written; choose another file with --csv.")
    if path.exists():
        with refusing(ValueError):
            results.read(path)
