"""The numbers of a training, and the learning rate that they give each step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .runs import TrainingError


@dataclass(frozen=True)
class TrainingConfig:
    """The numbers of a training.

    batch_size: examples of one step, over all processes together.
    learning_rate: the highest; reached linearly in `warmup_steps`, then down as a cosine to
        `final_rate` times as much: to nothing, or not at all where that is 1.
    gradient_clip: the largest norm of the whole gradient; 0 leaves it as it is.
    ema_decay: of the moving average of the weights, which is the result.
    named: share of the examples in which a model that can be told who plays is told so: those
        stems that sound, and now and then one that does not.
    precision: as Fabric names it: 32-true, 16-mixed, bf16-mixed.
    workers: processes that prepare examples, for each process that trains.
    """

    steps: int
    batch_size: int = 8
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    final_rate: float = 0.0
    weight_decay: float = 0.0
    gradient_clip: float = 5.0
    ema_decay: float = 0.999
    validate_every: int = 500
    checkpoint_every: int = 500
    log_every: int = 20
    conditioned_share: float = 0.0
    precision: str = "32-true"
    seed: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "validate_every", "checkpoint_every", "log_every"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if not 0.0 <= self.ema_decay < 1.0:
            raise TrainingError(f"ema_decay is {self.ema_decay}; it must be in [0, 1).")


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The rate of step 0, 1, ...: linear warm-up, then half a cosine.

    Loshchilov and Hutter, "SGDR", ICLR 2017, eq. 5 with one period.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    fall = 0.5 * (1.0 + math.cos(math.pi * progress))
    return config.learning_rate * (config.final_rate + (1.0 - config.final_rate) * fall)
