"""What the sweep of nussl leaves open, measured into the same tables.

    python -m experiments.nussl.beyond --fitted
    python -m experiments.nussl.beyond --carried --workers 2

`--fitted` is Model G: the quartet pretrained on rendered chorales and recorded notes, fitted to the
recordings of the other pieces (`experiments.real_recordings --fit` trains it where it is missing)
and measured as the sweep measures: its estimate, and the mixture without it.

`--carried` is Model E as MusicSourceSep trained it: one network goes on from piece to piece, each
time with another left out, so that all but the first have heard the piece that they are measured
on. `Model E carried` is therefore no result about new recordings.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from experiments.folds import leave_one_out
from experiments.nussl.musicsourcesep import CONFIGURATIONS, INSTRUMENTS, write_tables
from experiments.nussl.sweep import NOTEBOOK, TABLE, Job, Sweep, measure
from experiments.real_recordings import fitted
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation import results
from helpers.evaluation.evaluate import Separator, against_the_rest, evaluate, model_separator
from helpers.evaluation.rows import Provenance, Row

RECIPE = "bach-quartet-real"
MODEL_E = next(it for it in CONFIGURATIONS if it.letter == "E")


def alone(separator: Separator, name: str) -> Separator:
    """A separator of one instrument from one of many: its estimate, and what the mixture lacks."""

    def separate(track: Track) -> dict[str, np.ndarray]:
        estimate = separator(track)[name]
        return {name: estimate, "rest": track.mixture - estimate}

    return separate


def fitted_rows(corpus: Path, device: torch.device) -> Iterator[Row]:
    """Model G on every piece, each instrument against the rest."""
    recipe = runtime.repository_root() / "recipes" / f"{RECIPE}.toml"
    for model, tracks in tqdm(fitted(corpus, recipe, device), desc="Model G"):
        said = model.card["provenance"]["recipe"]
        where = Provenance.here(
            NOTEBOOK, corpus.name,
            train_data=said["name"], seed=said["training"]["seed"],
            config=model.card["architecture"], checkpoint_sha256=model.card["sha256"],
            device=runtime.describe_device(device),
        )  # fmt: skip
        separator = model_separator(model, device)
        for name in model.sources:
            pairs = [against_the_rest(track, name) for track in tracks]
            rows = evaluate("Model G", alone(separator, name), pairs, where)
            yield from (row for row in rows if row.instrument == name)


def carried_rows(instrument: str, sweep: Sweep) -> list[Row]:
    """One network through all pieces in turn, measured on each that is left out."""
    torch.set_num_threads(1)
    rows = []
    for piece, _, _ in leave_one_out(find_tracks(sweep.root)):
        job = Job(MODEL_E, instrument, piece)
        measured = measure(job, sweep)
        rows += [replace(row, system=f"{row.system} carried") for row in measured]
        sweep = replace(sweep, start=job.folder(sweep))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fitted", action="store_true", help="measure Model G")
    parser.add_argument("--carried", action="store_true", help="train Model E as it was published")
    parser.add_argument("--data", type=Path, help="a folder of Bach10's pieces")
    parser.add_argument("--workers", type=int, default=1, help="instruments at a time (1)")
    chosen = parser.parse_args()
    root = runtime.data_root()
    if chosen.data is None and root is None:
        raise SystemExit("DIVISI_DATA names no folder; set it, or name Bach10's with --data.")
    corpus = chosen.data or root / "bach10_excerpts"
    sweep = Sweep(corpus, runtime.repository_root() / "runs" / "nussl-carried")
    table = results.results_path(TABLE)
    if chosen.fitted:
        results.append(table, list(fitted_rows(corpus, runtime.pick_device())))
    if chosen.carried:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(chosen.workers, mp_context=spawn) as pool:
            each = pool.map(carried_rows, INSTRUMENTS, [sweep] * len(INSTRUMENTS))
            for rows in tqdm(each, total=len(INSTRUMENTS), desc="Model E carried"):
                results.append(table, rows)
    write_tables(sweep.rows(table), table.parent)
    print(results.markdown(results.summary(table)))


if __name__ == "__main__":
    main()
