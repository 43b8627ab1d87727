"""The model and the device that a command line names."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import torch

from .. import runtime
from ..inference.detection import can_detect
from ..music.instruments import instrument
from ..training.checkpoints import load_model
from ..training.conditioning import condition_on
from .errors import CommandError, refusing

ALL = "all"  # for --instruments: every one that the model knows


@dataclass(frozen=True)
class LoadedModel:
    """A model on its device, called as in `divisi models`, and the sources that are asked for.

    listens: nobody says who plays, and the model can find out.
    """

    name: str
    model: torch.nn.Module
    device: torch.device
    sources: tuple[str, ...]
    can_detect: bool = False

    @property
    def sha256(self) -> str:
        return self.model.card["sha256"]


def load(arguments: Namespace) -> LoadedModel:
    """The model of `--model` on the device of `--device`, told of the `--instruments` that play.

    Raises CommandError for a device that is not here and for instruments that the model does not
    have, CheckpointError for a model that is unknown or broken.
    """
    with refusing(ValueError):
        device = runtime.pick_device(arguments.device)
    model = load_model(arguments.model, device=device)
    path = Path(arguments.model)
    name = path.stem if path.suffix in (".json", ".safetensors") else path.name
    sources = tuple(model.sources)
    text = getattr(arguments, "instruments", None)
    if text and text.strip() != ALL:
        sources = players(text, sources, name)
        if len(sources) > 1:  # one that plays alone would be the whole recording
            model = condition_on(model, sources)
    return LoadedModel(name, model, device, sources, can_detect=not text and can_detect(model))


def players(text: str, sources: tuple[str, ...], model: str) -> tuple[str, ...]:
    """The sources that a list such as `violin, vc` means; CommandError for others."""
    chosen = []
    for word in filter(None, map(str.strip, text.split(","))):
        try:
            name = word if word in sources else instrument(word).name
        except KeyError as error:
            raise CommandError(f"--instruments: {error.args[0]}") from error
        if name not in sources:
            raise CommandError(
                f"--instruments: {model} does not know '{name}'; it knows {', '.join(sources)}."
            )
        chosen.append(name)
    if not chosen:
        raise CommandError(f"--instruments names nobody; choose from {', '.join(sources)}.")
    return tuple(dict.fromkeys(chosen))
