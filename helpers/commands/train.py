"""`divisi train`: train the model of a recipe; the same command resumes a stopped training."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .errors import refusing
from .options import add_run

SUMMARY = "train a model from a recipe"
DESCRIPTION = """\
Train the model that RECIPE describes, a TOML file such as those in the repository's recipes/.
A stopped run is resumed; --restart starts again.
"""
STOPPED = "the same command resumes from here"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a TOML file")
    add_run(parser, "runs/NAME, with the name in RECIPE")


def run(arguments: Namespace) -> None:
    """Train, resuming an earlier run unless `--restart` is given."""
    from ..recipes.schema import RecipeError, read_recipe
    from ..recipes.train import train

    with refusing(RecipeError):
        recipe = read_recipe(arguments.recipe)
        folder = arguments.output or Path("runs") / recipe.name
        weights = train(arguments.recipe, folder, restart=arguments.restart)
    print(f"{weights}: trained; `divisi separate FILE --model {weights}` uses it.")
