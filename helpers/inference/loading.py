"""Load a model by name or file, or use one that is already loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import runtime

if TYPE_CHECKING:
    from torch import nn


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
