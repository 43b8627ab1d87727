"""`divisi train`: train the model of a recipe; the same command resumes a stopped training."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from .errors import refusing
from .options import add_run

SUMMARY = "train a model from a recipe"
DESCRIPTION = """\
Train the model that RECIPE describes, a TOML file such as those in the repository's recipes/.
A stopped run is resumed; --restart starts again.

A recipe with a target, such as recipes/open-unmix.toml, can train a target of yours: --target
theremin --stems FOLDER. FOLDER has a folder for each piece and in it a file for each stem, such
as theremin.wav and guitar-2.wav. Only the target's name matters. Pieces may lack the target;
two or more must have it. MedleyDB is read as published. Some of the pieces validate and choose
the weights, perhaps with artists that are trained on too: `divisi evaluate` measures on others.
"""
STOPPED = "the same command resumes from here"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a TOML file")
    parser.add_argument(
        "--target", default="", metavar="NAME", help="the source to separate from all others"
    )
    parser.add_argument("--stems", type=Path, metavar="FOLDER", help="train on these pieces only")
    parser.add_argument(
        "--no-bleed",
        action="store_true",
        help="leave out pieces that MedleyDB marks as recorded in one room (has_bleed)",
    )
    add_run(parser, "runs/NAME, after RECIPE and target")


def run(arguments: Namespace) -> None:
    """Train, resuming an earlier run unless `--restart` is given."""
    from ..recipes.entries import RecipeError
    from ..recipes.schema import read_recipe
    from ..recipes.targets import with_target
    from ..recipes.train import train

    target, stems, bleed = arguments.target, arguments.stems, not arguments.no_bleed
    with refusing(RecipeError):
        recipe = read_recipe(arguments.recipe)
        if recipe.target or target or stems or not bleed:
            recipe = with_target(recipe, target, stems.resolve() if stems else "", bleed)
        folder = arguments.output or Path("runs") / recipe.name
        provenance = {"command": command(arguments)}
        weights = train(recipe, folder, provenance=provenance, restart=arguments.restart)
    print(f"{weights}: trained; `divisi separate FILE --model {weights}` uses it.")


def command(arguments: Namespace) -> str:
    """The command line that repeats this training."""
    words = ["divisi", "train", str(arguments.recipe)]
    words += ["--target", arguments.target] * bool(arguments.target)
    words += ["--stems", str(arguments.stems)] * bool(arguments.stems)
    return shlex.join(words + ["--no-bleed"] * arguments.no_bleed)
