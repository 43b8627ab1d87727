"""What the layers of a network hand on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def outputs_of(model: nn.Module, layers: Iterable[str], mixture: Tensor) -> dict[str, Tensor]:
    """Run a model on a mixture (C, T); the output of each named layer, without the batch axis.

    layers: names as in `model.named_modules()`, such as `network.encoder.0`. Of a layer that
    returns several tensors, as an LSTM does, the first is kept. Chapter: 04.
    """
    kept: dict[str, Tensor] = {}

    def keeper(name: str) -> Any:
        def keep(_: nn.Module, __: Any, output: Any) -> None:
            kept[name] = (output[0] if isinstance(output, tuple) else output)[0]

        return keep

    hooks = [model.get_submodule(name).register_forward_hook(keeper(name)) for name in layers]
    try:
        with torch.no_grad():
            model(mixture[None])
    finally:
        for hook in hooks:
            hook.remove()
    return kept
