"""Every real recording under DIVISI_DATA, separated and measured into Results/.

    python -m experiments.real_recordings
    python -m experiments.real_recordings --fit recipes/bach-quartet-real.toml

The first call measures floor, ceilings and the models for chamber music on all corpora. One that
can be told who plays is measured twice: told, and `listening`, when it finds out for itself and
`leak` says how loud those are that it heard and that do not play. The second call trains one model
for every Bach10 piece on the excerpts of the others and measures it on that piece. Both can be
stopped: trainings go on, and the table is written once, at the end.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from experiments.folds import leave_one_out
from helpers import runtime
from helpers.audio.track import Track
from helpers.cli import DEFAULT_MODEL
from helpers.datasets.stem_folders import find_tracks
from helpers.display.plots import plot_stems, save_figure
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.detection import can_detect
from helpers.recipes.schema import read_recipe
from helpers.recipes.train import train
from helpers.training.checkpoints import condition_on, load_model

TABLE = "real_recordings"
SYSTEMS = ("bach-quartet", "chamber")
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
    """Floor, ceilings and the shipped models."""
    models = {name: load_model(name, device) for name in SYSTEMS}
    for corpus in CORPORA:
        for folder in tqdm(find_tracks(root / corpus), desc=corpus):
            track = folder.load()
            nothing = Provenance.here(notebook="none", test_data=corpus)
            yield from evaluate_baselines([track], nothing, museval=True)
            for system, model in models.items():
                yield from measured(system, model, track, corpus, device)


def measured(
    system: str, model: nn.Module, track: Track, corpus: str, device: torch.device
) -> Iterable[Row]:
    """A model on a track; one that can be told who plays, told and listening."""
    known = [name for name in track.instruments if name in model.sources]
    separator_model = condition_on(model, known) if len(known) > 1 else model
    where = provenance(corpus, model, device)
    variants = {system: model_separator(separator_model, device)}
    if can_detect(model):
        variants[f"{system} listening"] = model_separator(model, device, detecting=True)
    for name, separator in variants.items():
        yield from evaluate(name, separator, [track], where, sources=model.sources, museval=True)


def fitted(
    corpus: Path, path: Path, device: torch.device
) -> Iterable[tuple[nn.Module, list[Track]]]:
    """For every piece, a model fitted to the recordings of the others by a recipe, and the piece.

    A piece whose weights are in `runs/` is not trained again.
    """
    recipe = read_recipe(path)
    for piece, others, held_out in leave_one_out(find_tracks(corpus)):
        run = runtime.repository_root() / "runs" / recipe.name / piece
        weights = run / f"{recipe.name}.safetensors"
        if not weights.exists():
            rate = recipe.rendering.sample_rate
            recordings = [folder.load(sample_rate=rate, channels=1) for folder in others]
            weights = train(path, run, recordings=recordings)
        yield load_model(weights, device), [folder.load() for folder in held_out]


def fitted_rows(root: Path, path: Path, device: torch.device) -> Iterable[Row]:
    """The fitted models on Bach10, each on the piece that it has not heard."""
    corpus = root / "bach10_excerpts"
    for model, tracks in fitted(corpus, path, device):
        where = provenance(corpus.name, model, device)
        separator = model_separator(model, device)
        yield from evaluate(
            where.train_data, separator, tracks, where, sources=model.sources, museval=True
        )


def picture(root: Path, device: torch.device) -> Path:
    """The README's picture: one real quartet and what the default model finds in it."""
    folder = next(f for f in find_tracks(root / "bach10_excerpts") if f.name == PICTURED)
    track = folder.load()
    model = condition_on(load_model(DEFAULT_MODEL, device), track.instruments)
    stems = model_separator(model)(track)
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
