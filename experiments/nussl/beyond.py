"""Two models beyond the sweep of nussl's networks, measured into the same tables.

    python -m experiments.nussl.beyond --fitted
    python -m experiments.nussl.beyond --carried --workers 2

`--fitted` is Model G: the quartet pretrained on rendered chorales and recorded notes, fine-tuned on
the recordings of the other pieces (trained as by `experiments.real_recordings --fit` if it is
missing) and measured as in the sweep: its estimate, and the mixture without it.

`--carried` is Model E as MusicSourceSep trained it: one network continues from piece to piece, each
time with another piece left out, so that all but the first piece were in its training data.
`Model E carried` is therefore no result about new recordings.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from experiments.folds import leave_one_out
from experiments.jobs import Job, corpus_folder, report, run
from experiments.nussl.musicsourcesep import (
    CONFIGURATIONS,
    INSTRUMENTS,
    target_and_rest,
    write_tables,
)
from experiments.nussl.sweep import NOTEBOOK, TABLE, Network, Sweep, measure
from experiments.real_recordings import fitted
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation import results
from helpers.evaluation.evaluate import Separator, evaluate, model_separator
from helpers.evaluation.rows import Provenance, Row

RECIPE = "bach-quartet-real"
MODEL_E = next(it for it in CONFIGURATIONS if it.letter == "E")


def single(separator: Separator, name: str) -> Separator:
    """A separator of one instrument from one of many: its estimate, and the rest of the mixture."""

    def separate(track: Track) -> dict[str, np.ndarray]:
        estimate = separator(track)[name]
        return {name: estimate, "rest": track.mixture - estimate}

    return separate


def fitted_rows(corpus: Path) -> list[Row]:
    """Model G on every piece, each instrument against the rest."""
    recipe, device = runtime.repository_root() / "recipes" / f"{RECIPE}.toml", runtime.pick_device()
    rows = []
    for model, tracks in fitted(corpus, recipe, device):
        where = Provenance.of_model(model.card, corpus.name, device, NOTEBOOK)
        separator = model_separator(model, device)
        for name in model.sources:
            pairs = [target_and_rest(track, name) for track in tracks]
            measured = evaluate("Model G", single(separator, name), pairs, where)
            rows += [row for row in measured if row.instrument == name]
    return rows


def carried_rows(instrument: str, sweep: Sweep) -> list[Row]:
    """One network through all pieces in turn, measured on each that is left out."""
    rows = []
    for piece, _, _ in leave_one_out(find_tracks(sweep.root)):
        network = Network(MODEL_E, instrument, piece)
        measured = measure(network, sweep)
        rows += [replace(row, system=f"{row.system} carried") for row in measured]
        sweep = replace(sweep, start=network.folder(sweep))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fitted", action="store_true", help="measure Model G")
    parser.add_argument("--carried", action="store_true", help="train Model E as it was published")
    parser.add_argument("--data", type=Path, help="a folder of Bach10's pieces")
    parser.add_argument("--workers", type=int, default=1, help="instruments at a time (1)")
    arguments = parser.parse_args()
    corpus = arguments.data or corpus_folder("bach10_excerpts")
    sweep = Sweep(corpus, runtime.repository_root() / "runs" / "nussl-carried")
    tracks = [folder.name for folder in find_tracks(corpus)]
    columns, table = {"test_data": corpus.name}, results.results_path(TABLE)
    if arguments.fitted:
        run([Job({**columns, "system": "Model G"}, tracks, partial(fitted_rows, corpus))], table)
    if arguments.carried:
        columns |= {"system": f"{MODEL_E.system} carried", "seed": sweep.seed}
        jobs = [
            Job({**columns, "instrument": name}, tracks, partial(carried_rows, name, sweep))
            for name in INSTRUMENTS
        ]
        run(jobs, table, arguments.workers, f"{MODEL_E.system} carried")
    write_tables(sweep.rows(table), table.parent)
    report(table)


if __name__ == "__main__":
    main()
