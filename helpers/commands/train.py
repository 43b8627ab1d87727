"""`divisi train`: a recipe in, a trained model out; the same command again goes on."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from helpers import recipes
from helpers.commands.errors import refusing
from helpers.training.runs import RunFolder

STOPPED = "the same command goes on from here"


def run(arguments: Namespace) -> None:
    """Train, from where an earlier run stopped unless it is to be forgotten."""
    with refusing(recipes.RecipeError):
        recipe = recipes.read_recipe(arguments.config)
        folder = arguments.output or Path("runs") / recipe.name
        if arguments.restart:
            RunFolder(folder).forget()
        weights = recipes.train(arguments.config, folder)
    print(f"{weights}: trained; `divisi separate FILE --model {weights}` uses it.")
