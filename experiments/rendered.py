"""The machinery of chapter 02: rendered test pieces, and the small networks that it compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from experiments.pieces import SAMPLE_RATE as RATE
from experiments.pieces import performed
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.mixing import MixingConfig
from helpers.datasets.renderings import RenderingConfig
from helpers.evaluation.evaluate import Separator, model_separator
from helpers.evaluation.results import output_folder
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.random_pieces import RandomPiece
from helpers.music.splits import RANDOM, names
from helpers.recipes.schema import Recipe, read_recipe
from helpers.recipes.train import train
from helpers.training.checkpoints import load_model

SMALL = {"width": 16, "pitch_channels": 8, "hidden": 192, "resolution": 24}
#: Mixtures without effects.
DRY = MixingConfig(
    coherent=0.6, inactive=0.02, gain=5.0, tilt=(0.0, 0.0), equaliser=0.0, detune=0.0, reverb=0.0,
    compression=0.0,
)  # fmt: skip


class Rendered(Sequence[Track]):
    """Tracks that are rendered when they are asked for, and then kept."""

    def __init__(self, renderers: Sequence[Callable[[], Track]]) -> None:
        self.renderers = list(renderers)

    def __len__(self) -> int:
        return len(self.renderers)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return Rendered(self.renderers[place])
        return self.renderers[place]()


def test_pieces(soundfont: str, ensemble: tuple[str, ...], count: int) -> Rendered:
    """Random pieces, and as many excerpts of quartets and chorales, of the test split.

    In the smoke profile only random pieces.
    """

    def random_piece(place: int) -> Track:
        return performed(RandomPiece(RANDOM["test"][place]).score(ensemble), soundfont, place)

    def excerpt(place: int) -> Track:
        score = arrangement(excerpts(works[place], 10.0)[0], ensemble)
        return performed(score, soundfont, count + place)

    works = [*names("quartet", "test"), *names("chorale", "test")[:2]][:count]
    makers = [partial(random_piece, place) for place in range(count)]
    if runtime.profile() != "smoke":
        makers += [partial(excerpt, place) for place in range(len(works))]
    return Rendered([cache(maker) for maker in makers])


def octaves(stem: np.ndarray, lowest: float = 500.0, count: int = 5) -> list[float]:
    """The level of each octave from `lowest` Hz on, dB relative to the whole; stem (1, T)."""
    power = np.abs(np.fft.rfft(stem[0])) ** 2
    hertz = np.fft.rfftfreq(stem.shape[1], 1 / RATE)
    starts = lowest * 2.0 ** np.arange(count)
    shares = [power[(start <= hertz) & (hertz < 2 * start)].sum() for start in starts]
    return [float(10 * np.log10(share / power.sum())) for share in shares]


def level(stem: np.ndarray, window: int = RATE // 20) -> tuple[np.ndarray, np.ndarray]:
    """Seconds, and the level of each 50 ms in dBFS, of a stem (1, T)."""
    frames = stem[0, : stem.shape[1] // window * window].reshape(-1, window)
    return np.arange(len(frames)) / 20, 10 * np.log10((frames**2).mean(1) + 1e-10)


@cache
def real_recipe() -> Recipe:
    """recipes/violin-piano-real.toml, from which all recipes of the chapter are made."""
    return read_recipe(runtime.repository_root() / "recipes" / "violin-piano-real.toml")


def rendering(soundfonts: tuple[str, ...], tones: int = 0) -> RenderingConfig:
    """The training data with these renderers."""
    return replace(real_recipe().rendering, soundfonts=soundfonts, tones=tones)


def small_recipe(steps: int, seed: int = 0, **training: Any) -> Recipe:
    """A network that trains in minutes, on random pieces. training: further settings."""
    settings = {"batch_size": 6, "warmup_steps": 20, "ema_decay": 0.98, "workers": 0} | training
    every = {"validate_every": steps, "checkpoint_every": steps}
    settings = replace(real_recipe().training, steps=steps, seed=seed, **every, **settings)
    return sized(replace(
        real_recipe(),
        name="02-study", scores=("random",), use_solos=False, model=SMALL, export={},
        segment_seconds=3.0, validation_examples=8, training=settings,
    ))  # fmt: skip


def sized(recipe: Recipe) -> Recipe:
    """The recipe; in the smoke profile a small network with as little data as possible."""
    if runtime.profile() != "smoke":
        return recipe
    data = {"scores": ("random",), "max_pieces": 2, "validation_examples": 1}
    training = replace(recipe.training, batch_size=1)
    return replace(recipe, model=SMALL, training=training, **data)


def trained(recipe: Recipe, run: str) -> tuple[Separator, str]:
    """The separator that a recipe gives, trained in runs/RUN, and the path of its weights."""
    weights = train(recipe, output_folder("runs") / run.replace(" ", "-"), progress=False)
    return model_separator(load_model(weights)), str(weights)


def staged(stages: Sequence[Mapping[str, Any]], steps: int, seed: int, run: str) -> Separator:
    """The small network after stages of equal length; each starts from the weights before it.

    stages: the fields of the recipe that each changes. steps: of all stages together.
    """
    start = ""
    for place, stage in enumerate(stages):
        recipe = small_recipe(steps // len(stages), 10 * seed + place)
        separator, start = trained(replace(recipe, start_from=start, **stage), f"{run}-{place}")
    return separator


def ablation_step(changes: Mapping[str, Any], steps: int, seed: int, run: str) -> Separator:
    """A full-size network after a few training steps. changes: fields of `real_recipe`."""
    budget = {"steps": steps, "validate_every": steps, "ema_decay": 0.99, "seed": seed}
    training = replace(real_recipe().training, **budget)
    recipe = sized(replace(real_recipe(), name="02-ablation", training=training))
    return trained(replace(recipe, **changes), run)[0]


def tiny(recipe: Recipe) -> Recipe:
    """A recipe at the size of a test."""
    training = small_recipe(2, batch_size=1).training
    data = {"scores": ("random",), "max_pieces": 2, "validation_examples": 1}
    return replace(recipe, training=training, **data)


def regularised(changes: Mapping[str, Any], steps: int, seed: int, run: str) -> Separator:
    """The small network after some steps. changes: fields of its recipe, or `weight_decay`."""
    fields = {name: value for name, value in changes.items() if name != "weight_decay"}
    decay = {name: changes[name] for name in changes.keys() - fields.keys()}
    return trained(replace(small_recipe(steps, seed, **decay), **fields), run)[0]
