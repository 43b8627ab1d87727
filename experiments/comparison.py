"""All systems of the course on the same tests, and what each of them costs.

    python -m experiments.comparison
    python -m experiments.comparison --systems chamber bach-quartet --pieces 4

Tests are rendered pieces of held-out works, each with two soundfonts, and every real recording with
stems in the folder DIVISI_DATA. The same command resumes after an interruption and measures systems
whose weights have changed. Costs are rows of the test data `costs`; their track is the ensemble.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from itertools import product

import torch

from experiments.comparison_charts import publish_charts
from experiments.comparison_tables import COSTS, ENSEMBLES, REAL, SOUNDFONTS, ensemble_of
from experiments.costs import costs
from experiments.jobs import Job, corpus_folder, report, run
from experiments.pieces import performed
from experiments.real_recordings import CORPORA
from experiments.systems import SYSTEMS, Cards, System, missing
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import StemFolder, find_tracks
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines
from helpers.evaluation.rows import Provenance, Row
from helpers.music.arrangements import Excerpt, arrangement
from helpers.music.splits import names
from helpers.training.checkpoints import available_models

TABLE = NOTEBOOK = "09_comparison"
SECONDS, PIECES = 10.0, 12


@dataclass(frozen=True)
class Piece:
    """A track that is rendered or read when it is needed."""

    name: str
    instruments: tuple[str, ...]
    load: Callable[[], Track]


@lru_cache(maxsize=PIECES)  # those of one test; the jobs are in the order of the tests
def loaded(piece: Piece) -> Track:
    return piece.load()


def rendered_tests(pieces: int = PIECES, seconds: float = SECONDS) -> dict[str, list[Piece]]:
    """`duo-FluidR3_GM` and so on: the beginnings of works that trained no model, in every ensemble.

    One third are movements of quartets, the rest chorales. The same works and performances in all
    tests, so that they can be compared piece by piece. pieces: 12 at most.
    """
    movements, chorales = names("quartet", "test")[::2], names("chorale", "test")
    thirds = zip(movements, chorales[::2], chorales[1::2], strict=False)
    works = [work for third in thirds for work in third][:pieces]
    return {
        f"{ensemble}-{soundfont}": [
            rendered_piece(Excerpt(work, 0.0, seconds), ensemble, soundfont, place)
            for place, work in enumerate(works)
        ]
        for ensemble in ENSEMBLES
        for soundfont in SOUNDFONTS
    }


def rendered_piece(excerpt: Excerpt, ensemble: str, soundfont: str, seed: int) -> Piece:
    """An excerpt, arranged, performed and rendered; seed: of the performance."""
    instruments = ENSEMBLES[ensemble]
    return Piece(
        excerpt.title,
        instruments,
        lambda: performed(arrangement(excerpt, instruments), soundfont, seed),
    )


def real_tests() -> dict[str, list[Piece]]:
    """The corpora in DIVISI_DATA, and the duo; empty where there are none."""
    root = runtime.data_root()
    tests = {
        corpus: [recorded_piece(folder) for folder in find_tracks(root / corpus)]
        for corpus in CORPORA
        if root and (root / corpus).is_dir()
    }
    duos = [duo(piece) for piece in tests.get("trios", ())]
    return tests | ({REAL["duo"]: duos} if duos else {})


def recorded_piece(folder: StemFolder) -> Piece:
    return Piece(folder.name, folder.instruments, folder.load)


def duo(piece: Piece) -> Piece:
    """Violin and piano of a trio, without its horn; the mixture is their sum."""

    def load() -> Track:
        track = piece.load()
        stems = {name: track.stems[name] for name in ENSEMBLES["duo"]}
        return replace(track, stems=stems, recording=None)

    return Piece(piece.name, ENSEMBLES["duo"], load)


def jobs(
    tests: Mapping[str, Sequence[Piece]],
    systems: Collection[System],
    cards: Cards,
    notebook: str = NOTEBOOK,
    museval: bool = True,
) -> list[Job]:
    """Floor, ceilings and every system, on the pieces of each test that it can be measured on."""
    found = []
    for test, pieces in tests.items():
        where = Provenance(notebook, test)
        everywhere = {"system": "mixture", "test_data": test}
        titles = [piece.name for piece in pieces]
        found.append(Job(everywhere, titles, partial(baseline_rows, pieces, where, museval)))
        for system in systems:
            if own := separable(system, test, pieces, cards):
                needed = sorted({name for each in own for name in system.needed(each.instruments)})
                where = system.provenance(test, needed, cards, notebook)
                columns = {"system": system.name, "test_data": test}
                columns["checkpoint_sha256"] = where.checkpoint_sha256
                titles = [piece.name for piece in own]
                found.append(Job(columns, titles, partial(measure, system, own, where, museval)))
    return found


def separable(system: System, test: str, pieces: Sequence[Piece], cards: Cards) -> list[Piece]:
    """The pieces of a test whose instruments a system knows, and which it has not learned from."""
    return [
        piece
        for piece in pieces
        if system.knows(piece.instruments, cards)
        and not system.has_learned(test, piece.name, system.needed(piece.instruments), cards)
    ]


def baseline_rows(pieces: Sequence[Piece], where: Provenance, museval: bool) -> list[Row]:
    return evaluate_baselines(map(loaded, pieces), where, museval=museval)


def measure(system: System, pieces: Sequence[Piece], where: Provenance, museval: bool) -> list[Row]:
    """The rows of a system on some pieces."""
    rows, separators = [], {}
    for piece in pieces:
        if piece.instruments not in separators:
            separators[piece.instruments] = system.separator(piece.instruments)
        separator = separators[piece.instruments]
        rows += evaluate(system.name, separator, [loaded(piece)], where, museval=museval)
    return rows


def cost_jobs(
    systems: Collection[System], cards: Cards, ensembles: Iterable[str] = tuple(ENSEMBLES)
) -> list[Job]:
    """The costs of each system with each ensemble that it knows."""
    found = []
    for system, ensemble in product(systems, ensembles):
        if system.knows(ENSEMBLES[ensemble], cards):
            needed = system.needed(ENSEMBLES[ensemble])
            where = system.provenance(COSTS, needed, cards, NOTEBOOK)
            columns = {"system": system.name, "test_data": COSTS}
            columns["checkpoint_sha256"] = where.checkpoint_sha256
            make = partial(cost_rows, system, ensemble, where, cards)
            found.append(Job(columns, [ensemble], make))
    return found


def cost_rows(system: System, ensemble: str, where: Provenance, cards: Cards) -> list[Row]:
    """Rows of the track `ensemble`; the real-time factor on two threads."""
    values, seconds, device = costs(system, ENSEMBLES[ensemble], cards)
    columns = asdict(replace(where, device=device))
    return [
        Row(
            system=system.name, track=ensemble, instrument=results.ALL, metric=metric, value=value,
            n_seconds=seconds, **columns,
        )
        for metric, value in values.items()
    ]  # fmt: skip


def compare(tests: Mapping[str, Sequence[Piece]], systems: Collection[System] = SYSTEMS) -> None:
    """Measure what the table lacks, on one thread; says which systems have no weights. Chapter: 09.

    The costs come last, because their processes need a machine that does nothing else.
    """
    cards, table = available_models(), results.results_path(TABLE)
    if sentence := missing(cards):
        print(sentence, flush=True)
    torch.set_num_threads(1)
    run(jobs(tests, systems, cards), table, title="systems on tests")
    tested = {ensemble_of(test) for test in tests}
    ensembles = [name for name in ENSEMBLES if name in tested]
    run(cost_jobs(systems, cards, ensembles), table, title="costs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", metavar="NAME", help="by default all")
    parser.add_argument("--pieces", type=int, default=PIECES, help="of each rendered test")
    arguments = parser.parse_args()
    chosen = [system for system in SYSTEMS if system.name in (arguments.systems or [system.name])]
    corpus_folder()  # ends the program where there are no recordings
    compare({**real_tests(), **rendered_tests(arguments.pieces)}, chosen)
    table = results.results_path(TABLE)
    publish_charts(results.read_table(table))
    report(table)


if __name__ == "__main__":
    main()
