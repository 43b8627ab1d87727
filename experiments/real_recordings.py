"""Separate and measure every real recording in the folder `DIVISI_DATA`, into Results/.

    python -m experiments.real_recordings
    python -m experiments.real_recordings --systems chamber
    python -m experiments.real_recordings --fit recipes/bach-quartet-real.toml

The first call measures floor, ceilings and the trained models on all corpora, and draws the picture
of the README. `chamber` is conditioned on the instruments of each track; `chamber detected` is
conditioned on those that it detected itself, and `leak` is the level of the wrongly detected.
`guided` has the scores of `experiments.scored_pieces`, and `notes heard` says how good these are.
The second call trains one model for every piece of Bach10 on the excerpts of the other pieces and
measures it on that piece. Stopped trainings continue; the table is written at the end.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from experiments.folds import leave_one_out
from experiments.jobs import corpus_folder, report
from experiments.score_informed import GUIDED, pieces, scored_rows
from experiments.scored_pieces import ScoredTrack, notes_heard
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator, rows_of
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.detection import can_detect
from helpers.recipes.schema import read_recipe
from helpers.recipes.train import train
from helpers.training.checkpoints import available_models, load_model

TABLE = "real_recordings"
SYSTEMS = (  # where they are
    "bach-quartet", "chamber", "ensemble", "resunet-quartet", "resunet-chamber",
)  # fmt: skip
CORPORA = ("bach10_excerpts", "trios", "urmp_excerpts")


def model_rows(root: Path, device: torch.device, systems: Iterable[str]) -> Iterable[Row]:
    """Floor, ceilings and trained models."""
    here = [name for name in systems if name in available_models()]
    models = {name: load_model(name, device) for name in here}
    for corpus in CORPORA:
        for folder in tqdm(find_tracks(root / corpus), desc=corpus):
            track = folder.load()
            yield from evaluate_baselines([track], Provenance("none", corpus), museval=True)
            for system, model in models.items():
                yield from measured(system, model, track, corpus, device)


def measured(
    system: str, model: nn.Module, track: Track, corpus: str, device: torch.device
) -> Iterable[Row]:
    """A model on a track; where it can detect instruments, with these as well."""
    where = Provenance.of_model(model.card, corpus, device)
    variants = {system: model_separator(model, device, conditioned=True)}
    if can_detect(model):
        variants[f"{system} detected"] = model_separator(model, device, detecting=True)
    for name, separator in variants.items():
        yield from evaluate(name, separator, [track], where, sources=model.sources, museval=True)


def guided_rows(
    model: nn.Module, tracks: Sequence[ScoredTrack], corpus: str, device: torch.device
) -> Iterable[Row]:
    """The model that takes a score, on the tracks of a corpus, and how much of each score is heard
    in its recording."""
    where = Provenance.of_model(model.card, corpus, device)
    yield from scored_rows(GUIDED, model, tracks, where, museval=True)
    for each in tracks:
        heard = [("all", "notes heard", notes_heard(each))]
        yield from rows_of(GUIDED, each.name, each.track.seconds, where, heard)


def fitted(
    corpus: Path, path: Path, device: torch.device
) -> Iterable[tuple[nn.Module, list[Track]]]:
    """For every piece, a model fine-tuned on the other pieces by a recipe, and the piece's tracks.

    Weights in `runs/` are not trained again.
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
    """The fine-tuned models on Bach10, each on the piece that was not in its training data."""
    corpus = root / "bach10_excerpts"
    for model, tracks in fitted(corpus, path, device):
        where = Provenance.of_model(model.card, corpus.name, device)
        separator = model_separator(model, device)
        yield from evaluate(
            where.train_data, separator, tracks, where, sources=model.sources, museval=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--fit", type=Path, metavar="RECIPE", help="fine-tune and leave one piece out"
    )
    every = (*SYSTEMS, GUIDED)
    parser.add_argument("--systems", nargs="+", choices=every, default=every)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    root, device = corpus_folder(), runtime.pick_device(arguments.device)
    if arguments.fit:
        rows = list(fitted_rows(root, arguments.fit, device))
    else:
        blind = [system for system in arguments.systems if system != GUIDED]
        rows = list(model_rows(root, device, blind)) if blind else []
        if GUIDED in arguments.systems and GUIDED in available_models():
            model = load_model(GUIDED, device)
            for corpus in CORPORA:
                rows += guided_rows(model, pieces(corpus), corpus, device)
    table = results.results_path(TABLE)
    results.append(table, rows)
    report(table)


if __name__ == "__main__":
    main()
