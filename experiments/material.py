"""Ablation of the model for any ensemble: material, targets and context, with the same budget.

    python -m experiments.material
    python -m experiments.material --only 01 02 --seeds 0 --steps 200 --workers 2
    python -m experiments.material --alone

The steps up to 09 add one ingredient each to the one before. Those from 10 on try what the recipes
do not have, and each is added to step 06 by itself: figures and solos of pianists, a spectrum with
a window so brief that it shows when notes begin, a loss of passages that are taken for another
stem, complex masks, vibrato that grows and noise of onsets in recorded notes, and no lag and
release. With `--alone` every ingredient is added to the first step only, so that the table says
what it is worth by itself.

Step 09 is `recipes/ensemble.toml` with fewer pieces, from an earlier start, and with these
differences: lines are exchanged more often; the equalisers of the players are weaker; no instrument
but the piano is featured, and it more often; pitches are targets; and the weights do not move back
towards those of `chamber`, so that the effects can be seen. Soundfonts, the rest of the repertoire,
lag and release are those of the recipe in all other steps.

Each network starts from the third stage of `chamber`, trained with `recipes/chamber-third.toml`, or
taken from the history of the repository, where it shipped as `chamber`:

    mkdir -p runs/chamber-third
    git show 5074530:Checkpoints/chamber.json > runs/chamber-third/chamber-third.json
    git show 5074530:Checkpoints/chamber.safetensors > runs/chamber-third/chamber-third.safetensors

Each is measured on Bach10, on rendered chorales in three orders of the voices, on rendered string
quartets, on TRIOS and on URMP, conditioned on who plays. Choose by Bach10 and the rendered pieces;
TRIOS and URMP are there to measure. The start has heard the soundfont of the string quartets, and
the chorales are played by the soundfonts that are installed, so compare rows of one machine only.
Steps in the table are skipped and stopped trainings continue, so the same command resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from typing import Any

import torch

from experiments import voice_order
from experiments.charts import plot_seeds
from experiments.jobs import Job, baseline_job, corpus_folder, report, run
from experiments.pieces import performed
from experiments.realism import NOTEBOOK, budget, config_of
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.display.figures import publish
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.music import splits
from helpers.music.arrangements import arrangement, excerpts
from helpers.recipes.schema import Recipe, read_recipe
from helpers.recipes.train import train
from helpers.training.checkpoints import load_model

TABLE = "04_material"
CORPORA = ("bach10_excerpts", "trios", "urmp_excerpts")
STRING_QUARTETS = "string-quartets"
RENDERED = (*voice_order.ORDERS, STRING_QUARTETS)
SHOWN = {  # in the picture, and their titles there
    "trios": "TRIOS",
    "urmp_excerpts": "URMP",
    "bach10_excerpts": "Bach10",
    "chorales-clarinet-on-top": "clarinet on top",
}
SOUNDFONT = "TimGM6mb"  # not in the recipe; the weights where all steps start have heard it
START = "runs/chamber-third/chamber-third.safetensors"
SECONDS = 20.0
SINGLE = (
    "violin", "viola", "cello", "flute", "oboe", "clarinet", "saxophone", "bassoon", "horn",
    "piano",
)  # fmt: skip
SINGLE_NOTES = (
    "philharmonia_notes", "philharmonia_more", "salamander_piano", "splendid_piano", "more_notes",
)  # fmt: skip
PIECES = {"ensembles": 200, "chorale_instruments": 60}
BASE = "06 more piano"  # what moves TRIOS, with ten sources
PIANO_PIECES = 24
ATTACK_WINDOW = 1024  # samples, 46 milliseconds; the window is four times as long


@dataclass(frozen=True)
class Step:
    """The entries that a step changes: of the recipe, and of its tables."""

    name: str
    recipe: Mapping[str, Any] = field(default_factory=dict)
    rendering: Mapping[str, Any] = field(default_factory=dict)
    mixing: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)


def ablation(whole: Recipe) -> tuple[Step, ...]:
    """The steps up to a recipe, each added to the one before."""
    long = {name: whole.model[name] for name in ("chunk_frames", "segment_seconds")}
    return (
        Step("01 old notes"),
        Step(
            "02 all notes",
            recipe={"note_collections": SINGLE_NOTES},
            rendering={"note_samples": whole.rendering.note_samples},
        ),
        Step("03 phrases", recipe={"note_collections": whole.note_collections}),
        Step("04 lines exchanged", rendering={"shuffled_registers": 0.5}),
        Step("05 weaker equalisers", mixing={"tilt": (-3.0, 1.5), "equaliser": 1.5}),
        Step("06 more piano", mixing={"featured": {"piano": 0.4}}),
        Step("07 pitches as targets", model={"fundamentals": True}),
        Step("08 six seconds", recipe={"segment_seconds": whole.segment_seconds}, model=long),
        Step(
            "09 two of one instrument and other",
            recipe={
                name: getattr(whole, name)
                for name in ("sources", "counted_as", "start_as", "doubles", "left_out")
            },
            rendering={
                name: getattr(whole.rendering, name)
                for name in ("instruments", "doubles", "most_players", "twice", "doubled_lines")
            },
            mixing={
                name: getattr(whole.mixing, name)
                for name in ("players", "solos", "subsets", "ambience", "drums")
            },
        ),
    )


def trials(whole: Recipe) -> tuple[Step, ...]:
    """What the recipe does not have, each to be added to the step BASE."""
    return (
        Step(
            "10 figures of a pianist",
            recipe={
                "scores": (*whole.scores, "piano"),
                "max_excerpts": {**PIECES, "piano": PIANO_PIECES},
            },
            rendering={"piano_figures": 0.6},
        ),
        Step(
            "11 attacks",
            recipe={"export": {**whole.export, "attack_window": 2 * ATTACK_WINDOW}},
            model={"attack_window": ATTACK_WINDOW},
        ),
        Step("12 loss on identity", recipe={"identity_weight": 1.0}),
        Step("13 complex masks", model={"complex_mask_channels": 16}),
        Step("14 vibrato and noise", rendering={"vibrato_depth": 20.0, "onset_noise": 0.1}),
        Step("15 no lag and release", rendering={"lag": 0.0, "release": 0.0}),
    )


def first_recipe(whole: Recipe) -> Recipe:
    """The first step: the instruments, the recorded notes and the context of `chamber`."""
    model = {"conditioned": True, "chunk_frames": 64}
    return replace(
        whole,
        name="material",
        start_from=START,
        interpolate={},
        sources=SINGLE,
        counted_as={},
        start_as={},
        doubles=0.0,
        left_out=0.0,
        segment_seconds=4.0,
        note_collections=SINGLE_NOTES[:1],
        max_excerpts=PIECES,
        model=model,
        rendering=replace(
            whole.rendering, instruments=SINGLE, note_samples=1, shuffled_registers=0.0,
            doubles=0.0, most_players=4, twice=(), doubled_lines=0.0,
        ),
        mixing=replace(
            whole.mixing, players=(2, 4), solos=0.0, subsets=0.0, featured={}, ambience=0.0,
            drums=0.0,
        ),
        training=replace(whole.training, workers=0),  # a process of a job can start no others
    )  # fmt: skip


def material_recipes(whole: Recipe, alone: bool = False) -> dict[str, Recipe]:
    """The recipe of every step of `ablation` and `trials`.

    alone: with the ingredients of the first step and its own, under another name.
    """
    first, *further = ablation(whole)
    recipes = {first.name: first_recipe(whole)}
    if alone:
        start = recipes[first.name]
        recipes |= {f"{s.name}, alone": with_step(start, s) for s in (*further, *trials(whole))}
        return recipes
    for step in further:
        recipes[step.name] = with_step(list(recipes.values())[-1], step)
    return recipes | {step.name: with_step(recipes[BASE], step) for step in trials(whole)}


def with_step(recipe: Recipe, step: Step) -> Recipe:
    """A recipe with the ingredients of a step."""
    return replace(
        recipe,
        **step.recipe,
        rendering=replace(recipe.rendering, **step.rendering),
        mixing=replace(recipe.mixing, **step.mixing),
        model={**recipe.model, **step.model},
    )


def string_quartets() -> Iterator[Track]:
    """One excerpt of each test quartet, with two violins."""
    players = ("violin", "violin", "viola", "cello")
    for number, work in enumerate(splits.names("quartet", "test")):
        excerpt = excerpts(work, SECONDS)[0]
        track = performed(arrangement(excerpt, players), SOUNDFONT, number)
        yield replace(track, name=excerpt.title)


def tracks(test_data: str) -> Iterable[Track]:
    """Of a corpus, or rendered."""
    if test_data in CORPORA:
        return (folder.load() for folder in find_tracks(corpus_folder(test_data)))
    if test_data == STRING_QUARTETS:
        return string_quartets()
    return voice_order.tracks(voice_order.ORDERS[test_data])


def measure(system: str, recipe: Recipe) -> list[Row]:
    """Train a network, or finish its training, and measure it on everything."""
    torch.set_num_threads(1)  # the same for all, whatever the number of workers
    run_name = f"{system.replace(' ', '-')}-{recipe.training.steps}-seed{recipe.training.seed}"
    folder = runtime.repository_root() / "runs" / recipe.name / run_name
    model = load_model(train(recipe, folder))
    separator, rows = model_separator(model, conditioned=True), []
    for test_data in (*CORPORA, *RENDERED):
        if test_data == STRING_QUARTETS and "violin-2" not in model.sources:
            continue
        where = Provenance(
            NOTEBOOK, test_data,
            train_data=recipe.name, seed=recipe.training.seed, config=config_of(recipe),
            checkpoint_sha256=model.card["sha256"],
            device=runtime.describe_device(runtime.pick_device()),
        )  # fmt: skip
        rows += evaluate(system, separator, tracks(test_data), where, sources=model.sources)
    return rows


def material_job(step: str, recipe: Recipe) -> Job:
    """One step with one seed; it is done when all corpora are measured."""
    columns = {"system": step, "seed": recipe.training.seed, "config": config_of(recipe)}
    names = [folder.name for corpus in CORPORA for folder in find_tracks(corpus_folder(corpus))]
    return Job(columns, names, partial(measure, step, recipe))


def floor_job(test_data: str) -> Job:
    """Floor and ceilings of rendered pieces."""

    def measure_floor() -> list[Row]:
        return evaluate_baselines(tracks(test_data), Provenance(NOTEBOOK, test_data))

    if test_data == STRING_QUARTETS:
        names = [excerpts(work, SECONDS)[0].title for work in splits.names("quartet", "test")]
    else:
        fonts = cycle(voice_order.SOUNDFONTS)
        names = [f"{work} {font}" for work, font in zip(splits.TEST, fonts, strict=False)]
    return Job({"system": "mixture", "test_data": test_data}, names, measure_floor)


def jobs(recipes: Sequence[tuple[str, Recipe]]) -> list[Job]:
    """Floor and ceilings, then the steps."""
    floors = [
        baseline_job(Provenance(NOTEBOOK, corpus), find_tracks(corpus_folder(corpus)))
        for corpus in CORPORA
    ]
    floors += [floor_job(name) for name in RENDERED]
    return [*floors, *(material_job(step, recipe) for step, recipe in recipes)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    whole = read_recipe(runtime.repository_root() / "recipes" / "ensemble.toml")
    numbers = [step.name[:2] for step in (*ablation(whole), *trials(whole))]
    parser.add_argument("--only", nargs="+", choices=numbers, default=numbers, help="these steps")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--steps", type=int, default=450, help="of each training (450)")
    parser.add_argument("--workers", type=int, default=1, help="trainings at a time (1)")
    parser.add_argument("--alone", action="store_true", help="each step without those before it")
    arguments = parser.parse_args()
    recipes = [
        (step, replace(recipe, training=budget(recipe.training, arguments.steps, seed)))
        for seed in arguments.seeds
        for step, recipe in material_recipes(whole, arguments.alone).items()
        if step[:2] in arguments.only
    ]
    table = results.results_path(TABLE)
    try:
        run(jobs(recipes), table, arguments.workers, "ablation")
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    rows = results.read_table(table).replace({"test_data": SHOWN})
    steps = rows[rows["checkpoint_sha256"] != "none"]
    publish(plot_seeds(steps, sorted(set(steps["system"])), SHOWN.values()), TABLE)
    report(table)


if __name__ == "__main__":
    main()
