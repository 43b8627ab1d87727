"""What does a player cost whom nobody named? Results/04_unnamed.csv.

    DIVISI_DATA=... python -m experiments.unnamed
    DIVISI_DATA=... python -m experiments.unnamed --models ensemble --workers 2

Of each ensemble of three or more, one player after the other is concealed from the models. A model
without a source `other` must give the sound of this player to the stems of those who are named. In
the table a track is a piece without a player: the SI-SDR of the others where all were named, and
where one was not (`... one unnamed`), and that of `other` as the stem of who was not (`... other`).
On real ensembles, the second development set and rendered string quartets. It resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import cache, partial

import numpy as np
from torch import nn

from experiments.chamber_sets import pieces as rendered_and_recorded
from experiments.detection import MODELS, NOTEBOOK
from experiments.detection_pieces import Piece, real_pieces
from experiments.jobs import Job, corpus_folder, report, run
from experiments.scored_pieces import BACH10, TRIOS
from helpers.audio.track import Track
from helpers.evaluation.evaluate import match_stems, measure, rows_of
from helpers.evaluation.results import results_path
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.players import conditioned_on, first_players
from helpers.inference.separation import separate
from helpers.training.checkpoints import available_models, load_model
from helpers.training.conditioning import OTHER

TABLE = "04_unnamed"
FEWEST = 3  # players


def concealable(players: Sequence[str]) -> list[str]:
    """The players who are the only one of their instrument."""
    pairs = first_players(players)
    return [name for name in players if name not in {*pairs, *pairs.values()}]


def unnamed_rows(model: nn.Module, system: str, track: Track, where: Provenance) -> Iterator[Row]:
    """SI-SDR of the stems of those who are named, with all of them named and with all but one."""
    track = match_stems(track, model.sources)
    players = list(track.stems)
    whole = si_sdr_of(track, stems_for(model, track, players))
    for unnamed in concealable(players):
        named = [name for name in players if name != unnamed]
        found = stems_for(model, track, named)
        values = {
            system: [row for row in whole if row[0] != unnamed],
            f"{system} one unnamed": si_sdr_of(track, {name: found[name] for name in named}),
        }
        if OTHER in found:
            values[f"{system} other"] = si_sdr_of(track, {unnamed: found[OTHER]})
        for name, rows in values.items():
            title = f"{track.name} without {unnamed}"
            yield from rows_of(name, title, track.seconds, where, rows)


def stems_for(model: nn.Module, track: Track, named: Sequence[str]) -> dict[str, np.ndarray]:
    """The stems of a model that is told who plays, (C, T), and `other` where it has this source."""
    told = conditioned_on(model, named)
    return dict(zip(told.sources, separate(told, track.mixture, track.sample_rate), strict=True))


def si_sdr_of(track: Track, stems: dict[str, np.ndarray]) -> list[tuple[str, str, float]]:
    """The SI-SDR of the stems of players, as `measure` gives it."""
    players = {name: stem for name, stem in stems.items() if name != OTHER}
    return [row for row in measure(track, players) if row[1] == "SI-SDR"]


@cache
def _loaded(system: str) -> nn.Module:
    return load_model(system)


def _measured(system: str, piece: Piece, where: Provenance) -> list[Row]:
    return list(unnamed_rows(_loaded(system), system, piece.track(), where))


def jobs(system: str, pieces: Sequence[Piece]) -> list[Job]:
    """One an ensemble all of whose players the model has."""
    card, found = available_models()[system], []
    for piece in pieces:
        where = Provenance.of_model(card, piece.test_data, "cpu", NOTEBOOK)
        columns = {"system": system, "test_data": piece.test_data}
        columns["checkpoint_sha256"] = where.checkpoint_sha256
        if len(piece.players) >= FEWEST and {*piece.players} <= {*card["sources"]}:
            names = [f"{piece.name} without {name}" for name in concealable(piece.players)]
            found.append(Job(columns, names, partial(_measured, system, piece, where)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    root, table = corpus_folder(), results_path(TABLE)
    real = [piece for piece in real_pieces(root) if piece.test_data in (BACH10, TRIOS)]
    for system in arguments.models:
        own = jobs(system, [*real, *rendered_and_recorded(root)])
        run(own, table, arguments.workers, system)
    report(table)


if __name__ == "__main__":
    main()
