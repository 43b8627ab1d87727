"""Who plays? Precision, recall and F1 of the detected instruments. Results/04_detection.csv.

    DIVISI_DATA=... python -m experiments.detection

Measured are the models on all real recordings, on 200 ensembles rendered with the
soundfont TimGM6mb, and on solos, also what the detected list costs against the true one, beside
the unprocessed mixture and the ideal masks. Each player counts: of two violins, a model with one
violin misses one; second players count apart, too. It resumes; rows of another threshold than the
present one are measured again. With `chamber` a track of 10 s takes about 3 s of one core, 8 s
where the cost is measured: half an hour in all. `chamber` and `ensemble` train neither with
TimGM6mb nor with files of the second development set, but start from weights that did, so that both
are not quite new to them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from itertools import chain

import numpy as np
from torch import nn

from experiments.detection_pieces import (
    DOUBLES,
    REAL,
    RENDERED,
    SEVENTEEN,
    TEN,
    Piece,
    development_pieces,
    players,
    real_pieces,
    rendered_pieces,
)
from experiments.jobs import Job, corpus_folder, read_rows, run
from helpers import runtime
from helpers.audio.track import Track
from helpers.evaluation.evaluate import evaluate_baselines, match_stems, measure
from helpers.evaluation.results import append, results_path
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.detection import detect, detection_threshold
from helpers.inference.players import conditioned_on
from helpers.inference.separation import separate
from helpers.training.checkpoints import available_models, load_model

TABLE, NOTEBOOK = "04_detection", "04_htdemucs"
MODELS = ("chamber", "ensemble")  # where they are
ALL_REAL = "all real ensembles"
EVERY = "all tracks"  # the track of the rows over all of a test


def piece_rows(model: nn.Module, system: str, piece: Piece, where: Provenance) -> Iterator[Row]:
    """For each player who plays or is detected whether it plays and is detected, as 1 or 0, and,
    of pieces with stems, its SI-SDR with the true and with the detected list.
    """
    track = piece.make()
    true = piece.players or players(track.instruments)
    found = detect(model, [track.mixture], track.sample_rate, track.channels)

    def row(name: str, metric: str, value: float) -> Row:
        return Row(system=system, track=piece.name, instrument=name, metric=metric, value=value,
                   n_seconds=track.seconds, **asdict(where))  # fmt: skip

    for name in dict.fromkeys((*true, *found.present)):
        yield row(name, "plays", float(name in true))
        yield row(name, "detected", float(name in found.present))
        if name in found.levels:
            yield row(name, "level", found.levels[name])
    if piece.has_stems:
        track = match_stems(track, model.sources)
        own = [name for name in track.stems if name in model.sources]
        for words, sources in {"named": own, "detected": found.sources}.items():
            for name, metric, value in measure(track, estimates(model, track, sources)):
                if metric == "SI-SDR" and name in own:
                    yield row(name, f"SI-SDR, {words}", value)


def baseline_rows(piece: Piece, where: Provenance) -> list[Row]:
    """Floor and ceilings of the SI-SDR of a piece with stems."""
    rows = [row for row in evaluate_baselines([piece.track()], where) if row.metric == "SI-SDR"]
    return [replace(row, metric="SI-SDR, named") for row in rows]


def estimates(model: nn.Module, track: Track, sources: Iterable[str]) -> dict[str, np.ndarray]:
    """The stems of a track by a model that knows these sources.

    Where an instrument is not among them the mixture stands for its stem: it is all that a user
    has of it.
    """
    system = conditioned_on(model, list(sources))
    stems = separate(system, track.mixture, track.sample_rate)
    made = dict(zip(system.sources, stems, strict=True))
    return {name: made.get(name, track.mixture) for name in track.stems}


def overall(rows: Iterable[Row]) -> list[Row]:
    """Precision, recall and F1 over all players of a test, and the mean cost of detection in dB.

    Also over all real ensembles together.
    """
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        tests = [row.test_data] + [ALL_REAL] * (row.test_data in REAL)
        for test in tests if row.track != EVERY else ():
            named = replace(row, test_data=test, track=f"{row.test_data}, {row.track}")
            group = (row.system, test, row.config, row.checkpoint_sha256, row.profile)
            groups.setdefault(group, []).append(named)
    found = []
    for own in groups.values():
        values = {(row.track, row.instrument, row.metric): row.value for row in own}
        seconds = sum({row.track: row.n_seconds for row in own}.values())
        for metric, value in scores(values).items():
            found.append(
                Row(**{**asdict(own[0]), "track": EVERY, "instrument": "all", "metric": metric,
                       "value": value, "n_seconds": seconds})
            )  # fmt: skip
    return found


def scores(values: dict[tuple[str, str, str], float]) -> dict[str, float]:
    """values: by track, instrument and metric, as `piece_rows` makes them."""
    pairs = {
        (track, name): (plays, values[track, name, "detected"])
        for (track, name, metric), plays in values.items()
        if metric == "plays"
    }
    measured = counted(list(pairs.values())) if pairs else {}
    seconds = [pair for (_, name), pair in pairs.items() if name.endswith("-2")]
    if any(plays for plays, _ in seconds):
        measured |= {f"{name}, second players": v for name, v in counted(seconds).items()}
    costs = [
        named - values[track, name, "SI-SDR, detected"]
        for (track, name, metric), named in values.items()
        if metric == "SI-SDR, named" and np.isfinite(named) and pairs
    ]
    return measured | ({"cost of detection": float(np.mean(costs))} if costs else {})


def counted(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Precision, recall and F1 of pairs of numbers, 1 or 0: plays, is detected.

    Without what has no meaning: the precision where nothing is detected, and so on.
    """
    hits = sum(plays * detected for plays, detected in pairs)
    true, found = (sum(each) for each in zip(*pairs, strict=True))
    parts = {"precision": found, "recall": true, "F1": (true + found) / 2}
    return {name: hits / count for name, count in parts.items() if count}


