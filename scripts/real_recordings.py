"""Every real recording under DIVISI_DATA, separated and measured into Results/.

    python scripts/real_recordings.py
    python scripts/real_recordings.py --fit recipes/bach-quartet-real.toml

The first call measures floor, ceilings and the default model on all corpora. The second trains
one model for every Bach10 piece on the excerpts of the others and measures it on that piece. Both
can be stopped: trainings go on, and the table is written once, at the end.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from helpers import recipes, runtime
from helpers.cli import DEFAULT_MODEL
from helpers.data.corpora import find_tracks
from helpers.data.folds import leave_one_out
from helpers.display.plots import plot_stems, save_figure
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.sound.track import Track
from helpers.training.checkpoints import load_model

TABLE = "real_recordings"
PICTURED = "01-excerpt05"
CORPORA = ("bach10_excerpts", "trios", "urmp_excerpts")


def provenance(corpus: str, model: nn.Module, device: torch.device) -> Provenance:
    """Where the rows of one model on one corpus come from."""
    recipe = model.card["provenance"]["recipe"]
    return Provenance.here(
        notebook="none",
        test_data=corpus,
        train_data=recipe["name"],
        seed=recipe["training"]["seed"],
        config=model.card["architecture"],
        checkpoint_sha256=model.card["sha256"],
        device=runtime.describe_device(device),
    )


def shipped_rows(root: Path, device: torch.device) -> Iterable[Row]:
    """Floor, ceilings and the default model."""
    model = load_model(DEFAULT_MODEL, device)
    separator = model_separator(model, device)
    for corpus in CORPORA:
        for folder in tqdm(find_tracks(root / corpus), desc=corpus):
            track = folder.load()
            nothing = Provenance.here(notebook="none", test_data=corpus)
            yield from evaluate_baselines([track], nothing, museval=True)
            where = provenance(corpus, model, device)
            yield from evaluate(
                DEFAULT_MODEL, separator, [track], where, sources=model.sources, museval=True
            )


def fitted_rows(root: Path, path: Path, device: torch.device) -> Iterable[Row]:
    """For every piece of Bach10, a model that was fitted to the excerpts of the other pieces."""
    recipe = recipes.read_recipe(path)
    for piece, others, held_out in leave_one_out(find_tracks(root / "bach10_excerpts")):
        recordings = [
            folder.load(sample_rate=recipe.takes.sample_rate, channels=1) for folder in others
        ]
        run = runtime.repository_root() / "runs" / recipe.name / piece
        model = load_model(recipes.train(path, run, recordings=recordings), device)
        tracks = [folder.load() for folder in held_out]
        where = provenance("bach10_excerpts", model, device)
        separator = model_separator(model, device)
        yield from evaluate(
            recipe.name, separator, tracks, where, sources=model.sources, museval=True
        )


def picture(root: Path, device: torch.device) -> Path:
    """The README's picture: one real quartet and what the default model finds in it."""
    folder = next(f for f in find_tracks(root / "bach10_excerpts") if f.name == PICTURED)
    track = folder.load()
    stems = model_separator(load_model(DEFAULT_MODEL, device))(track)
    found = Track(track.name, track.sample_rate, stems, track.mixture)
    path = runtime.repository_root() / "Images" / "readme_quartet.png"
    return save_figure(plot_stems(found, limit=4000.0), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fit", type=Path, metavar="RECIPE", help="leave one piece out instead")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    root = runtime.data_root()
    if root is None:
        raise SystemExit("DIVISI_DATA names no folder; set it to the folder of real recordings.")
    device = runtime.pick_device(arguments.device)
    if arguments.fit:
        rows = list(fitted_rows(root, arguments.fit, device))
    else:
        rows = list(shipped_rows(root, device))
        print(picture(root, device))
    table = results.results_path(TABLE)
    results.append(table, rows)
    print(results.markdown(results.summary(table)))
    print(f"SI-SDR in dB; {len(rows)} rows are in {table}.")


if __name__ == "__main__":
    main()
