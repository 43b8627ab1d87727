"""Speed of mixing in one worker, compared to the speed of the training loop."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from argparse import Namespace
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch

from benchmarks.tables import table
from helpers import runtime
from helpers.datasets.mixing import Mixer, MixingConfig
from helpers.datasets.torch_datasets import MixtureDataset
from helpers.recipes.schema import Recipe, read_recipe
from helpers.recipes.stem_banks import stem_bank
from helpers.recipes.train import build_model
from helpers.training.losses import negative_snr
from helpers.training.trainer import fit

PIECES = 4  # of each kind of score, rendered in minutes
WARM, TIMED = 100, 100  # examples; the first ones compute the rooms
STEPS = 12


def measure(arguments: Namespace) -> str:
    """Examples per second of one worker and of the training loop: a Markdown table."""
    recipes = runtime.repository_root() / "recipes"
    config = arguments.config or recipes / f"{runtime.DEFAULT_MODEL}.toml"
    # The speed does not depend on the weights.
    recipe = replace(read_recipe(config), start_from="")
    bank = stem_bank(replace(recipe, max_pieces=PIECES, use_solos=False), "training")
    mix = partial(Mixer, bank, recipe.rendering.instruments, seconds=recipe.segment_seconds)
    usual, most = (
        MixtureDataset(mix(config=mixing), recipe.training.seed)
        for mixing in (recipe.mixing, all_effects(recipe.mixing))
    )
    usual_rate, slowest = mixing_rate(usual), mixing_rate(most)
    consumed = training_rate(recipe, usual)
    device = runtime.describe_device(runtime.pick_device())
    rows = [
        ("one worker mixes", f"{usual_rate:.1f}", ""),
        ("the same with reverb and compression in every mixture", f"{slowest:.1f}", ""),
        (f"the training loop uses ({device})", f"{consumed:.1f}", math.ceil(consumed / slowest)),
    ]
    rendering = recipe.rendering
    caption = (
        f"`{recipe.name}`: {recipe.segment_seconds:g} s of {len(rendering.instruments)} stems"
        f" at {rendering.sample_rate} Hz, batches of {recipe.training.batch_size}."
    )
    return caption + "\n\n" + table(("", "examples per second", "workers"), rows)


def all_effects(mixing: MixingConfig) -> MixingConfig:
    """The mixing of a recipe with all effects in every mixture."""
    return replace(mixing, reverb=1.0, compression=1.0)


def mixing_rate(dataset: MixtureDataset) -> float:
    """Examples per second of one process with one thread, as a worker has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for index in range(WARM):
        dataset[index]
    start = time.perf_counter()
    for index in range(WARM, WARM + TIMED):
        dataset[index]
    elapsed = time.perf_counter() - start
    torch.set_num_threads(threads)
    return TIMED / elapsed


def training_rate(recipe: Recipe, dataset: MixtureDataset) -> float:
    """Examples per second of the training loop with precomputed examples."""
    numbers = replace(
        recipe.training,
        steps=STEPS, log_every=1, validate_every=STEPS, checkpoint_every=STEPS, workers=0,
    )  # fmt: skip
    ready = [dataset[index] for index in range(numbers.batch_size)]
    with tempfile.TemporaryDirectory() as folder:
        history = fit(
            build_model(recipe), negative_snr, ready,
            config=numbers, folder=Path(folder), progress=False,
        )  # fmt: skip
    seconds = [after["seconds"] - before["seconds"] for before, after in pairwise(history.rows)]
    return numbers.batch_size / statistics.median(seconds)
