"""From which level is a stem that of a player? Results/04_detection_threshold.csv.

    DIVISI_DATA=... python -m experiments.detection_threshold
    DIVISI_DATA=... python -m experiments.detection_threshold --write

Precision, recall and F1 of the detected players at every threshold from -20 to -8 dB, on the pieces
by which one may choose, `choosing_pieces`. With `--write` each model's card gets the lowest
threshold whose F1, in the mean over the tests, is the highest or nearly so: a player too many is a
faint stem, a player too few is lost. It resumes, and takes ten minutes of one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

from torch import nn

from experiments.detection import EVERY, MODELS, NOTEBOOK, counted
from experiments.detection_pieces import SEVENTEEN, Piece, choosing_pieces, players
from experiments.jobs import Job, corpus_folder, read_rows, run
from helpers import runtime
from helpers.evaluation.results import results_path
from helpers.evaluation.rows import Provenance, Row
from helpers.files import replaced_atomically
from helpers.inference.detection import detect, detected
from helpers.training.checkpoints import available_models, load_model
from helpers.training.conditioning import OTHER

TABLE = "04_detection_threshold"
THRESHOLDS = range(-20, -7)  # dB
NEARLY = 0.015  # of F1: less than so few pieces can tell


def threshold_rows(
    model: nn.Module, system: str, pieces: Sequence[Piece], where: Provenance
) -> Iterator[Row]:
    """Precision, recall and F1 over all players of the pieces, by threshold."""
    heard, seconds = [], 0.0
    for piece in pieces:
        track = piece.make()
        true = {*(piece.players or players(track.instruments))}
        found = detect(model, [track.mixture], track.sample_rate, track.channels)
        heard.append((true, found.levels))
        seconds += track.seconds
    for threshold in THRESHOLDS:
        pairs = []
        for true, levels in heard:
            found = {*detected(levels, threshold)} - {OTHER}
            pairs += [(float(n in true), float(n in found)) for n in true | found]
        for metric, value in counted(pairs).items():
            yield Row(system=system, track=EVERY, instrument="all", n_seconds=seconds,
                      metric=f"{metric} at {threshold} dB", value=value,
                      **asdict(where))  # fmt: skip


@cache
def _loaded(system: str) -> nn.Module:
    return load_model(system)


def _measured(system: str, pieces: Sequence[Piece], where: Provenance) -> list[Row]:
    return list(threshold_rows(_loaded(system), system, pieces, where))


def jobs(system: str, pieces: Sequence[Piece]) -> list[Job]:
    """One a test; players whom the model does not know are missed."""
    card, found = available_models()[system], []
    for test in dict.fromkeys(piece.test_data for piece in pieces):
        own = [piece for piece in pieces if piece.test_data == test]
        where = Provenance.of_model(card, test, "cpu", NOTEBOOK)
        columns = {"system": system, "test_data": test}
        columns["checkpoint_sha256"] = where.checkpoint_sha256
        found.append(Job(columns, [EVERY], partial(_measured, system, own, where)))
    return found


def best_threshold(rows: Sequence[Row], system: str) -> tuple[int, float]:
    """The lowest threshold whose mean F1 over the tests is at most `NEARLY` below the highest one,
    and this F1."""
    sums: dict[int, list[float]] = {}
    for row in rows:
        metric, _, threshold = row.metric.partition(" at ")
        if row.system == system and metric == "F1":
            sums.setdefault(int(threshold.removesuffix(" dB")), []).append(row.value)
    means = {threshold: sum(values) / len(values) for threshold, values in sums.items()}
    best = min(each for each in means if means[each] >= max(means.values()) - NEARLY)
    return best, means[best]


def write(card: Path, threshold: float) -> None:
    """Note the threshold in a card."""
    entries = json.loads(card.read_text(encoding="utf-8")) | {"detection_threshold": threshold}
    with replaced_atomically(card) as draft:
        draft.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME")
    parser.add_argument("--write", action="store_true", help="the best into the models' cards")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    options = {"count": 3} if runtime.profile() == "smoke" else {}
    pieces = list(choosing_pieces(corpus_folder(), **options))
    table = results_path(TABLE)
    for system in arguments.models:
        if system not in available_models():
            continue
        larger = {*SEVENTEEN} <= {*available_models()[system]["sources"]}
        own = [piece for piece in pieces if larger or "seventeen" not in piece.test_data]
        run(jobs(system, own), table, arguments.workers, system)
        best, score = best_threshold(read_rows(table), system)
        print(f"{system}: {best} dB, F1 {score:.2f} in the mean over the tests")
        if arguments.write and runtime.profile() == "full":
            write(runtime.repository_root() / "Checkpoints" / f"{system}.json", best)


if __name__ == "__main__":
    main()
