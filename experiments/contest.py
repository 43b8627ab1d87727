"""HT-Demucs and the mask network along their trainings: quality against what it costs.

    python -m experiments.contest
    python -m experiments.contest --run runs/quartet-htdemucs --every 1000

The first call measures the trained models that come with the course. The second follows a training:
it measures the averaged weights that the run has now, and after every further 1000 steps until the
training ends. A row's `config` holds the step. Quality is measured on the real excerpts of Bach10,
which are not in the training data; the costs of a moment are rows of the track `training`.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch
from matplotlib.ticker import FixedLocator, NullLocator
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from experiments import realism
from experiments.charts import CEILING, DASHES, FLOOR, add_legend
from experiments.jobs import baseline_job, corpus_folder, covered, read_rows, report, run
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.display.figures import INK, Figure, publish, style
from helpers.display.palette import SERIES
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.recipes.schema import Recipe, architecture, read_recipe
from helpers.training.checkpoints import available_models, load_model
from helpers.training.execution import fast_precision

TABLE = "04_contest"
SYSTEMS = ("bach-quartet", "quartet-htdemucs")
TRAINING = "training"  # the track of the rows of costs
COSTS = {
    "examples": "training examples",
    "core hours": "hours of one core",
    "ms per second": "ms per second of music",
}
TICKS = [digit * 10.0**exponent for exponent in range(-2, 8) for digit in (1, 2, 4, 6)]


@dataclass(frozen=True)
class Moment:
    """A model as it is after `step` steps of the training that a recipe describes."""

    model: nn.Module
    recipe: Recipe
    step: int
    sha256: str

    @property
    def config(self) -> str:
        batch, seconds = self.recipe.training.batch_size, self.recipe.segment_seconds
        return f"{self.recipe.architecture} step {self.step} of {batch}x{seconds:g}s"

    @property
    def columns(self) -> dict[str, str | int]:
        """What its rows have in common."""
        seed = self.recipe.training.seed
        return {"system": self.recipe.name, "config": self.config, "seed": seed}


def shipped(name: str) -> Moment:
    """A trained model of the course, at the step of its card."""
    model = load_model(name)
    step = model.card["provenance"]["step"]
    return Moment(model, recipe_of(name), step, model.card["sha256"])


def running(folder: Path) -> Moment:
    """The averaged weights of a training whose folder has the name of its recipe."""
    recipe, path = recipe_of(folder.name), folder / "last.ckpt"
    content = path.read_bytes()
    state = torch.load(path, map_location="cpu", weights_only=True)
    model, config = architecture(recipe, recipe.name)
    built = model(config)
    built.load_state_dict(state["average"])
    return Moment(built.eval(), recipe, state["step"], hashlib.sha256(content).hexdigest())


def recipe_of(name: str) -> Recipe:
    return read_recipe(runtime.repository_root() / "recipes" / f"{name}.toml")


def moments(folder: Path, every: int, wait: float = 60.0) -> Iterator[Moment]:
    """The state of a training now, and after every further `every` steps until it ends.

    every: 0 for the present state alone. wait: seconds between two looks at the folder.
    """
    moment = running(folder)
    yield moment
    while every and moment.step < moment.recipe.training.steps:
        due = min(moment.step + every, moment.recipe.training.steps)
        while (later := running(folder)).step < due:
            time.sleep(wait)
        moment = later
        yield moment


def core_seconds(recipe: Recipe, steps: int = 3) -> float:
    """Processor time of one core per training step, without mixing; the first is left out.

    Measured on noise with random weights, in the precision that is fast on this machine.
    """
    model, config = architecture(recipe, recipe.name)
    model, batch = model(config).train(), recipe.training.batch_size
    noise = torch.randn(batch, 1, round(recipe.segment_seconds * config.sample_rate))
    reduced, times = fast_precision() != "32-true", []
    for _ in range(steps + 1):
        start = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            estimates = model(noise)
        estimates.float().square().mean().backward()
        times.append(time.process_time() - start)
    return sum(times[1:]) / steps


def core_milliseconds(model: nn.Module, track: Track, repeats: int = 2) -> float:
    """Processor time of one core to separate a second of music; the least of some repeats."""
    separator, times = model_separator(model), []
    for _ in range(repeats):
        start = time.process_time()
        separator(track)
        times.append(time.process_time() - start)
    return 1000 * min(times) / track.seconds


def training_operations(model: nn.Module, seconds: float) -> float:
    """Floating-point operations of one training example: a backward pass costs two forward passes.

    The counter of torch leaves out recurrent layers: each of their weights takes part in one
    multiplication and one addition per frame. FFTs are left out.
    """
    noise = torch.randn(1, 1, round(seconds * model.sample_rate))
    recurrent: list[int] = []

    def count(layer: nn.LSTM, inputs: tuple[torch.Tensor, ...], _: object) -> None:
        weights = sum(parameter.numel() for parameter in layer.parameters())
        recurrent.append(2 * weights * inputs[0].shape[:2].numel())

    layers = [layer for layer in model.modules() if isinstance(layer, nn.LSTM)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(noise)
    for hook in hooks:
        hook.remove()
    return 3 * (counter.get_total_flops() + sum(recurrent))


def measure(moment: Moment, corpus: Path) -> list[Row]:
    """Quality on every excerpt, and the costs of this moment on one thread."""
    torch.set_num_threads(1)
    tracks = [folder.load() for folder in find_tracks(corpus)]
    where = Provenance(
        realism.NOTEBOOK, corpus.name, train_data=moment.recipe.name,
        seed=moment.recipe.training.seed, config=moment.config, checkpoint_sha256=moment.sha256,
        device=runtime.describe_device(torch.device("cpu")),
    )  # fmt: skip
    separator, sources = model_separator(moment.model), moment.model.sources
    rows = evaluate(moment.recipe.name, separator, tracks, where, sources=sources)
    costs = {
        "examples": moment.step * moment.recipe.training.batch_size,
        "core hours": moment.step * core_seconds(moment.recipe) / 3600,
        "ms per second": core_milliseconds(moment.model, tracks[0]),
    }
    return rows + [
        Row(
            system=moment.recipe.name, track=TRAINING, instrument=results.ALL, metric=metric,
            value=value, n_seconds=tracks[0].seconds, **asdict(where),
        )
        for metric, value in costs.items()
    ]  # fmt: skip


def course(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each moment of each system: mean SI-SDR in dB over n stems, and its costs."""
    trained = table[~table["system"].str.startswith(("oracle", FLOOR))]
    by = ["system", "config"]
    quality = trained[trained["metric"] == "SI-SDR"].groupby(by)["value"].agg(["mean", "count"])
    costs = trained[trained["track"] == TRAINING].pivot_table("value", by, "metric")
    means = quality.rename(columns={"mean": "SI-SDR", "count": "n"}).join(costs[[*COSTS]])
    return means.reset_index().sort_values(["system", "examples"], ignore_index=True)


