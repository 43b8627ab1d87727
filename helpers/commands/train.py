"""`divisi train`: train the model of a recipe; the same command resumes a stopped training."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..recipes.schema import RecipeError, read_recipe
from ..recipes.train import train
from ..training.runs import RunFolder
from .errors import refusing

STOPPED = "the same command resumes from here"


def run(arguments: Namespace) -> None:
    """Train, resuming an earlier run unless `--restart` is given."""
    with refusing(RecipeError):
        recipe = read_recipe(arguments.config)
        folder = arguments.output or Path("runs") / recipe.name
        if arguments.restart:
            RunFolder(folder).forget()
        weights = train(arguments.config, folder)
    print(f"{weights}: trained; `divisi separate FILE --model {weights}` uses it.")
