"""What Wiener filtering buys on the stems of quartets: with and without, for two separators.

    python -m experiments.wiener

The separators are four Open-Unmix networks, which know nothing of each other, and `chamber`, whose
masks sum to one. The quartets are rendered with the two soundfonts of `experiments.targets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from experiments.jobs import Job, report, run
from experiments.pieces import rendered
from experiments.targets import NOTEBOOK, SECONDS, SOUNDFONTS, model_of, smoke
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.evaluation.evaluate import Separator, evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.wiener import wiener_filter
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.random_pieces import RandomPiece
from helpers.music.splits import RANDOM, names
from helpers.training.checkpoints import load_model

TABLE = "05_wiener"
QUARTET = ("flute", "violin", "cello", "piano")


class System(NamedTuple):
    """A separator, and its weights' sha256 and training data for the table."""

    separator: Separator
    sha256: str
    train_data: str


@cache
def quartets(test: str) -> tuple[Track, ...]:
    """Excerpts of quartets of the test split for QUARTET, and as many random pieces."""
    half = 1 if smoke() else 4
    works = names("quartet", "test")
    scores = [
        RandomPiece(RANDOM["test"][-1 - p]).score(QUARTET, seconds=SECONDS) for p in range(half)
    ]
    if not smoke():
        cut = [excerpts(works[place % len(works)], SECONDS)[-1] for place in range(half)]
        scores += [arrangement(each, QUARTET) for each in cut]
    return tuple(
        rendered(score, SECONDS, f"quartet-{place}", SOUNDFONTS[test])
        for place, score in enumerate(scores)
    )


def filtered(separator: Separator, iterations: int = 1) -> Separator:
    """A separator whose estimates pass through the Wiener filter."""

    def separate(track: Track) -> Mapping[str, np.ndarray]:
        estimates = {name: each for name, each in separator(track).items() if name in track.stems}
        stems = wiener_filter(np.stack(list(estimates.values())), track.mixture, iterations)
        return dict(zip(estimates, stems, strict=True))

    return separate


@cache
def open_unmix() -> System:
    """Four networks side by side."""
    models = {name: model_of(name) for name in QUARTET}

    def separate(track: Track) -> dict[str, np.ndarray]:
        return {name: model_separator(model)(track)[name] for name, model in models.items()}

    digests = "+".join(model.card["sha256"][:16] for model in models.values())
    return System(separate, digests, "open-unmix")


@cache
def chamber() -> System:
    """The model of `divisi separate`, given the names of the instruments."""
    model = load_model("chamber")
    return System(model_separator(model, conditioned=True), model.card["sha256"], "chamber")


SYSTEMS = {"open-unmix": open_unmix, "chamber": chamber}


def measure(name: str, iterations: int, test: str) -> list[Row]:
    """The rows of a separator with so many iterations of the filter; 0 is without it."""
    system = SYSTEMS[name]()
    separator = filtered(system.separator, iterations) if iterations else system.separator
    where = Provenance(
        NOTEBOOK, test,
        train_data=system.train_data, config=config(iterations), checkpoint_sha256=system.sha256,
    )  # fmt: skip
    return evaluate(name, separator, quartets(test), where, sources=QUARTET)


def config(iterations: int) -> str:
    """The column `config`."""
    return f"Wiener filter, {iterations} iterations" if iterations else "without Wiener filter"


def main() -> None:
    jobs = []
    for test in SOUNDFONTS:
        tracks = [track.name for track in quartets(test)]
        where = Provenance(NOTEBOOK, test)
        floor = partial(evaluate_baselines, quartets(test), where)
        jobs.append(Job({"system": "mixture", "test_data": test}, tracks, floor))
        for name in SYSTEMS:
            for iterations in (0, 1, 2):
                columns = {"system": name, "test_data": test, "config": config(iterations)}
                jobs.append(Job(columns, tracks, partial(measure, name, iterations, test)))
    table = results.results_path(TABLE)
    run(jobs, table)
    report(table)


if __name__ == "__main__":
    main()
