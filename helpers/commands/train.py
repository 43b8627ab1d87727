"""`divisi train`: a recipe in, a trained model out; the same command again goes on."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..recipes.schema import RecipeError, read_recipe
from ..recipes.train import train
from ..training.runs import RunFolder
from .errors import refusing

STOPPED = "the same command goes on from here"


def run(arguments: Namespace) -> None:
    """Train, from where an earlier run stopped unless it is to be forgotten."""
    with refusing(RecipeError):
        recipe = read_recipe(arguments.config)
        folder = arguments.output or Path("runs") / recipe.name
        if arguments.restart:
            RunFolder(folder).forget()
        weights = train(arguments.config, folder)
    print(f"{weights}: trained; `divisi separate FILE --model {weights}` uses it.")
