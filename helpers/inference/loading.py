"""Load a model by name or file, or use one that is already loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import runtime
from ..music.instruments import instrument

if TYPE_CHECKING:
    from torch import nn


def model_for(
    model: str | Path | nn.Module | None, instruments: Sequence[str] | str | None
) -> str | Path | nn.Module:
    """The model, or, for the default one, that with more players where it lacks one.

    instruments: as for `chosen_sources`, which says what is wrong with them.
    """
    from ..training.checkpoints import available_models
    from .players import words_of

    model = runtime.DEFAULT_MODEL if model is None else model
    if model != runtime.DEFAULT_MODEL or instruments is None:
        return model
    try:
        names = [instrument(word).name for word in words_of(instruments)]
    except (KeyError, ValueError):
        return model
    own = available_models()[model]["sources"]
    return model if len({*names} & {*own}) == len(names) else runtime.LARGE_MODEL


def model_and_name(
    model: str | Path | nn.Module | None, device: str = "auto"
) -> tuple[str, nn.Module]:
    """The name of a model and the model, by default the default one. A loaded one is not moved.

    Raises ValueError for a device that this machine does not have, CheckpointError for a model that
    is unknown or broken.
    """
    from ..training.checkpoints import load_model

    model = runtime.DEFAULT_MODEL if model is None else model
    if not isinstance(model, (str, Path)):
        return type(model).__name__, model
    path = Path(model)
    name = path.stem if path.suffix in (".json", ".safetensors") else path.name
    return name, load_model(model, device=runtime.pick_device(device))
