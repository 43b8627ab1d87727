"""What a run was begun with, beside its state, so that it is not resumed with other data."""

from __future__ import annotations

import json
from typing import Any

from ..files import read_text, replaced_atomically
from ..training.runs import RunFolder
from .entries import RecipeError


def keep_settings(
    files: RunFolder, name: str, settings: dict[str, Any], others: str, option: str
) -> None:
    """Write settings (as JSON) into the file `name` of a run's folder.

    RecipeError where the run was begun with different ones. others, option: words of the sentence:
    what is different, and the option that names another folder.
    """
    path = files.folder / name
    if files.begun:
        try:
            earlier = json.loads(read_text(path))
        except (OSError, ValueError, RecursionError):
            earlier = None
        if earlier != settings:
            raise RecipeError(
                f"{files.folder}: this training was begun with {others}; choose another {option}, "
                "or begin again with --restart."
            )
    with replaced_atomically(path) as draft:
        draft.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
