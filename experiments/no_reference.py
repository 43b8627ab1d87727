"""How well is the quality of stems estimated without a reference? Results/10_no_reference.csv.

    DIVISI_DATA=... python -m experiments.no_reference
    python -m experiments.no_reference --fit

The first call measures windows of 5 s of rendered ensembles, with a soundfont that is not among
those of the fit, and of all real recordings with stems, and compares the estimates with the true
SI-SDR. The second fits the coefficients of the estimate, helpers/evaluation/quality_estimate.json,
on rendered ensembles of other works and soundfonts; no real recording takes part. Both resume.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from experiments.jobs import Job, corpus_folder, run
from experiments.no_reference_pieces import Scored, ensemble, recorded
from experiments.no_reference_tables import add_estimates, fit, report
from experiments.scored_pieces import BACH10, TRIOS, URMP
from helpers import runtime
from helpers.audio.recordings import examine
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation.metrics import si_sdr
from helpers.evaluation.no_reference import WINDOW, measures
from helpers.evaluation.quality_estimate import estimate_quality
from helpers.evaluation.results import output_folder, results_path
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.detection import detect_instruments
from helpers.inference.separation import separate
from helpers.inference.stem_files import separate_recording
from helpers.music.scores import Part, Score
from helpers.training.checkpoints import available_models, load_model
from helpers.training.conditioning import condition_on

TABLE = NOTEBOOK = "10_no_reference"
#: Soundfonts of the fit, and that of the test, which shares samples with TimGM6mb for strings,
#: clarinet, saxophone and bassoon.
FITTED = ("FluidR3_GM", "MuseScore_General_Lite", "TimGM6mb", "GeneralUser")
TESTED = "sf_GMbank"
#: Rendered pieces of each model in the fit and in the test.
FIT = {
    "chamber": 72, "bach-quartet": 12, "violin-cello-flute-piano": 8, "violin-piano-real": 8,
}  # fmt: skip
LIVE, QUINTET = "chamber", ("violin", "flute", "clarinet", "cello")  # two of them violins
TESTS = {"chamber": 24, "bach-quartet": 6}


def window_rows(
    piece: Scored, model_name: str, where: Provenance, known: str, extra: int = 0
) -> Iterator[Row]:
    """The measures and the true SI-SDR in dB of every stem in every window of a piece, and the
    SI-SDR of the whole piece.

    known: how the model knows the instruments, `named` or `detected`. extra: where it is not 0,
    so many further instruments are named, which do not play.
    """
    track, model = piece.track, load_model(model_name)
    rate, mixture = track.sample_rate, track.mixture
    if known == "detected":
        sources = detect_instruments(model, [mixture], rate, 1)
    else:
        others = [name for name in model.sources if name not in track.stems]
        rng = np.random.default_rng(len(track.name) + track.samples)
        added = rng.choice(others, min(extra, len(others)), replace=False) if extra else ()
        sources = (*track.stems, *map(str, added))
    model = condition_on(model, sources)
    stems = separate(model, mixture, rate)
    silence = np.zeros_like(mixture)

    def rows(track_name: str, name: str, values: Mapping[str, float], seconds: float) -> list[Row]:
        return [
            Row(system=model_name, track=track_name, instrument=name, metric=metric, value=value,
                n_seconds=seconds, **asdict(where))
            for metric, value in values.items()
        ]  # fmt: skip

    for first in range(0, max(track.samples - round(0.8 * WINDOW * rate), 1), round(WINDOW * rate)):
        span = slice(first, min(first + round(WINDOW * rate), track.samples))
        part, own = mixture[:, span], stems[..., span]
        score = piece.score and in_window(piece.score, model.sources, first / rate)
        measured = measures(lambda x, *_: separate(model, x, rate), part, own, rate, score)
        for k, name in enumerate(model.sources):
            stem = track.stems.get(name, silence)[:, span]
            level = 10 * np.log10(float((stem**2).sum()) / float((part**2).sum()) + 1e-12)
            values = {measure: float(of_stems[k]) for measure, of_stems in measured.items()}
            truth = float(si_sdr(own[k].reshape(-1), stem.reshape(-1)))
            values |= {"SI-SDR": truth, "true level": level}
            title = f"{track.name} {first / rate:.0f}-{span.stop / rate:.0f} s"
            yield from rows(title, name, values, (span.stop - first) / rate)
    for k, name in enumerate(model.sources):
        stem = track.stems.get(name, silence)
        truth = float(si_sdr(stems[k].reshape(-1), stem.reshape(-1)))
        yield from rows(track.name, name, {"SI-SDR": truth}, track.seconds)


def in_window(score: Score, sources: Iterable[str], start: float) -> Score | None:
    """The parts of these sources with seconds from `start`; None where one has no part."""
    parts = {part.instrument: part for part in score.parts}
    if not set(sources) <= set(parts):
        return None
    moved = []
    for name in sources:
        notes = [note for note in parts[name].notes if note.onset + note.duration > start]
        moved.append(Part(name, tuple(replace(n, onset=n.onset - start) for n in notes)))
    return Score(score.title, tuple(moved))


def jobs_of_ensembles(
    pieces: Mapping[str, int], split: str, soundfonts: Sequence[str], test: str
) -> list[Job]:
    """Rendered ensembles of each model's instruments; in every fourth one instrument too many is
    named."""
    found = []
    for model, count in pieces.items():
        if model not in available_models():
            continue
        sources = available_models()[model]["sources"]
        for number in range(count):
            make = partial(ensemble, number, sources, split, soundfonts)
            extra = int(number % 4 == 3)
            found.append(job(make, f"ensemble {number:03d}", test, model, extra=extra))
    return found


def jobs_of_recordings(models: Iterable[str]) -> list[Job]:
    """All real recordings with stems, with the instruments named and, where a model can detect
    them, detected."""
    found = []
    for corpus in (BACH10, TRIOS, URMP):
        for folder in find_tracks(corpus_folder(corpus)):
            for model in models:
                card = available_models()[model]
                if set(folder.instruments) <= set(card["sources"]):
                    make = partial(recorded, folder.folder)
                    found.append(job(make, folder.name, corpus, model))
                    if card["config"].get("conditioned"):
                        found.append(job(make, folder.name, corpus, model, "detected"))
    return found


def live_jobs(path: str = "live_quintet") -> list[Job]:
    """The estimates of a live recording whose true stems nobody knows, as `divisi separate` gives
    them."""
    found = []
    for file in sorted(corpus_folder(path).glob("*.flac")):
        where = Provenance.of_model(load_model(LIVE).card, path, "cpu", NOTEBOOK)
        columns = {"system": LIVE, "test_data": path, "checkpoint_sha256": where.checkpoint_sha256}
        found.append(Job(columns, [file.stem], partial(live_rows, file, where)))
    return found


def live_rows(file: Path, where: Provenance) -> list[Row]:
    """The estimate of each stem of a recording of these instruments."""
    with TemporaryDirectory() as folder:
        recording = examine(file)
        done = separate_recording(recording, load_model(LIVE), Path(folder), QUINTET)
        estimates = estimate_quality(done)
    return [
        Row(system=LIVE, track=file.stem, instrument=name, value=value,
            metric=f"estimated SI-SDR, without a score, {bound}", n_seconds=recording.seconds,
            **asdict(where))
        for name, estimate in estimates.items()
        for bound, value in asdict(estimate).items()
    ]  # fmt: skip


def job(
    make: Callable[[], Scored],
    track: str,
    test: str,
    model: str,
    known: str = "named",
    extra: int = 0,
) -> Job:
    """The measurement of a model on one piece."""
    config = f"instruments {known}" + f", {extra} too many" * bool(extra)
    where = Provenance(
        NOTEBOOK, test, config=config,
        checkpoint_sha256=available_models()[model]["sha256"],
        device=runtime.describe_device("cpu"),
    )  # fmt: skip
    columns = {"system": model, "test_data": test, "config": config}
    columns["checkpoint_sha256"] = where.checkpoint_sha256
    return Job(columns, [track], lambda: list(window_rows(make(), model, where, known, extra)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fit", action="store_true", help="fit the coefficients again")
    parser.add_argument("--pieces", type=float, default=1.0, help="share of the rendered pieces")
    arguments = parser.parse_args()

    def share(counts: Mapping[str, int]) -> dict[str, int]:
        return {model: max(1, round(arguments.pieces * n)) for model, n in counts.items()}

    if arguments.fit:
        table = output_folder("runs") / "no-reference" / "fit.csv"
        run(jobs_of_ensembles(share(FIT), "validation", FITTED, "rendered"), table, title="fit")
        fit(table)
    table = results_path(TABLE)
    run(jobs_of_recordings(FIT), table, title="recordings")
    run(live_jobs(), table)
    run(jobs_of_ensembles(share(TESTS), "test", (TESTED,), f"rendered {TESTED}"), table)
    add_estimates(table, Provenance(NOTEBOOK, "real", device=runtime.describe_device("cpu")))
    report(table)


if __name__ == "__main__":
    main()
