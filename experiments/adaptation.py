"""Does a model gain by fitting itself to a recording without stems? Results/10_adaptation.csv.

    DIVISI_DATA=... python -m experiments.adaptation

For every corpus of real recordings with stems, `divisi adapt` gets the mixtures alone, with two
seeds, and where there is one recording with a score, also with that. The true stems are used for
the table only. Measured are the model as it is (`chamber`), what the adaptation returns (`chamber
adapted`: the model as it is where the expected quality does not rise), and the first student
whatever its expected quality (`chamber first student`), which shows whether the decision was right.
Each adaptation resumes, and is not repeated where the table has its rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from torch import nn

from experiments.jobs import Job, baseline_job, corpus_folder, report, run
from experiments.scored_pieces import BACH10, TRIOS, URMP, in_time
from helpers import runtime
from helpers.audio.recordings import examine
from helpers.datasets.stem_folders import StemFolder, find_tracks
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, model_separator
from helpers.evaluation.results import output_folder, results_path
from helpers.evaluation.rows import Provenance, Row
from helpers.music.score_files import read_unfoldings
from helpers.music.scores import Score
from helpers.recipes.adapt import Adapted, adapt
from helpers.training.checkpoints import load_model
from helpers.training.runs import RunFolder

TABLE = NOTEBOOK = "10_adaptation"
MODEL = "chamber"
SEEDS = (0, 1)
STEPS = 100


def jobs(corpora: Sequence[str], steps: int) -> Iterator[Job]:
    """Floor and ceilings, the model as it is, and every adaptation."""
    for corpus in corpora:
        folders = find_tracks(corpus_folder(corpus))
        tracks = [folder.name for folder in folders]
        where = Provenance.of_model(load_model(MODEL).card, corpus, "cpu", NOTEBOOK)
        yield baseline_job(where, folders)
        yield Job(
            {"system": MODEL, "test_data": corpus}, tracks,
            partial(rows_of_model, MODEL, load_model(MODEL), folders, where),
        )  # fmt: skip
        scored = [False] + [True] * (len(folders) == 1 and bool(score_files(folders[0])))
        for with_score in scored:
            for seed in SEEDS:
                config = f"{steps} steps, {'with' if with_score else 'without'} a score"
                own = replace(where, config=config, seed=seed)
                columns = {"system": f"{MODEL} adapted", "test_data": corpus}
                columns |= {"config": config, "seed": seed}
                measure = partial(adapted_rows, folders, own, steps, with_score)
                yield Job(columns, tracks, measure)


def adapted_rows(
    folders: Sequence[StemFolder], where: Provenance, steps: int, with_score: bool
) -> list[Row]:
    """Adapt to the mixtures of a corpus; its rows, those of the first student, and the expected
    quality."""
    name = f"{where.test_data}-{where.seed}" + "-score" * with_score
    folder = output_folder("runs") / "adaptation" / f"{name}-{steps}"
    done = adapt(
        [examine(each.mixture) for each in folders], MODEL,
        instruments=folders[0].instruments, score=score_of(folders[0]) if with_score else None,
        steps=steps, seed=where.seed, folder=folder,
    )  # fmt: skip
    adapted = load_model(MODEL if done.weights is None else done.weights)
    student = load_model(MODEL)
    RunFolder(folder / "round-0").load_best(student)
    return [
        *rows_of_model(f"{MODEL} adapted", adapted, folders, where),
        *rows_of_model(f"{MODEL} first student", student, folders, where),
        *expected_rows(done, where, sum(each.load().seconds for each in folders)),
    ]


def rows_of_model(
    system: str, model: nn.Module, folders: Sequence[StemFolder], where: Provenance
) -> list[Row]:
    """The SI-SDR and the like of a model that is conditioned on the instruments of each track."""
    separator = model_separator(model.eval(), conditioned=True)
    tracks = [folder.load(channels=1) for folder in folders]
    return evaluate(system, separator, tracks, where, sources=model.sources)


def expected_rows(done: Adapted, where: Provenance, seconds: float) -> list[Row]:
    """What the measure without a reference said of the second halves."""
    values = {"expected SI-SDR before": done.before, "expected SI-SDR after": done.after}
    return [
        Row(system=f"{MODEL} adapted", track=results.ALL, instrument=results.ALL, metric=metric,
            value=value, n_seconds=seconds, **asdict(where))
        for metric, value in values.items()
    ]  # fmt: skip


def score_files(folder: StemFolder) -> list[Path]:
    return sorted(folder.folder.glob("score.*"))


def score_of(folder: StemFolder) -> Score:
    """The score of a recording, in its time and at its pitch."""
    track = folder.load(channels=1)
    return in_time(track, list(read_unfoldings(score_files(folder)[0])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", nargs="+", default=[BACH10, TRIOS, URMP])
    parser.add_argument("--steps", type=int, default=4 if runtime.profile() == "smoke" else STEPS)
    arguments = parser.parse_args()
    table = results_path(TABLE)
    run(list(jobs(arguments.corpora, arguments.steps)), table)
    report(table)


if __name__ == "__main__":
    main()
