"""Mixtures here, solos there: training data without pairs, from one stem bank."""

from __future__ import annotations

import copy
from dataclasses import replace

from torch import Tensor
from torch.utils.data import Dataset

from helpers import runtime
from helpers.datasets.mixing import Mixer
from helpers.datasets.stem_bank import StemBank
from helpers.datasets.torch_datasets import MixtureDataset
from helpers.recipes.schema import Recipe, read_recipe
from helpers.recipes.stem_banks import stem_bank

SOURCES = ("violin", "piano")


class Unpaired(Dataset):
    """Item i is the mixture of one dataset and the stems of another, which are unrelated."""

    def __init__(self, mixtures: MixtureDataset, solos: MixtureDataset):
        self.mixtures, self.solos = mixtures, solos

    def __len__(self) -> int:
        return len(self.mixtures)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.mixtures[index][0], self.solos[index][1]


def halves(bank: StemBank) -> tuple[StemBank, StemBank]:
    """The same bank with every other work, and with the rest; excerpts of a work stay together."""
    works = sorted({_work(variant.piece) for variant in bank.variants})
    parts = []
    for chosen in (set(works[::2]), set(works[1::2])):
        part = copy.copy(bank)
        part.variants = [each for each in bank.variants if _work(each.piece) in chosen]
        parts.append(part)
    return parts[0], parts[1]


def datasets(recipe: Recipe) -> dict[str, Dataset]:
    """`unpaired`, and with pairs `own stems` (the same mixtures) and `mixed solos`; `validation`.

    A solo is a stem of any piece of its half, so the solos of one example are unrelated too.
    """
    mixtures, solos = halves(stem_bank(recipe, "training"))
    validation = stem_bank(recipe, "validation")
    random_mixes = replace(recipe.mixing, coherent=0.0)

    def mixes(bank: StemBank, mixing=recipe.mixing, other=0, **options: int) -> MixtureDataset:
        mixer = Mixer(bank, SOURCES, mixing, recipe.segment_seconds)
        return MixtureDataset(mixer, recipe.training.seed + other, **options)

    # Another seed: from the same one, solos would be drawn with the gains of the mixtures.
    own, mixed = mixes(mixtures), mixes(solos, random_mixes, other=1000)
    return {
        "unpaired": Unpaired(own, mixed),
        "own stems": own,
        "mixed solos": mixed,
        "validation": mixes(validation, length=recipe.validation_examples),
    }


def recipe_of(seed: int = 0, steps: int = 500, pieces: int | None = None) -> Recipe:
    """The recipe with a seed, a number of steps and, to look at the data only, of `pieces`; in the
    smoke profile, at the size of a test."""
    path = runtime.repository_root() / "recipes" / "violin-piano-wavegan.toml"
    recipe = read_recipe(path)
    training = replace(recipe.training, seed=seed, steps=steps, validate_every=steps)
    if runtime.profile() != "smoke":
        return replace(recipe, training=training, max_pieces=pieces or recipe.max_pieces)
    return replace(
        recipe, training=replace(training, batch_size=2, checkpoint_every=steps), max_pieces=4,
        model={**recipe.model, "width": 2}, validation_examples=2,
        rendering=replace(recipe.rendering, soundfonts=("FluidR3_GM",)),
    )  # fmt: skip


def _work(piece: str) -> str:
    """The work of a piece; an excerpt is called WORK@START-END."""
    return piece.partition("@")[0]
