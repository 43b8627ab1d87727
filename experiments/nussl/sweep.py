"""Six networks of nussl for each instrument, each piece left out in turn, measured into Results/.

    python -m experiments.nussl.sweep
    python -m experiments.nussl.sweep --models E --instruments violin --data Bach10

Without --data, the excerpts of Bach10 under DIVISI_DATA. It can be stopped and goes on with what
the table lacks; the tables of MusicSourceSep's layout are written at the end.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from lightning.fabric import Fabric
from tqdm import tqdm

from experiments.folds import leave_one_out
from experiments.nussl.coherent_mixes import CoherentMixes
from experiments.nussl.musicsourcesep import (
    CONFIGURATIONS,
    INSTRUMENTS,
    Configuration,
    write_tables,
)
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation import results
from helpers.evaluation.evaluate import (
    against_the_rest,
    evaluate,
    evaluate_baselines,
    model_separator,
)
from helpers.evaluation.rows import Provenance, Row
from helpers.models.mask_inference import MaskInference, MaskInferenceConfig
from helpers.training.checkpoints import load_model, save_model
from helpers.training.losses import magnitude_l1
from helpers.training.trainer import TrainingConfig, fit

TABLE = "03_nussl_bach10"
NOTEBOOK = "03_nussl_mask_inference"
BATCH = 5


@dataclass(frozen=True)
class Sweep:
    """What all trainings have in common: the recordings, and the length of a mixture."""

    root: Path
    runs: Path
    seconds: float = 4.0
    seed: int = 0
    device: str = "auto"
    precision: str = "32-true"
    sample_rate: int = 44100
    start: Path | None = None  # the folder of a training whose weights are where one begins

    def tracks(self, piece: str) -> tuple[list[Track], list[Track]]:
        """The recordings of the other pieces, and those of the piece."""
        folds = leave_one_out(find_tracks(self.root))
        folders = next(folders for name, *folders in folds if name == piece)
        others, own = ([f.load(self.sample_rate, channels=1) for f in side] for side in folders)
        return others, own

    def config(self, it: Configuration) -> str:
        """The column `config` of the rows of a configuration."""
        return (
            f"MaskInference hidden={it.hidden} layers={it.layers} dropout={it.dropout:g} "
            f"mixes={it.mixes}x{self.seconds:g}s steps={it.steps} batch={BATCH}"
        )

    def provenance(self, **details) -> Provenance:
        return Provenance.here(NOTEBOOK, self.root.name, seed=self.seed, **details)

    def rows(self, table: Path) -> list[Row]:
        """Those of the table that this sweep, or a model beyond its own, has written."""
        known = results.read(table) if table.exists() else []
        here = self.provenance()
        configs = {it.system: self.config(it) for it in CONFIGURATIONS}
        return [
            row
            for row in known
            if (row.test_data, row.seed, row.profile) == (here.test_data, here.seed, here.profile)
            and row.config == configs.get(row.system, row.config)
        ]


@dataclass(frozen=True)
class Job:
    """One network: a configuration, what it listens for, and the piece that it never hears."""

    configuration: Configuration
    instrument: str
    piece: str

    def folder(self, sweep: Sweep) -> Path:
        """Of its training."""
        run = f"{self.configuration.system}-{sweep.seconds:g}s-seed{sweep.seed}".replace(" ", "-")
        return sweep.runs / run / f"{self.instrument}-{self.piece}"


def train(job: Job, sweep: Sweep) -> MaskInference:
    """The network of a job, trained or brought to the end of its training, as it was saved."""
    it, device = job.configuration, runtime.pick_device(sweep.device)
    others, _ = sweep.tracks(job.piece)
    mixes = CoherentMixes(others, job.instrument, sweep.seconds, it.mixes, sweep.seed)
    runtime.seed_everything(sweep.seed)
    model = MaskInference(
        MaskInferenceConfig(
            job.instrument, it.hidden, it.layers, it.dropout, sample_rate=sweep.sample_rate
        )
    )
    if sweep.start:
        (weights,) = sweep.start.glob("*.safetensors")
        model.load_state_dict(load_model(weights).state_dict())
    training = TrainingConfig(
        it.steps, BATCH, learning_rate=1e-3, warmup_steps=0, final_rate=1.0, gradient_clip=0.0,
        ema_decay=0.0, validate_every=it.steps, checkpoint_every=it.steps, log_every=5,
        precision=sweep.precision, seed=sweep.seed,
    )  # fmt: skip
    fabric = Fabric(accelerator=device.type, devices=1, precision=sweep.precision)
    run = job.folder(sweep)
    history = fit(
        model, partial(magnitude_l1, source=0), mixes,
        config=training, folder=run, fabric=fabric, progress=False,
    )  # fmt: skip
    if not history.finished:
        raise KeyboardInterrupt
    details = {
        "script": "experiments/nussl/sweep.py", **asdict(job),
        "seconds": sweep.seconds, "seed": sweep.seed, "commit": runtime.commit(),
        "learned_from": sorted({folder.corpus.name for folder in find_tracks(sweep.root)}),
    }  # fmt: skip
    weights, _ = save_model(model, run, f"nussl-{job.instrument}", details, half=True)
    for state in ("last.ckpt", "best.ckpt"):
        (run / state).unlink()
    return load_model(weights, device)


def measure(job: Job, sweep: Sweep) -> list[Row]:
    """Train a job's network and measure it on the piece that it has not heard."""
    model, device = train(job, sweep), runtime.pick_device(sweep.device)
    where = sweep.provenance(
        train_data=f"{sweep.root.name} but the piece",
        config=sweep.config(job.configuration),
        checkpoint_sha256=model.card["sha256"],
        device=runtime.describe_device(device),
    )
    _, own = sweep.tracks(job.piece)
    tracks = [against_the_rest(track, job.instrument) for track in own]
    rows = evaluate(job.configuration.system, model_separator(model, device), tracks, where)
    return [row for row in rows if row.instrument == job.instrument]


