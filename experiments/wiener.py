"""The effect of Wiener filtering on the stems of quartets: with and without, for two systems.

    python -m experiments.wiener

The systems are four Open-Unmix networks, which know nothing of each other, and `chamber`, whose
masks sum to one. The quartets are rendered with the two soundfonts of `experiments.targets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial

import numpy as np

from experiments.jobs import Job, report, run
from experiments.pieces import rendered
from experiments.systems import SYSTEMS, System
from experiments.targets import NOTEBOOK, SECONDS, SOUNDFONTS, smoke
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.evaluation.evaluate import Separator, evaluate, evaluate_baselines
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.wiener import wiener_filter
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.random_pieces import RandomPiece
from helpers.music.splits import RANDOM, names
from helpers.training.checkpoints import available_models

TABLE = "05_wiener"
MEASURED = ("open-unmix", "chamber")
QUARTET = ("flute", "violin", "cello", "piano")


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
        estimates = separator(track)
        stems = wiener_filter(np.stack(list(estimates.values())), track.mixture, iterations)
        return dict(zip(estimates, stems, strict=True))

    return separate


def measure(system: System, iterations: int, test: str) -> list[Row]:
    """The rows of a separator with so many iterations of the filter; 0 is without it."""
    separator = system.separator(QUARTET)
    separator = filtered(separator, iterations) if iterations else separator
    where = system.provenance(test, system.needed(QUARTET), available_models(), NOTEBOOK)
    where = replace(where, config=config(iterations))
    return evaluate(system.name, separator, quartets(test), where, sources=QUARTET)


def config(iterations: int) -> str:
    """The column `config`."""
    return f"Wiener filter, {iterations} iterations" if iterations else "without Wiener filter"


def main() -> None:
    cards, jobs = available_models(), []
    systems = [each for each in SYSTEMS if each.name in MEASURED and each.knows(QUARTET, cards)]
    for test in SOUNDFONTS:
        tracks = [track.name for track in quartets(test)]
        floor = partial(evaluate_baselines, quartets(test), Provenance(NOTEBOOK, test))
        jobs.append(Job({"system": "mixture", "test_data": test}, tracks, floor))
        for system in systems:
            for iterations in (0, 1, 2):
                columns = {"system": system.name, "test_data": test, "config": config(iterations)}
                jobs.append(Job(columns, tracks, partial(measure, system, iterations, test)))
    if absent := {*MEASURED} - {system.name for system in systems}:
        print(f"Without all weights, so not measured: {', '.join(absent)}.")
    table = results.results_path(TABLE)
    run(jobs, table)
    report(table)


if __name__ == "__main__":
    main()
