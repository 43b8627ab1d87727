"""`divisi evaluate`: a model on recordings with stems, with floor and ceilings."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from tqdm import tqdm

from ..datasets.stem_folders import find_tracks
from ..evaluation import results
from ..evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from ..evaluation.rows import Provenance
from .errors import CommandError, refusing
from .folders import nearest_ancestor
from .loading import load


def run(arguments: Namespace) -> None:
    """Measure every track, append the rows to the table, and print its summary."""
    check_table(arguments.csv)
    folders = find_tracks(arguments.corpus)
    loaded = load(arguments)
    provenance = Provenance.of_model(
        loaded.model.card, arguments.corpus.resolve().name, loaded.device
    )
    separator = model_separator(loaded.model, loaded.device)
    rows = []
    for folder in tqdm(folders, unit="track", leave=False, disable=None):
        track = folder.load()
        rows += evaluate(loaded.name, separator, [track], provenance, sources=loaded.sources)
        if not arguments.no_baselines:
            rows += evaluate_baselines([track], provenance, sources=loaded.sources)
    with refusing(ValueError):
        results.append(arguments.csv, rows)
    print(results.markdown(results.summary(arguments.csv)), end="")
    print(f"\nSI-SDR in dB. {len(rows)} rows of {len(folders)} tracks are in {arguments.csv}.")


def check_table(path: Path) -> None:
    """Refuse a table that cannot be written, before the work begins."""
    folder = nearest_ancestor(path.parent)
    if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise CommandError(f"{path}: cannot be written; choose another file with --csv.")
    if path.exists():
        with refusing(ValueError):
            results.read(path)