def baselines(instruments: Sequence[str], sweep: Sweep, table: Path) -> Iterator[Row]:
    """Floor and ceilings of the recordings that the table has none of, as two stems each."""
    done = {(row.system, row.instrument, row.track) for row in sweep.rows(table)}
    for folder in find_tracks(sweep.root):
        missing = [name for name in instruments if ("mixture", name, folder.name) not in done]
        track = folder.load(sweep.sample_rate, channels=1) if missing else None
        for name in missing:
            rows = evaluate_baselines([against_the_rest(track, name)], sweep.provenance())
            yield from (row for row in rows if row.instrument == name)


def remaining(jobs: Iterable[Job], sweep: Sweep, table: Path) -> list[Job]:
    """The jobs that the table does not hold the rows of."""
    done = {(row.system, row.instrument, row.track) for row in sweep.rows(table)}
    tracks = {piece: own for piece, _, own in leave_one_out(find_tracks(sweep.root))}

    def wanted(job: Job) -> set[tuple[str, str, str]]:
        system = job.configuration.system
        return {(system, job.instrument, track.name) for track in tracks[job.piece]}

    return [job for job in jobs if not wanted(job) <= done]


def finished(jobs: Sequence[Job], sweep: Sweep, workers: int) -> Iterator[tuple[Job, list[Row]]]:
    """Every job and its rows, as they are finished, by so many processes of one thread each."""
    if workers == 1:
        yield from ((job, measure(job, sweep)) for job in jobs)
        return
    spawn = multiprocessing.get_context("spawn")
    one_thread = {"initializer": torch.set_num_threads, "initargs": (1,)}
    with ProcessPoolExecutor(workers, mp_context=spawn, **one_thread) as pool:
        began = {pool.submit(measure, job, sweep): job for job in jobs}
        try:
            for ended in as_completed(began):
                yield began[ended], ended.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def run(
    sweep: Sweep,
    table: Path,
    configurations: Sequence[Configuration] = CONFIGURATIONS,
    instruments: Sequence[str] = INSTRUMENTS,
    workers: int = 2,
) -> list[Path]:
    """Everything that the table lacks, and then the tables of the other layout, beside it."""
    pieces = [piece for piece, _, _ in leave_one_out(find_tracks(sweep.root))]
    jobs = [Job(c, name, piece) for c in configurations for name in instruments for piece in pieces]
    results.append(table, baselines(instruments, sweep, table))
    missing = remaining(jobs, sweep, table)
    with tqdm(total=sum(job.configuration.steps for job in missing), unit="step") as bar:
        for job, rows in finished(missing, sweep, workers):
            results.append(table, rows)
            bar.set_postfix_str(f"{job.configuration.system}, {job.instrument}, {job.piece}")
            bar.update(job.configuration.steps)
    return write_tables(sweep.rows(table), table.parent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of Bach10's pieces")
    letters = [configuration.letter for configuration in CONFIGURATIONS]
    parser.add_argument("--models", nargs="+", choices=letters, default=letters)
    parser.add_argument("--instruments", nargs="+", choices=INSTRUMENTS, default=INSTRUMENTS)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a mixture (4)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time (2)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="32-true", help="or bf16-mixed")
    chosen = parser.parse_args()
    root = runtime.data_root()
    if chosen.data is None and root is None:
        raise SystemExit("DIVISI_DATA names no folder; set it, or name Bach10's with --data.")
    sweep = Sweep(
        chosen.data or root / "bach10_excerpts",
        runtime.repository_root() / "runs" / "nussl",
        chosen.seconds, chosen.seed, chosen.device, chosen.precision,
    )  # fmt: skip
    configurations = [it for it in CONFIGURATIONS if it.letter in chosen.models]
    table = results.results_path(TABLE)
    try:
        files = run(sweep, table, configurations, chosen.instruments, chosen.workers)
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command goes on from here.") from None
    print(results.markdown(results.summary(table)))
    print(f"SI-SDR in dB; {table}, and {len(files)} tables in MusicSourceSep's layout beside it.")


if __name__ == "__main__":
    main()
