"""The settings of a training, and the learning rate of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .runs import TrainingError

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")
LIMITS = {
    "steps": (1, 10**9), "batch_size": (1, 65_536), "learning_rate": (0.0, 10.0),
    "warmup_steps": (0, 10**9), "final_rate": (0.0, 1.0), "weight_decay": (0.0, 1.0),
    "gradient_clip": (0.0, 1e6), "ema_decay": (0.0, 0.999999), "validate_every": (1, 10**9),
    "checkpoint_every": (1, 10**9), "checkpoint_seconds": (0.0, 86_400.0), "log_every": (1, 10**9),
    "conditioned_share": (0.0, 1.0), "seed": (0, 2**32 - 1), "workers": (0, 256),
}  # fmt: skip


def check_limits(config: object, limits: Mapping[str, tuple[float, float]]) -> None:
    """TrainingError for a number in a config that is not from least to most, or is not whole where
    these are. Configs of models check theirs by themselves, because they import nothing of this."""
    for name, (least, most) in limits.items():
        value = getattr(config, name)
        if type(value) not in (int, type(least)) or not least <= value <= most:
            kind = "a whole number" if type(least) is int else "a number"
            raise TrainingError(f"{name} is {value!r}; it must be {kind} from {least} to {most}.")


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of a training. Chapter: 01.

    batch_size: examples of one step, in all processes.
    learning_rate: the highest; reached linearly in `warmup_steps`, then a cosine down to
        `final_rate` times as much.
    gradient_clip: the largest norm of the whole gradient; 0 does not clip.
    ema_decay: of the moving average of the weights, which is the result.
    checkpoint_every, checkpoint_seconds: the state is saved after so many steps, and whenever so
        many seconds have passed since it was last saved.
    conditioned_share: share of the examples in which the model is given the active sources.
    precision: as in Fabric (32-true, bf16-mixed, 16-mixed); `auto` is bf16-mixed on devices with
        instructions for it, otherwise 32-true.
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
    checkpoint_seconds: float = 60.0
    log_every: int = 20
    conditioned_share: float = 0.0
    precision: str = "32-true"
    seed: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        check_limits(self, LIMITS)
        if self.precision not in PRECISIONS:
            raise TrainingError(f"precision is {self.precision!r}; choose {', '.join(PRECISIONS)}.")


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The learning rate of step 0, 1, ...: linear warm-up, then half a cosine.

    Loshchilov and Hutter, "SGDR", ICLR 2017, eq. 5 with one period.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    fall = 0.5 * (1.0 + math.cos(math.pi * progress))
    return config.learning_rate * (config.final_rate + (1.0 - config.final_rate) * fall)