def plot_contest(table: pd.DataFrame) -> Figure:
    """Mean SI-SDR of every moment against each of its costs; floor and ceiling are lines."""
    figure, rows = Figure(8.0, 3.0), course(table)
    quality = table[table["metric"] == "SI-SDR"]
    with style():
        axes = figure.subplots(1, len(COSTS), sharey=True)
        for ax, (cost, title) in zip(axes, COSTS.items(), strict=True):
            for (name, course_of), shade in zip(rows.groupby("system"), SERIES, strict=False):
                shown = course_of.tail(1) if cost == "ms per second" else course_of
                ax.plot(shown[cost], shown["SI-SDR"], "o-", color=shade, label=name, markersize=4)
            for limit in (FLOOR, CEILING):
                mean = quality.loc[quality["system"] == limit, "value"].mean()
                ax.axhline(mean, color=INK, linestyle=DASHES[limit], linewidth=1.0, label=limit)
            ax.set(xlabel=title, xscale="log")
            ax.xaxis.set_major_locator(FixedLocator(TICKS))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(_short)
            ax.grid(axis="y")
            ax.margins(x=0.25)
        axes[0].set_ylabel("SI-SDR (dB)")
        add_legend(figure, axes[0])
    return figure


def _short(value: float, _: int | None = None) -> str:
    """A number at a tick: 3000 is `3k`."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def run_contest(found: Iterator[Moment] | Sequence[Moment], table: Path, corpus: Path) -> None:
    """Baselines, and every moment that the table lacks."""
    folders = find_tracks(corpus)
    run([baseline_job(Provenance(realism.NOTEBOOK, corpus.name), folders)], table)
    tracks = [*(folder.name for folder in folders), TRAINING]
    for moment in found:
        if not covered(read_rows(table), {"test_data": corpus.name, **moment.columns}, tracks):
            print(f"{moment.recipe.name}: {moment.config}", flush=True)
            results.append(table, measure(moment, corpus))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="the folder of a training, `runs/NAME`")
    parser.add_argument("--every", type=int, default=0, help="steps; by default its present state")
    arguments = parser.parse_args()
    table = results.results_path(TABLE)
    if arguments.run:
        found = moments(arguments.run, arguments.every)
    else:
        found = [shipped(name) for name in SYSTEMS if name in available_models()]
    run_contest(found, table, corpus_folder(realism.CORPUS))
    publish(plot_contest(results.read_table(table)), TABLE)
    report(table)


if __name__ == "__main__":
    main()
