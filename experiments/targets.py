"""Open-Unmix for eleven targets: each is trained, and measured beside floor and oracle.

    python -m experiments.targets
    python -m experiments.targets --only guitar violin
    python -m experiments.targets --real

The first call trains and measures everything that its tables lack, one target after another, so
that it resumes wherever it was stopped. Rendered tests have the soundfont FluidR3_GM, which
trained, or TimGM6mb, which did not; the real recordings in DIVISI_DATA follow where it is set.
"""

from __future__ import annotations

import argparse
import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from experiments.jobs import Job, report, run
from experiments.nussl.musicsourcesep import target_and_rest
from experiments.pieces import rendered
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import StemFolder, find_tracks
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, match_stems, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.instruments import instrument
from helpers.music.random_pieces import RandomPiece
from helpers.music.scores import Score
from helpers.music.splits import RANDOM, names
from helpers.recipes.schema import Recipe, read_recipe
from helpers.recipes.targets import with_target
from helpers.recipes.train import train
from helpers.training.checkpoints import available_models, load_model

NOTEBOOK, TABLE = "05_open_unmix", "05_targets"
TARGETS = (
    "guitar", "violin", "viola", "cello", "flute", "oboe", "clarinet", "bassoon", "horn", "trumpet",
    "piano",
)  # fmt: skip
#: Those whose weights come with the course, 4 MB each.
SHIPPED = ("guitar", "flute", "violin", "cello", "piano")
#: The rendered tests, and their soundfonts.
SOUNDFONTS = {"rendered": "FluidR3_GM", "unseen soundfont": "TimGM6mb"}
CORPORA = ("bach10_excerpts", "trios", "urmp_excerpts")
SIZES = (2, 3, 4, 5, 6)  # of the ensembles of the tests, in turn
SECONDS = 10.0
TINY = {"hidden": 16, "layers": 1}


def smoke() -> bool:
    return runtime.profile() == "smoke"


