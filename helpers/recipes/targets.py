"""The recipe of one target made that of another, out of rendered ensembles or a reader's stems."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..datasets.stem_folders import source_name
from .entries import RecipeError
from .schema import Recipe


def with_target(recipe: Recipe, target: str = "", stems: str | Path = "", bleed=True) -> Recipe:
    """The recipe with another target, and the target at the end of its name.

    stems: a folder of pieces, which are then the only data (see `Recipe`), in their own balance
    and with weak effects. bleed: see `Recipe`.
    RecipeError where the recipe has no target, and for one that it cannot have.
    """
    if not recipe.target:
        raise RecipeError(
            f"{recipe.name}: this recipe has no target; choose one such as recipes/open-unmix.toml."
        )
    name = source_name(target) if target else recipe.target
    try:
        recipe = replace(
            recipe, name=f"{recipe.name.removesuffix(f'-{recipe.target}')}-{name}", target=name,
            bleed=bleed, **(_stems_only(recipe, stems) if stems else {}),
        )  # fmt: skip
    except ValueError as error:
        raise RecipeError(f"{recipe.name}: {error}") from error
    return recipe


def _stems_only(recipe: Recipe, stems: str | Path) -> dict[str, object]:
    rendering = replace(
        recipe.rendering, soundfonts=(), note_samples=0, tones=0, timbre_substitution=0
    )
    mixing = replace(
        recipe.mixing, normalise_stems=False, tilt=(-1.0, 2.0), equaliser=2.0, detune=0.0
    )
    return {
        "stems": str(stems), "scores": (), "chorale_instruments": (), "corpora": (),
        "use_note_samples": False, "use_solos": False, "rendering": rendering, "mixing": mixing,
    }  # fmt: skip
