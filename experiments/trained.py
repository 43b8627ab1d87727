"""The command line of experiments that measure the trained models on pieces of known players."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import cache, partial

from torch import nn

from experiments.detection_pieces import Piece
from experiments.jobs import Job, report, run
from experiments.real_recordings import SYSTEMS
from helpers import runtime
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.detection import can_detect
from helpers.training.checkpoints import available_models, load_model


def measure_trained(
    description: str, table: str, pieces: Iterable[Piece], detecting: bool = False
) -> None:
    """Measure what a table lacks, and print its means.

    detecting: also with the instruments that a model detects itself, where it can.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    parser.add_argument("--workers", type=int, default=1, help="pieces at a time (1)")
    arguments = parser.parse_args()
    path = results.results_path(table)
    todo = jobs(list(pieces), arguments.systems, detecting)
    try:
        run(todo, path, arguments.workers, table)
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    report(path)


def jobs(pieces: Iterable[Piece], systems: Iterable[str], detecting: bool) -> list[Job]:
    """Of each piece floor and ceilings, and the trained models, where they are, that have all of
    its players.
    """
    pieces, found = list(pieces), []
    for piece in pieces:
        columns = {"system": "mixture", "test_data": piece.test_data}
        found.append(Job(columns, [piece.name], partial(_baselines, piece)))
    for system in systems:
        card = available_models().get(system)
        for piece in pieces if card else ():
            if {*piece.players} <= {*card["sources"]}:
                columns = {"system": system, "test_data": piece.test_data,
                           "checkpoint_sha256": card["sha256"]}  # fmt: skip
                work = partial(_measured, system, piece, detecting)
                found.append(Job(columns, [piece.name], work))
    return found


def _baselines(piece: Piece) -> list[Row]:
    return evaluate_baselines([piece.track()], Provenance("none", piece.test_data))


def _measured(system: str, piece: Piece, detecting: bool) -> list[Row]:
    model, device, track = _loaded(system), runtime.pick_device(), piece.track()
    where = Provenance.of_model(model.card, piece.test_data, device)
    separators = {system: model_separator(model, device, conditioned=True)}
    if detecting and can_detect(model):
        separators[f"{system} detected"] = model_separator(model, device, detecting=True)
    return [
        row
        for name, separator in separators.items()
        for row in evaluate(name, separator, [track], where, sources=model.sources)
    ]


@cache
def _loaded(system: str) -> nn.Module:
    return load_model(system, runtime.pick_device())
