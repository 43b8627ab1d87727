"""Separation without pairs: cycle GANs of chapter 07, their ablation, and the upper bound.

    python -m experiments.cycle_gan
    python -m experiments.cycle_gan --only "cycle GAN" --seeds 0 --steps 100

Mixtures come from one half of the pieces of `recipes/violin-piano-wavegan.toml`, solos from the
other half. Systems in the table are skipped and stopped trainings continue, so the same command
resumes. It writes Results/07_cycle_gan.csv and, from the logs of the trainings, 07_curves.csv.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from experiments.jobs import Job, report, run
from experiments.rendered import test_pieces
from experiments.unpaired import SOURCES, datasets, recipe_of
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation import results
from helpers.evaluation.baselines import BASELINES
from helpers.evaluation.evaluate import Separator, match_stems, measure, model_separator, rows_of
from helpers.evaluation.metrics import museval_ratios
from helpers.evaluation.rows import Provenance, Row
from helpers.models.wave_gan import WaveGANCritic, WaveGANMixer, WaveGANSeparator
from helpers.training.adversarial import MEANS, AdversarialConfig, fit_cycle
from helpers.training.checkpoints import load_model, save_model
from helpers.training.cycle_gan import Sum
from helpers.training.history import History
from helpers.training.losses import negative_snr
from helpers.training.trainer import fit

TABLE, CURVES = "07_cycle_gan", "07_curves"
NOTEBOOK = "07_cycle_gan"
STEPS = 300  # of a cycle GAN's generators
STEP_FACTOR = 10  # times as many steps, which take about as long with pairs
ADVERSARIAL = AdversarialConfig(STEPS, learning_rate=5e-4, log_every=20)


@dataclass(frozen=True)
class System:
    """A way to train the separator.

    pairs: of the mixtures (`own stems`) or of mixed solos (`mixed solos`); without them, a cycle
    GAN with these changes of `ADVERSARIAL`. mixer: of the cycle. seeds: how many.
    step_factor: times as many steps. The learning rates were chosen separately: that of pairs warms
    up and falls, that of GANs is constant.
    """

    pairs: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    mixer: Callable[..., nn.Module] = WaveGANMixer
    seeds: int = 1
    step_factor: int = 1


SYSTEMS = {
    "pairs": System("own stems", seeds=3),
    "pairs, longer": System("own stems", step_factor=STEP_FACTOR, seeds=3),
    "mixed solos": System("mixed solos", seeds=3),
    "mixed solos, longer": System("mixed solos", step_factor=STEP_FACTOR, seeds=3),
    "cycle GAN": System(seeds=3),
    "no penalty": System(changes={"penalty_weight": 0.0}),
    "clipped weights": System(changes={"penalty_weight": 0.0, "weight_clip": 0.01}),
    "no cycle": System(changes={"cycle_weight": 0.0}),
    "one critic step": System(changes={"critic_steps": 1}),
    "mixer is the sum": System(mixer=lambda config: Sum()),
}


def train(name: str, seed: int, steps: int = STEPS, progress: bool = True) -> tuple[Path, History]:
    """Train a system, or finish its training; the path of its weights, and its log."""
    system = SYSTEMS[name]
    recipe = recipe_of(seed, steps * system.step_factor)
    data = datasets(recipe)
    folder = results.output_folder("runs") / TABLE / f"{name}-{steps}-seed{seed}".replace(" ", "-")
    config = WaveGANSeparator.Config(
        SOURCES, sample_rate=recipe.rendering.sample_rate, **recipe.model
    )
    runtime.seed_everything(seed)
    separator = WaveGANSeparator(config)
    if system.pairs:
        history = fit(
            separator, negative_snr, data[system.pairs], data["validation"],
            config=recipe.training, folder=folder, progress=progress,
        )  # fmt: skip
    else:
        settings = replace(ADVERSARIAL, steps=steps, seed=seed, **system.changes)
        settings = replace(settings, batch_size=recipe.training.batch_size)
        history = fit_cycle(
            separator, system.mixer(config), partial(WaveGANCritic, config),
            data["unpaired"], data["validation"],
            config=settings, folder=folder, progress=progress,
        )  # fmt: skip
    if not history.finished:
        raise KeyboardInterrupt
    provenance = {"recipe": asdict(recipe), "system": name, "commit": runtime.commit()}
    return save_model(separator, folder, TABLE, provenance)[0], history


def tests(count: int = 5) -> dict[str, Sequence[Track]]:
    """The duos of chapter 02: rendered with a seen and an unseen soundfont, and played."""
    fonts = {"seen": "FluidR3_GM", "unseen": "TimGM6mb"}
    tracks = {f"piano-violin-{name}": test_pieces(f, SOURCES, count) for name, f in fonts.items()}
    root = runtime.data_root()
    for folder in find_tracks(root / "trios") if root and (root / "trios").is_dir() else ():
        if "brahms" in folder.name.lower():
            trio = folder.load()
            stems = {name: trio.stems[name] for name in SOURCES}
            tracks["trios-brahms-duo"] = [Track("brahms-duo", trio.sample_rate, stems)]
    return tracks


def measured(
    system: str, separator: Separator, tracks: Iterable[Track], where: Provenance
) -> list[Row]:
    """Rows of all metrics: SDR as in all tables, SIR and SAR of the whole piece."""
    rows = []
    for each in tracks:
        track = match_stems(each, SOURCES)
        estimates = separator(track)
        signals = [np.stack([stems[n] for n in SOURCES]) for stems in (estimates, track.stems)]
        ratios = museval_ratios(*signals)[1:]
        values = list(measure(track, estimates, museval=True))
        for metric, of_sources in zip(("SIR", "SAR"), ratios, strict=True):
            values += [(n, metric, value) for n, value in zip(SOURCES, of_sources, strict=True)]
        rows += rows_of(system, track.name, track.seconds, where, values)
    return rows


def jobs(
    tracks: Mapping[str, Sequence[Track]],
    names: Iterable[str] = tuple(SYSTEMS),
    seeds: Sequence[int] = (0, 1, 2),
    steps: int = STEPS,
    progress: bool = True,
) -> list[Job]:
    """Floor and ceilings, and every system with every seed, on all tests."""
    found = []
    for test, some in tracks.items():
        for name, separator in BASELINES.items():
            where = Provenance(NOTEBOOK, test)
            work = partial(measured, name, separator, some, where)
            columns = {"system": name, "test_data": test}
            found.append(Job(columns, [track.name for track in some], work))
    chosen = [
        (seed, name) for seed in seeds for name in names if seed in range(SYSTEMS[name].seeds)
    ]
    for seed, name in chosen:
        for test, some in tracks.items():
            columns = {
                "system": name, "seed": seed, "test_data": test, "config": config_of(name, steps)
            }  # fmt: skip
            work = partial(train_and_measure, name, seed, steps, test, some, progress)
            found.append(Job(columns, [track.name for track in some], work))
    return found


def config_of(name: str, steps: int) -> str:
    """The column `config`."""
    recipe = recipe_of(0, steps * SYSTEMS[name].step_factor)
    return (
        f"{recipe.training.steps} steps of {recipe.training.batch_size}x{recipe.segment_seconds}s"
    )


def train_and_measure(
    name: str, seed: int, steps: int, test: str, tracks: Iterable[Track], progress: bool = True
) -> list[Row]:
    """The rows of a system on one test; its curves go to their own table."""
    weights, history = train(name, seed, steps, progress)
    model = load_model(weights)
    where = Provenance(
        NOTEBOOK, test, train_data=SYSTEMS[name].pairs or "unpaired", seed=seed,
        config=config_of(name, steps), checkpoint_sha256=model.card["sha256"],
        device=runtime.describe_device(runtime.pick_device()),
    )  # fmt: skip
    results.append(results.results_path(CURVES), curves(name, history, where))
    return measured(name, model_separator(model), tracks, where)


def curves(name: str, history: History, where: Provenance) -> list[Row]:
    """The log of a training as rows: `track` is the step, `n_seconds` the training time."""
    where = replace(where, test_data="training")
    metrics = ("loss", *MEANS, "val_si_sdr")
    return [
        row
        for log in history.rows
        for row in rows_of(
            name, f"step {int(log['step']):06d}", log["seconds"], where,
            [("all", m, log[m]) for m in metrics if np.isfinite(log.get(m, np.nan))],
        )
    ]  # fmt: skip


def of_length(rows: pd.DataFrame, steps: int = STEPS) -> pd.DataFrame:
    """The rows of trainings of this length, and of what is not trained; a table may hold others."""
    configs = {name: config_of(name, steps) for name in SYSTEMS}
    return rows[rows["config"] == rows["system"].map(configs).fillna("")]


def curve(
    table: Path, system: str, metric: str, seed: int = 0, config: str = ""
) -> tuple[list[int], list[float]]:
    """(steps, values) of one curve of the table; empty without rows.

    config: only rows whose config begins with this, so that trainings of two lengths do not mix.
    """
    if not table.exists():
        return [], []
    rows = results.read_table(table).query("system == @system and metric == @metric")
    rows = rows[(rows["seed"] == seed) & rows["config"].str.startswith(config)]
    return [int(track.split()[1]) for track in rows["track"]], rows["value"].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of a cycle GAN ({STEPS})")
    arguments = parser.parse_args()
    table = results.results_path(TABLE)
    torch.set_num_threads(1)  # the same for all
    try:
        run(jobs(tests(), arguments.only, arguments.seeds, arguments.steps), table)
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    report(table)


if __name__ == "__main__":
    main()
