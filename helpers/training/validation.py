"""Validation: SI-SDR on held-out examples, by which the best weights are chosen.

The order of two players of one instrument does not count. A model of players is told who plays, as
it is by `divisi separate` after it has heard the recording; `other` counts where something else
plays. How well it hears who plays, and an instrument that is left out, choose no weights:
`experiments/detection.py` measures the former.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from lightning.fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from .batches import ignore_interrupts
from .conditioning import player_pairs
from .losses import matched, si_sdr

Validation = Dataset | Callable[[nn.Module], float]


class Validator:
    """Measures a model on a dataset shared by all processes, or by a function in the first one."""

    def __init__(self, validation: Validation, fabric: Fabric, workers: int = 0):
        self.fabric = fabric
        self.function = None if hasattr(validation, "__getitem__") else validation
        if self.function is None:
            share = range(fabric.global_rank, len(validation), fabric.world_size)
            self.loader = DataLoader(
                Subset(validation, share),
                num_workers=workers,
                persistent_workers=workers > 0,
                worker_init_fn=ignore_interrupts,
                generator=torch.Generator(),
            )

    @torch.no_grad()
    def __call__(self, model: nn.Module) -> float:
        """Mean SI-SDR in dB over all stems that are not silent, the same in every process."""
        if self.function is not None:
            score = float(self.function(model)) if self.fabric.is_global_zero else 0.0
            return float(self.fabric.broadcast(score))
        total = torch.zeros(2, dtype=torch.float64)
        for batch in self.loader:
            mixture, stems, *guide = self.fabric.to_device(batch)
            estimates = model(mixture, *guide)
            stems = matched(estimates, stems, player_pairs(getattr(model, "sources", ())))
            ratios = si_sdr(estimates, stems)
            measured = ratios[~ratios.isnan()].double().cpu()
            total += torch.tensor([measured.sum(), len(measured)])
        total = self.fabric.all_reduce(total.float().to(self.fabric.device), reduce_op="sum")
        return (total[0] / total[1]).item()
