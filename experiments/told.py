"""The command line of experiments with rows of their own on models that are told who plays."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial

import numpy as np
from torch import nn

from experiments.chamber_sets import pieces as rendered_and_recorded
from experiments.detection import MODELS, NOTEBOOK
from experiments.detection_pieces import Piece, real_pieces
from experiments.jobs import Job, corpus_folder, report, run
from experiments.scored_pieces import BACH10, TRIOS, URMP
from helpers.audio.track import Track
from helpers.evaluation.evaluate import measure
from helpers.evaluation.results import results_path
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.players import conditioned_on
from helpers.inference.separation import separate
from helpers.training.checkpoints import available_models, load_model

#: Model, its name, a track: the rows of a table.
Measure = Callable[[nn.Module, str, Track, Provenance], Iterable[Row]]
#: A piece: the tracks of the table that it gives, none where it is not measured.
Titles = Callable[[Piece], list[str]]


def measure_told(description: str, table: str, rows: Measure, titles: Titles) -> None:
    """Measure what a table lacks: real ensembles, the second development set, string quartets."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    root, path = corpus_folder(), results_path(table)
    real = [piece for piece in real_pieces(root) if piece.test_data in (BACH10, TRIOS, URMP)]
    pieces = [*real, *rendered_and_recorded(root)]
    for system in arguments.models:
        run(jobs(system, pieces, rows, titles), path, arguments.workers, system)
    report(path)


def jobs(system: str, pieces: Sequence[Piece], rows: Measure, titles: Titles) -> list[Job]:
    """One a piece all of whose players the model has."""
    card, found = available_models()[system], []
    for piece in pieces:
        where = Provenance.of_model(card, piece.test_data, "cpu", NOTEBOOK)
        columns = {"system": system, "test_data": piece.test_data}
        columns["checkpoint_sha256"] = where.checkpoint_sha256
        if (names := titles(piece)) and {*piece.players} <= {*card["sources"]}:
            found.append(Job(columns, names, partial(_measured, rows, system, piece, where)))
    return found


def stems_for(model: nn.Module, track: Track, named: Sequence[str]) -> dict[str, np.ndarray]:
    """The stems of the named players, (C, T), and `other` where the model has this source."""
    told = conditioned_on(model, named)
    return dict(zip(told.sources, separate(told, track.mixture, track.sample_rate), strict=True))


def si_sdr_of(track: Track, stems: dict[str, np.ndarray]) -> list[tuple[str, str, float]]:
    """The SI-SDR of stems, as `measure` gives it."""
    return [row for row in measure(track, stems) if row[1] == "SI-SDR"]


@cache
def _loaded(system: str) -> nn.Module:
    return load_model(system)


def _measured(rows: Measure, system: str, piece: Piece, where: Provenance) -> list[Row]:
    return list(rows(_loaded(system), system, piece.track(), where))
