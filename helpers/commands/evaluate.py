"""`divisi evaluate`: a model on recordings with stems, beside the floor and the ceilings."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from tqdm import tqdm

from .. import runtime
from ..datasets.stem_folders import find_tracks
from ..evaluation import results
from ..evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from ..evaluation.rows import Provenance
from .errors import CommandError, refusing
from .folders import nearest_ancestor
from .loading import load


def run(arguments: Namespace) -> None:
    """Measure every track, add the rows to the table at once, and print its summary."""
    check_table(arguments.csv)
    folders = find_tracks(arguments.corpus)
    loaded = load(arguments)
    card = loaded.model.card
    recipe = card["provenance"].get("recipe", {})
    provenance = Provenance.here(
        notebook="none",
        test_data=arguments.corpus.resolve().name,
        train_data=recipe.get("name", "unknown"),
        seed=recipe.get("training", {}).get("seed", 0),
        config=card["architecture"],
        checkpoint_sha256=loaded.sha256,
        device=runtime.describe_device(loaded.device),
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
    print(f"\nSI-SDR in dB. {len(rows)} rows, tracks: {len(folders)}, are in {arguments.csv}.")


def check_table(path: Path) -> None:
    """Refuse, before hours of work, a table that could not be written at their end."""
    folder = nearest_ancestor(path.parent)
    if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise CommandError(f"{path}: cannot be written; choose another file with --csv.")
    if path.exists():
        with refusing(ValueError):
            results.read(path)
