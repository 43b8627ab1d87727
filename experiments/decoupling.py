"""The effect of the parts of ResUNetDecouple+, one after the other, with the same budget.

    python -m experiments.decoupling
    python -m experiments.decoupling --minutes 30 --seeds 0 1 2 --only 01 03

A network with a magnitude mask alone, then with phase and residual, all in four subbands; and the
complete one without subbands, whose steps take longer, so that it makes fewer of them. Each is
trained for some minutes of one processor core, on the violin and the bassoon of the data of
`recipes/resunet-quartet.toml`: minutes are not enough to tell four instruments apart, and a phase
is worth something only where the magnitudes are nearly right. With half of the channels of that
recipe minutes are hundreds of steps. The seconds a step are measured once, and kept in the folder
of the runs. Each is measured on rendered pieces of the validation split and on the real excerpts of
Bach10, as duos. Systems in the table are skipped and stopped trainings continue, so the same
command resumes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from experiments.charts import plot_ablation
from experiments.costs import seconds_a_step
from experiments.jobs import Job, report, run
from experiments.pieces import chorale
from experiments.realism import budget
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.mixing import Mixer
from helpers.datasets.stem_folders import find_tracks
from helpers.datasets.torch_datasets import MixtureDataset
from helpers.display.figures import publish
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.files import replaced_atomically
from helpers.models.resunet import ResUNet
from helpers.music.splits import names
from helpers.recipes.schema import Recipe, architecture, read_recipe
from helpers.recipes.stem_banks import stem_bank
from helpers.training.checkpoints import load_model, save_model
from helpers.training.losses import negative_snr
from helpers.training.trainer import fit

TABLE = "06_decoupling"
NOTEBOOK = "06_resunet"
DUO = ("violin", "bassoon")
RENDERED, REAL = "chorales, two parts", "Bach10, two parts"
#: The entries of the model's configuration that each step changes, beside those before it.
STEPS: dict[str, dict[str, Any]] = {
    "01 magnitude": {"phase": False, "residual": False, "subbands": 4},
    "02 phase": {"phase": True},
    "03 residual": {"residual": True},
    "04 no subbands": {"subbands": 1},
}


@dataclass(frozen=True)
class Ablation:
    """Where the trainings and the tests of the ablation are. minutes: of one core, a training."""

    base: Recipe
    tests: Mapping[str, Sequence[Track]]
    runs: Path
    minutes: float

    def recipe(self, step: str, seed: int) -> Recipe:
        """The recipe of a step, with as many training steps as fit into the budget."""
        recipe = recipe_of(self.base, step)
        count = max(1, round(60 * self.minutes / self.seconds(step, recipe)))
        training = budget(recipe.training, count, seed)
        warmup = min(training.warmup_steps, count // 10)
        return replace(recipe, training=replace(training, warmup_steps=warmup))

    def seconds(self, step: str, recipe: Recipe) -> float:
        """Processor time of one core per training step, measured once."""
        path = self.runs / "seconds_a_step.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        if step not in known:
            known[step] = cost(recipe)
            self.runs.mkdir(parents=True, exist_ok=True)
            with replaced_atomically(path) as draft:
                draft.write_text(json.dumps(known, indent=2))
        return known[step]

    def measure(self, step: str, seed: int) -> list[Row]:
        """Train a network, or finish its training, and measure it on all tests."""
        recipe = self.recipe(step, seed)
        name = f"{step.replace(' ', '-')}-{self.minutes:g}min-seed{seed}"
        print(f"{step}, seed {seed}: {recipe.training.steps} steps", flush=True)
        model = load_model(train(recipe, self.runs / name))
        rows = []
        for test, tracks in self.tests.items():
            where = replace(
                Provenance.of_model(model.card, test, notebook=NOTEBOOK),
                seed=seed, config=f"{self.minutes:g} core minutes",
            )  # fmt: skip
            rows += evaluate(step, model_separator(model), tracks, where, sources=model.sources)
        return rows

    def baselines(self, test: str) -> list[Row]:
        return evaluate_baselines(self.tests[test], Provenance(NOTEBOOK, test))

    def jobs(self, steps: Sequence[str], seeds: Sequence[int]) -> list[Job]:
        """Floor and ceilings of each test, and every step with every seed."""
        made = [
            Job(
                {"system": "mixture", "test_data": test},
                [track.name for track in tracks],
                partial(self.baselines, test),
            )
            for test, tracks in self.tests.items()
        ]
        every = [track.name for tracks in self.tests.values() for track in tracks]
        config = f"{self.minutes:g} core minutes"
        return made + [
            Job({"system": step, "seed": seed, "config": config}, every,
                partial(self.measure, step, seed))
            for seed in seeds for step in steps
        ]  # fmt: skip


def recipe_of(base: Recipe, step: str) -> Recipe:
    """The recipe with the parts of all steps up to this one."""
    model = dict(base.model)
    for name, changes in STEPS.items():
        model |= changes
        if name == step:
            break
    return replace(base, name="06-decoupling", model=model)


def network(recipe: Recipe) -> ResUNet:
    """Untrained, for the duo."""
    model, config = architecture(recipe, recipe.name)
    runtime.seed_everything(recipe.training.seed)
    return model(replace(config, sources=DUO))


def mixtures(recipe: Recipe) -> MixtureDataset:
    """Of the two instruments, from the stem bank of the quartet."""
    mixer = Mixer(stem_bank(recipe, "training"), DUO, recipe.mixing, recipe.segment_seconds)
    return MixtureDataset(mixer, recipe.training.seed)


def cost(recipe: Recipe) -> float:
    """Seconds of one core per training step."""
    return seconds_a_step(network(recipe), mixtures(recipe), recipe.training.batch_size)


def train(recipe: Recipe, folder: Path) -> Path:
    """Train a network, or finish its training; the path of its weights."""
    model = network(recipe)
    history = fit(model, negative_snr, mixtures(recipe), config=recipe.training, folder=folder)
    if not history.finished:
        raise KeyboardInterrupt
    provenance = {"recipe": asdict(recipe), "commit": runtime.commit()}
    return save_model(model, folder, recipe.name, provenance)[0]


def true_parts(model: ResUNet, stems: torch.Tensor) -> torch.Tensor:
    """What the network would have to estimate: as `ResUNet.parts`, from stems (B, S, C, T).

    `model.decoupled` of these gives the true spectra back, if the model has all parts. A part that
    it lacks is missing from the result: the phase is then the mixture's, a magnitude above that of
    the mixture is cut.
    """
    config, spectrum = model.config, model.stft(stems.sum(1))
    true = torch.stack([model.stft(stem) for stem in stems.unbind(1)], dim=1)
    mask = true / torch.where(spectrum == 0, 1, spectrum)[:, None]
    magnitude, parts = mask.abs().clamp_max(0.999), []
    if config.magnitude:
        parts.append(torch.logit(magnitude, eps=1e-9))
    if config.phase:
        rotation = 0.5 * mask / mask.abs().clamp_min(1e-12)
        parts += [rotation.real.atanh(), rotation.imag.atanh()]
    if config.residual:
        given = magnitude * spectrum[:, None].abs() if config.magnitude else 0
        level = model.level(spectrum)[:, None]
        parts.append((true.abs() - given) / torch.where(level == 0, 1, level))
    return torch.stack(parts, dim=2)


def tests(count: int = 8, seconds: float = 10.0) -> dict[str, list[Track]]:
    """Rendered chorales of the validation split, and the real excerpts where they are; as duos."""
    works = names("chorale", "validation")[:count]
    quartet = base_recipe().rendering.instruments
    found = {RENDERED: [duo(chorale(work, quartet, seconds)) for work in works]}
    if root := runtime.data_root():
        folders = find_tracks(root / "bach10_excerpts")
        found[REAL] = [duo(folder.load(channels=1)) for folder in folders]
    return found


def duo(track: Track) -> Track:
    """Two of its instruments; the mixture is their sum."""
    return replace(track, stems={name: track.stems[name] for name in DUO}, recording=None)


def base_recipe() -> Recipe:
    recipe = read_recipe(runtime.repository_root() / "recipes" / "resunet-quartet.toml")
    widths = tuple(width // 2 for width in recipe.model["widths"])
    return replace(recipe, model={**recipe.model, "widths": widths})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = [step[:2] for step in STEPS]
    parser.add_argument("--only", nargs="+", choices=numbers, default=numbers, help="these steps")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--minutes", type=float, default=8.0, help="of each training (8)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = runtime.runs_root() / TABLE
    ablation = Ablation(base_recipe(), tests(), runs, arguments.minutes)
    table = results.results_path(TABLE)
    steps = [step for step in STEPS if step[:2] in arguments.only]
    try:
        run(ablation.jobs(steps, arguments.seeds), table)
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    rows = results.read_table(table)
    for test, name in ((RENDERED, "rendered"), (REAL, "real")):
        if len(shown := rows[rows["test_data"] == test]):
            publish(plot_ablation(shown), f"{TABLE}_{name}")
    report(table)


if __name__ == "__main__":
    main()