def recipe_of(target: str, steps: int = 0, quick: bool = False) -> Recipe:
    """The recipe of a target. steps: other than the recipe's.

    quick: the same network on a few random pieces from one soundfont, which trains in minutes; in
    the smoke profile always, with a tiny network and test data.
    """
    recipe = read_recipe(runtime.repository_root() / "recipes" / "open-unmix.toml")
    recipe = with_target(recipe, target)
    training = replace(recipe.training, steps=steps or (4 if smoke() else recipe.training.steps))
    if quick or smoke():
        recipe = replace(
            recipe,
            scores=("random",), max_pieces=3 if smoke() else 12, validation_examples=4,
            use_note_samples=False, use_solos=False,
            model={**recipe.model, **(TINY if smoke() else {})},
            segment_seconds=2.0 if smoke() else recipe.segment_seconds,
            rendering=replace(
                recipe.rendering, soundfonts=(SOUNDFONTS["rendered"],), note_samples=0
            ),
            mixing=replace(recipe.mixing, reverb=0.0),
        )  # fmt: skip
        training = replace(training, batch_size=2 if smoke() else 8, warmup_steps=1, ema_decay=0.98)
    every = min(training.validate_every, max(training.steps // 2, 1))
    return replace(recipe, training=replace(training, validate_every=every))


def model_of(target: str, steps: int = 0, quick: bool = False, progress: bool = False) -> nn.Module:
    """The trained model of a target: that of the course, or trained here, or resumed.

    steps, quick: as in `recipe_of`; without them the weights of SHIPPED are copied to `Checkpoints`
    of the profile.
    """
    recipe, whole = recipe_of(target, steps, quick), not (steps or quick or smoke())
    if whole and recipe.name in available_models():
        return load_model(recipe.name)
    run_name = f"{recipe.name}-{'quick-' * quick}{recipe.training.steps}"
    weights = train(recipe, results.output_folder("runs") / run_name, progress=progress)
    if whole and target in SHIPPED:
        folder = results.output_folder("Checkpoints")
        folder.mkdir(parents=True, exist_ok=True)
        for path in (weights, weights.with_suffix(".json")):
            shutil.copy(path, folder)
    return load_model(weights)


@cache
def test_scores(target: str) -> tuple[Score, ...]:
    """Scores of the test split with the target, for ensembles of the sizes SIZES in turn.

    Up to four players have an excerpt of a quartet in which all of them play, five and six a
    random piece.
    """
    others = [name for name in recipe_of(target).rendering.instruments if name != target]
    works = names("quartet", "test")
    scores = []
    for place in range(count()):
        rng = np.random.default_rng([zlib.crc32(target.encode()), place])
        size = SIZES[place % len(SIZES)]
        companions = rng.choice(others, size - 1, replace=False).tolist()
        ensemble = sorted([target, *companions], key=lambda name: -_mean_of_range(name))
        if size > 4 or smoke():
            piece = RandomPiece(RANDOM["test"][place])
            scores.append(piece.score(ensemble, seconds=SECONDS))
        else:
            cut = excerpts(works[place % len(works)], SECONDS)
            drawn = (arrangement(cut[i], tuple(ensemble)) for i in rng.permutation(len(cut)))
            scores.append(next(score for score in drawn if _all_play(score)))
    return tuple(scores)


def _all_play(score: Score) -> bool:
    """Whether each player has notes for a second or more."""
    return min(sum(note.duration for note in part.notes) for part in score.parts) >= 1.0


def count() -> int:
    """The number of rendered test tracks of a target."""
    return 2 if smoke() else 10


def test_tracks(target: str, test: str) -> list[Track]:
    """The test of a target: its stem and the rest, rendered ones named TARGET-0, TARGET-1, ...

    Rendered, all players have the same RMS. Of a corpus, the pieces that have the target and more.
    """
    if test not in SOUNDFONTS:
        pieces = (match_stems(piece.load(channels=1), (target,)) for piece in _pieces(target, test))
        return [target_and_rest(piece, target) for piece in pieces]
    tracks = [
        rendered(score, SECONDS, f"{target}-{place}", SOUNDFONTS[test])
        for place, score in enumerate(test_scores(target))
    ]
    return [target_and_rest(track, target) for track in tracks]


def track_names(target: str, test: str) -> list[str]:
    """The names of `test_tracks`."""
    if test in SOUNDFONTS:
        return [f"{target}-{place}" for place in range(count())]
    return [piece.name for piece in _pieces(target, test)]


def tests_of(target: str) -> list[str]:
    """The rendered tests, and the corpora that are here and have the target."""
    corpora = [] if smoke() else [corpus for corpus in CORPORA if _pieces(target, corpus)]
    return [*SOUNDFONTS, *corpora]


def jobs_of(target: str, steps: int = 0) -> Iterable[Job]:
    """Floor, oracles and Open-Unmix on all tests of a target."""
    for test in tests_of(target):
        system, tracks = f"open-unmix-{target}", track_names(target, test)
        floor = {"system": "mixture", "test_data": test, "instrument": target}
        yield Job(floor, tracks, partial(measure_floor, target, test))
        config = f"{recipe_of(target, steps).training.steps} steps"
        columns = {"system": system, "test_data": test, "config": config}
        yield Job(columns, tracks, partial(measure, target, test, steps, columns))


def measure_floor(target: str, test: str) -> list[Row]:
    """The rows of floor and ceilings for the target."""
    where = Provenance(NOTEBOOK, test)
    rows = evaluate_baselines(test_tracks(target, test), where, museval=True)
    return [row for row in rows if row.instrument == target]


def measure(target: str, test: str, steps: int, columns: Mapping[str, str]) -> list[Row]:
    """The rows of Open-Unmix for the target, which is trained first where it is not."""
    model = model_of(target, steps, progress=True)
    where = Provenance.of_model(model.card, test, notebook=NOTEBOOK)
    where, system = replace(where, config=columns["config"]), columns["system"]
    rows = evaluate(system, model_separator(model), test_tracks(target, test), where, museval=True)
    return [row for row in rows if row.instrument == target]


def real_rows(table: Path) -> list[Row]:
    """The rows of the shipped models on real recordings, as `experiments.real_recordings` has its
    own: without a chapter."""
    systems = {f"open-unmix-{target}" for target in SHIPPED}
    return [
        replace(row, notebook="none")
        for row in results.read(table)
        if row.system in systems and row.test_data in CORPORA
    ]


def _pieces(target: str, corpus: str) -> list[StemFolder]:
    """The pieces of a corpus in DIVISI_DATA that have the target and others."""
    root = runtime.data_root()
    if root is None or not (root / corpus).is_dir():
        return []
    found = find_tracks(root / corpus)
    return [piece for piece in found if 0 < len(piece.players(target)) < len(piece.stems)]


def _mean_of_range(name: str) -> float:
    row = instrument(name)
    return (row.low + row.high) / 2


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=TARGETS, help="these targets")
    parser.add_argument("--steps", type=int, default=0, help="of each; by default the recipe's")
    parser.add_argument(
        "--real", action="store_true", help="copy the rows of SHIPPED into real_recordings.csv"
    )
    arguments = parser.parse_args(words)
    torch.set_num_threads(1)
    table = results.results_path(TABLE)
    if arguments.real:
        results.append(results.results_path("real_recordings"), real_rows(table))
        return
    try:
        for target in arguments.only:
            run(list(jobs_of(target, arguments.steps)), table, title=target)
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    report(table)


if __name__ == "__main__":
    main()
