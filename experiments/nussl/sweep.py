"""Six configurations of nussl's networks, with leave-one-piece-out, measured into Results/.

    python -m experiments.nussl.sweep
    python -m experiments.nussl.sweep --models E --instruments violin --data Bach10

Without --data, on the excerpts of Bach10 in the folder DIVISI_DATA. The same command resumes after
an interruption; the tables in MusicSourceSep's layout are written at the end.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from lightning.fabric import Fabric

from experiments.folds import leave_one_out
from experiments.jobs import Job, corpus_folder, counts, read_rows, report, run
from experiments.nussl.coherent_mixes import CoherentMixes
from experiments.nussl.musicsourcesep import (
    CONFIGURATIONS,
    INSTRUMENTS,
    Configuration,
    target_and_rest,
    write_tables,
)
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
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
    """What all trainings share: recordings, length of a mixture, seed, device."""

    root: Path
    runs: Path
    seconds: float = 4.0
    seed: int = 0
    device: str = "auto"
    precision: str = "32-true"
    sample_rate: int = 44100
    start: Path | None = None  # the folder of a training whose weights are the initial ones

    def tracks(self, piece: str) -> tuple[list[Track], list[Track]]:
        """The recordings of the other pieces, and those of this piece."""
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

    def provenance(self, **columns: str) -> Provenance:
        return Provenance(NOTEBOOK, self.root.name, seed=self.seed, **columns)

    def rows(self, table: Path) -> list[Row]:
        """Those of the table that belong to this sweep, or to a model that it does not train."""
        columns = (self.root.name, self.seed)
        configs = {it.system: self.config(it) for it in CONFIGURATIONS}
        return [
            row
            for row in read_rows(table)
            if counts(row)
            and (row.test_data, row.seed) == columns
            and row.config == configs.get(row.system, row.config)
        ]


@dataclass(frozen=True)
class Network:
    """One network: a configuration, its target instrument, and the piece that is left out."""

    configuration: Configuration
    instrument: str
    piece: str

    def folder(self, sweep: Sweep) -> Path:
        """Of its training."""
        run = f"{self.configuration.system}-{sweep.seconds:g}s-seed{sweep.seed}".replace(" ", "-")
        return sweep.runs / run / f"{self.instrument}-{self.piece}"

    def job(self, sweep: Sweep) -> Job:
        """Its training and measurement on the recordings of the piece."""
        columns = {
            "system": self.configuration.system, "config": sweep.config(self.configuration),
            "instrument": self.instrument, "test_data": sweep.root.name, "seed": sweep.seed,
        }  # fmt: skip
        folds = {name: own for name, _, own in leave_one_out(find_tracks(sweep.root))}
        tracks = [folder.name for folder in folds[self.piece]]
        return Job(columns, tracks, partial(measure, self, sweep))


def train(network: Network, sweep: Sweep) -> MaskInference:
    """Train a network, or finish its training; the model as it was saved."""
    it, device = network.configuration, runtime.pick_device(sweep.device)
    others, _ = sweep.tracks(network.piece)
    mixes = CoherentMixes(others, network.instrument, sweep.seconds, it.mixes, sweep.seed)
    runtime.seed_everything(sweep.seed)
    model = MaskInference(
        MaskInferenceConfig(
            network.instrument, it.hidden, it.layers, it.dropout, sample_rate=sweep.sample_rate
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
    run = network.folder(sweep)
    history = fit(
        model, partial(magnitude_l1, source=0), mixes,
        config=training, folder=run, fabric=fabric, progress=False,
    )  # fmt: skip
    if not history.finished:
        raise KeyboardInterrupt
    details = {
        "script": "experiments/nussl/sweep.py", **asdict(network),
        "seconds": sweep.seconds, "seed": sweep.seed, "commit": runtime.commit(),
        "learned_from": sorted({folder.corpus.name for folder in find_tracks(sweep.root)}),
    }  # fmt: skip
    weights, _ = save_model(model, run, f"nussl-{network.instrument}", details, half=True)
    for state in ("last.ckpt", "previous.ckpt", "best.ckpt"):
        (run / state).unlink(missing_ok=True)
    return load_model(weights, device)


def measure(network: Network, sweep: Sweep) -> list[Row]:
    """Train a network and measure it on the piece that was left out."""
    model, device = train(network, sweep), runtime.pick_device(sweep.device)
    where = sweep.provenance(
        train_data=f"{sweep.root.name} but the piece",
        config=sweep.config(network.configuration),
        checkpoint_sha256=model.card["sha256"],
        device=runtime.describe_device(device),
    )
    _, own = sweep.tracks(network.piece)
    tracks = [target_and_rest(track, network.instrument) for track in own]
    rows = evaluate(network.configuration.system, model_separator(model, device), tracks, where)
    return [row for row in rows if row.instrument == network.instrument]


def measure_baselines(instrument: str, sweep: Sweep) -> list[Row]:
    """Floor and ceilings of an instrument in two stems, itself and the rest."""
    tracks = [folder.load(sweep.sample_rate, channels=1) for folder in find_tracks(sweep.root)]
    tracks = [target_and_rest(track, instrument) for track in tracks]
    rows = evaluate_baselines(tracks, sweep.provenance())
    return [row for row in rows if row.instrument == instrument]


def baseline_jobs(instruments: Sequence[str], sweep: Sweep) -> list[Job]:
    """Floor and ceilings of every instrument."""
    columns = {"system": "mixture", "test_data": sweep.root.name, "seed": sweep.seed}
    tracks = [folder.name for folder in find_tracks(sweep.root)]
    return [
        Job({**columns, "instrument": name}, tracks, partial(measure_baselines, name, sweep))
        for name in instruments
    ]


def run_sweep(
    sweep: Sweep,
    table: Path,
    configurations: Sequence[Configuration] = CONFIGURATIONS,
    instruments: Sequence[str] = INSTRUMENTS,
    workers: int = 2,
) -> list[Path]:
    """All jobs that the table lacks, and then the tables of the other layout, beside it."""
    pieces = [piece for piece, _, _ in leave_one_out(find_tracks(sweep.root))]
    networks = [Network(c, n, p) for c in configurations for n in instruments for p in pieces]
    run(baseline_jobs(instruments, sweep), table)
    run([network.job(sweep) for network in networks], table, workers, "trainings")
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
    arguments = parser.parse_args()
    sweep = Sweep(
        arguments.data or corpus_folder("bach10_excerpts"),
        runtime.repository_root() / "runs" / "nussl",
        arguments.seconds, arguments.seed, arguments.device, arguments.precision,
    )  # fmt: skip
    configurations = [it for it in CONFIGURATIONS if it.letter in arguments.models]
    table = results.results_path(TABLE)
    try:
        run_sweep(sweep, table, configurations, arguments.instruments, arguments.workers)
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    report(table)


if __name__ == "__main__":
    main()