def with_threshold(model: nn.Module, where: Provenance) -> Provenance:
    """The provenance of what a model detects; its config names the threshold."""
    return replace(where, config=f"{where.config} (from {detection_threshold(model):g} dB)")


@cache
def _loaded(system: str) -> nn.Module:
    return load_model(system)


def _measured(system: str, piece: Piece, where: Provenance) -> list[Row]:
    return list(piece_rows(_loaded(system), system, piece, where))


def jobs(system: str, pieces: Iterable[Piece]) -> list[Job]:
    """One a piece, in the order of the pieces."""
    found = []
    for piece in pieces:
        where = Provenance.of_model(available_models()[system], piece.test_data, "cpu", NOTEBOOK)
        where = with_threshold(_loaded(system), where)
        columns = {"system": system, "test_data": piece.test_data, "config": where.config}
        columns["checkpoint_sha256"] = where.checkpoint_sha256
        found.append(Job(columns, [piece.name], partial(_measured, system, piece, where)))
    return found


def is_stale(row: Row, config: Mapping[str, str]) -> bool:
    """Whether a row was measured with another threshold. config: of each system as it is now."""
    return row.config != config.get(row.system, row.config)


def baseline_jobs(pieces: Iterable[Piece]) -> list[Job]:
    """Floor and ceilings, one job a piece with stems."""
    return [
        Job({"system": "mixture", "test_data": piece.test_data}, [piece.name],
            partial(baseline_rows, piece, Provenance(NOTEBOOK, piece.test_data)))
        for piece in pieces if piece.has_stems
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME")
    parser.add_argument("--rendered", type=int, default=RENDERED, metavar="N")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    root, table = corpus_folder(), results_path(TABLE)
    count = 3 if runtime.profile() == "smoke" else arguments.rendered
    for system in arguments.models:
        if system not in available_models():
            continue
        sets = [real_pieces(root), development_pieces(root)]
        sets.append(rendered_pieces(TEN, "ten instruments", count=count))
        if {*SEVENTEEN} <= {*available_models()[system]["sources"]}:
            sets.append(rendered_pieces(SEVENTEEN, "seventeen instruments", DOUBLES, count))
        own = list(chain(*sets))
        todo = jobs(system, own)
        append(table, [], partial(is_stale, config={system: todo[0].columns["config"]}))
        run(baseline_jobs(own), table, arguments.workers, "floor and ceilings")
        run(todo, table, arguments.workers, system)
    append(table, overall(read_rows(table)))
    for row in overall(read_rows(table)):
        print(f"{row.system:10} {row.test_data:40} {row.metric:18} {row.value:6.2f}")


if __name__ == "__main__":
    main()
