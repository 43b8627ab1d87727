"""The guided network of the course, or one that trains in a chapter."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from experiments.score_informed import GUIDED, combs
from helpers import runtime
from helpers.evaluation import results
from helpers.recipes.schema import Recipe, read_recipe
from helpers.recipes.train import train
from helpers.training.checkpoints import available_models, load_model

PLAYERS = ("violin", "viola", "cello", "clarinet")  # of the quick recipe
TINY = {"window": 2048, "hop": 512, "width": 8, "part_width": 8, "pitch_channels": 4}
TINY_EXPORT = {"window": 4096, "hop": 1024}


def recipe_of(steps: int = 0) -> Recipe:
    """The recipe of the guided network.

    steps: instead, the same network on a few random pieces of four instruments from one soundfont,
    which trains in minutes; in the smoke profile a tiny network.
    """
    recipe = read_recipe(runtime.repository_root() / "recipes" / f"{GUIDED}.toml")
    if not steps:
        return recipe
    smoke = runtime.profile() == "smoke"
    return replace(
        recipe,
        scores=("random",), chorale_instruments=(), max_pieces=3 if smoke else 12,
        validation_examples=4,
        segment_seconds=2.0 if smoke else recipe.segment_seconds,
        model={**recipe.model, **(TINY if smoke else {})},
        export={**recipe.export, **(TINY_EXPORT if smoke else {})},
        use_note_samples=False,
        rendering=replace(
            recipe.rendering, instruments=PLAYERS, soundfonts=("FluidR3_GM",), note_samples=0
        ),
        mixing=replace(recipe.mixing, players=(2, 3), reverb=0.0),
        training=replace(
            recipe.training, steps=steps, batch_size=2 if smoke else recipe.training.batch_size,
            warmup_steps=1, ema_decay=0.9, validate_every=max(steps // 4, 1),
        ),
    )  # fmt: skip


def guided(steps: int, trains: bool) -> tuple[nn.Module, str]:
    """The network of this chapter, and where its weights come from, in a sentence.

    trains: train it here for `steps`, or resume that training, also where the course brings it.
    """
    if trains:
        recipe = recipe_of(steps)
        model = load_model(train(recipe, results.output_folder("runs") / f"08-guided-{steps}"))
        return model, f"These weights come from {steps} steps of training here."
    if GUIDED in available_models():
        return load_model(GUIDED), f"These are the weights of `{GUIDED}` that come with the course."
    return combs(recipe_of()), (
        "The trained weights are not here: this is the network before its training, which is the "
        "mask of the combs. Set `TRAIN = True` to train it here."
    )
