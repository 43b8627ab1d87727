"""What do errors of identity cost? Results/04_identity.csv.

    DIVISI_DATA=... python -m experiments.identity

A model may separate two lines well and then give a part of each to the wrong instrument. In the
rows `reassigned` the stems of each half second are assigned to the players anew, in the order with
the smallest squared error to the true stems; what the SI-SDR gains by that is what is lost to
errors of identity, and what remains are other errors. The models are told who plays. On real
ensembles, the second development set and rendered string quartets. It resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial

import numpy as np
from scipy.optimize import linear_sum_assignment
from torch import nn

from experiments.chamber_sets import pieces as rendered_and_recorded
from experiments.detection import MODELS, NOTEBOOK
from experiments.detection_pieces import Piece, real_pieces
from experiments.jobs import Job, corpus_folder, report, run
from experiments.scored_pieces import BACH10, TRIOS, URMP
from helpers.audio.track import Track
from helpers.evaluation.evaluate import match_stems, measure, rows_of
from helpers.evaluation.results import results_path
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.players import conditioned_on
from helpers.inference.separation import separate
from helpers.training.checkpoints import available_models, load_model

TABLE = "04_identity"
STEP = 0.5  # seconds


def reassigned(
    estimates: Mapping[str, np.ndarray], stems: Mapping[str, np.ndarray], samples: int
) -> dict[str, np.ndarray]:
    """The estimates with their pieces of so many samples given to the players whom they fit best.

    estimates, stems: (C, T) by the same names. -> by these names.
    """
    names = list(stems)
    before = np.stack([estimates[name] for name in names])
    true, after = np.stack([stems[name] for name in names]), np.zeros_like(before)
    for start in range(0, before.shape[-1], samples):
        own = np.s_[..., start : start + samples]
        errors = np.square(before[own][:, None] - true[own][None], dtype=np.float64).sum((2, 3))
        parts, players = linear_sum_assignment(errors)
        after[own][players] = before[own][parts]
    return dict(zip(names, after, strict=True))


def identity_rows(model: nn.Module, system: str, track: Track, where: Provenance) -> Iterator[Row]:
    """SI-SDR of the stems of all players, as they are and reassigned."""
    track = match_stems(track, model.sources)
    told = conditioned_on(model, track.instruments)
    found = dict(zip(told.sources, separate(told, track.mixture, track.sample_rate), strict=True))
    as_they_are = {name: found[name] for name in track.stems}
    samples = round(STEP * track.sample_rate)
    for name, stems in (
        (system, as_they_are), (f"{system} reassigned", reassigned(found, track.stems, samples))
    ):  # fmt: skip
        values = [row for row in measure(track, stems) if row[1] == "SI-SDR"]
        yield from rows_of(name, track.name, track.seconds, where, values)


@cache
def _loaded(system: str) -> nn.Module:
    return load_model(system)


def _measured(system: str, piece: Piece, where: Provenance) -> list[Row]:
    return list(identity_rows(_loaded(system), system, piece.track(), where))


def jobs(system: str, pieces: Sequence[Piece]) -> list[Job]:
    """One a piece all of whose players the model has."""
    card, found = available_models()[system], []
    for piece in pieces:
        where = Provenance.of_model(card, piece.test_data, "cpu", NOTEBOOK)
        columns = {"system": system, "test_data": piece.test_data}
        columns["checkpoint_sha256"] = where.checkpoint_sha256
        if {*piece.players} <= {*card["sources"]}:
            found.append(Job(columns, [piece.name], partial(_measured, system, piece, where)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    root, table = corpus_folder(), results_path(TABLE)
    real = [piece for piece in real_pieces(root) if piece.test_data in (BACH10, TRIOS, URMP)]
    for system in arguments.models:
        own = jobs(system, [*real, *rendered_and_recorded(root)])
        run(own, table, arguments.workers, system)
    report(table)


if __name__ == "__main__":
    main()
