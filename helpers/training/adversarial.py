"""Training of a cycle-consistent GAN: separation without pairs of a mixture and its stems.

A separator makes stems out of mixtures, a mixer makes mixtures out of stems, and for each source
and for the mixture a critic tells real waveforms from those that these two made. The critics
estimate Wasserstein distances under a gradient penalty; what is separated and mixed again, or mixed
and separated again, must come back (`cycle_gan.py`). Step k depends only on the seed and k, as in
`trainer.py`. Chapter: 07.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from .. import runtime
from .averaging import MovingAverage
from .batches import StepSampler, load_steps
from .config import check_limits
from .cycle_gan import CycleGAN
from .execution import exact_arithmetic, interruption
from .history import History, Log, checked
from .runs import RunFolder, State, TrainingError, check_settings, load_moments, load_weights
from .validation import Validation, Validator

#: Means over the steps since the row before. distance_*: what the critics of the stems (summed) and
#: of the mixture estimate; penalty: of all critics; adversarial, cycle: the generators' losses.
MEANS = ("distance_stems", "distance_mixture", "penalty", "adversarial", "cycle")
COLUMNS = ("step", *MEANS, "val_si_sdr", "seconds")
LIMITS = {
    "steps": (1, 10**9), "batch_size": (1, 65_536), "critic_steps": (1, 1000),
    "learning_rate": (0.0, 10.0), "cycle_weight": (0.0, 1e6), "penalty_weight": (0.0, 1e6),
    "weight_clip": (0.0, 1e6), "ema_decay": (0.0, 0.999999), "validate_every": (1, 10**9),
    "checkpoint_seconds": (0.0, 86_400.0), "log_every": (1, 10**9), "seed": (0, 2**32 - 1),
    "workers": (0, 256),
}  # fmt: skip


@dataclass(frozen=True)
class AdversarialConfig:
    """The settings of a training; learning rate, betas, penalty and critic steps are WaveGAN's.

    steps: of the generators; each follows `critic_steps` steps of the critics.
    cycle_weight: of the cycle's L1 loss beside the critics' scores. penalty_weight: of the gradient
        penalty. weight_clip: largest absolute weight of a critic, the first way to bound its slope
        (Arjovsky et al., 2017); 0 does not clip.
    ema_decay: of the moving average of the separator's weights, which is the result.
    checkpoint_seconds: the state is saved when so many seconds have passed, and at the end.
    """

    steps: int
    batch_size: int = 8
    critic_steps: int = 5
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.9)
    cycle_weight: float = 100.0
    penalty_weight: float = 10.0
    weight_clip: float = 0.0
    ema_decay: float = 0.99
    validate_every: int = 100
    checkpoint_seconds: float = 60.0
    log_every: int = 10
    seed: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        check_limits(self, LIMITS)


def fit_cycle(
    separator: nn.Module,
    mixer: nn.Module,
    make_critic: Callable[[], nn.Module],
    dataset: Dataset,
    validation: Validation | None = None,
    *,
    config: AdversarialConfig,
    folder: Path,
    progress: bool = True,
) -> History:
    """Train `separator`, which ends in eval mode with the averaged weights of the last step.

    separator: (B, C, T) -> (B, S, C, T); mixer: the way back; make_critic: see `CycleGAN`.
    dataset: dataset[i] -> (mixture (C, T), stems (S, C, T)), unrelated to each other, the same for
        the same i.
    validation: as for `fit`; it is logged and chooses nothing, because a training without pairs has
        none to choose by.
    folder: a training begun there is resumed, to the same weights; a finished one returns at once.

    Ctrl-C ends the step, saves, and returns a history that is not `finished`. Raises TrainingError
    where another process trains in the folder, where it holds a training with other settings, and
    where a loss is not finite. One device, 32-bit numbers.
    """
    files = RunFolder(folder)
    fabric = Fabric(devices=1, precision="32-true")
    with (
        files.locked(),
        torch.random.fork_rng(devices=[]),  # the caller's random state stays
        exact_arithmetic(fabric.device),
        runtime.freed_memory_kept(),
    ):
        torch.manual_seed(config.seed)
        training = AdversarialTraining(
            CycleGAN(separator, mixer, make_critic), config, files, fabric
        )
        if training.step < config.steps:
            training.run(dataset, validation, progress)
        files.load_best(separator)
    separator.eval()
    return History(tuple(training.log.rows), finished=training.step == config.steps)


class AdversarialTraining:
    """The state of a training between two steps, and its changes."""

    def __init__(
        self, system: CycleGAN, config: AdversarialConfig, files: RunFolder, fabric: Fabric
    ):
        self.system, self.config = system.to(fabric.device), config
        self.files, self.fabric = files, fabric
        model = repr(getattr(system.separator, "config", None))
        self.settings = {**asdict(config), "model": model, "mixer": type(system.mixer).__name__}
        self.step, self.seconds = 0, 0.0
        self.sums = dict.fromkeys((*MEANS, "steps"), 0.0)
        self.log = Log(files.log, columns=COLUMNS)
        self.average = MovingAverage(system.separator, config.ema_decay)
        generators = [*system.separator.parameters(), *system.mixer.parameters()]
        self.optimizers = {
            name: torch.optim.Adam(weights, config.learning_rate, config.betas)
            for name, weights in (
                ("generators", generators), ("critics", system.critics.parameters())
            )
        }  # fmt: skip
        files.resume(self._load)
        self.log.begin()

    def _load(self, path: Path, state: State) -> None:
        """Take everything from a state."""
        check_settings(state["settings"], self.settings, path)
        load_weights(self.system, state["model"], path)
        load_weights(self.average.model, state["average"], path)
        for name, optimizer in self.optimizers.items():
            load_moments(optimizer, state["optimizer"][name])
        self.log.rows = [checked(row, COLUMNS) for row in state["rows"]]
        self.sums = {name: float(state["sums"][name]) for name in self.sums}
        self.step, self.seconds = state["step"], state["seconds"]

    def run(self, dataset: Dataset, validation: Validation | None, progress: bool) -> None:
        """Run the remaining steps, or those until an interruption."""
        config = self.config
        validator = None if validation is None else Validator(validation, self.fabric)
        sampler = StepSampler(
            range(self.step, config.steps), config.batch_size * config.critic_steps, len(dataset)
        )
        loader = load_steps(dataset, sampler, config.workers, self.fabric.device)
        loader = self.fabric.setup_dataloaders(loader, use_distributed_sampler=False)
        bar = tqdm(total=config.steps, initial=self.step, disable=not progress, unit="step")
        self.system.train()
        saved = began = time.monotonic()
        with interruption() as interrupted, bar:
            for mixture, stems in loader:
                self._learn(mixture, stems)
                self.step += 1
                bar.update()
                last = self.step == config.steps
                validates = validator and (last or self.step % config.validate_every == 0)
                now = time.monotonic()
                self.seconds, began = self.seconds + now - began, now
                if last or validates or self.step % config.log_every == 0:
                    self._measure(validator if validates else None)
                    bar.set_postfix_str(f"distance {self.log.latest('distance_stems'):.3f}")
                if last or interrupted.is_set() or now - saved >= config.checkpoint_seconds:
                    self._save()
                    saved = now
                began += time.monotonic() - now  # without the time of measuring and saving
                if interrupted.is_set():
                    break

    def _learn(self, mixture: Tensor, stems: Tensor) -> None:
        """The critics' steps, one for each part of the batch, and the generators' on the last."""
        config, system = self.config, self.system
        key = np.random.SeedSequence((config.seed, self.step))
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))
        parts = zip(*(each.split(config.batch_size) for each in (mixture, stems)), strict=True)
        for part in parts:
            loss, terms = system.critics_loss(*part, config.penalty_weight)
            self._descend("critics", loss)
            self._count(terms, 1.0 / config.critic_steps)
            if config.weight_clip:
                with torch.no_grad():
                    for weights in system.critics.parameters():
                        weights.clamp_(-config.weight_clip, config.weight_clip)
        system.critics.requires_grad_(False)
        loss, terms = system.generators_loss(*part, config.cycle_weight)
        self._descend("generators", loss)
        system.critics.requires_grad_(True)
        self._count(terms)
        self.sums["steps"] += 1.0
        self.average.update(system.separator, self.step)

    def _count(self, terms: dict[str, Tensor], weight: float = 1.0) -> None:
        for name, value in terms.items():
            self.sums[name] += weight * value.item()

    def _descend(self, name: str, loss: Tensor) -> None:
        if not math.isfinite(loss.detach()):
            raise TrainingError(
                f"{self.files.folder}: the loss of the {name} is {loss.item()} in step "
                f"{self.step + 1}; lower the learning rate, or raise penalty_weight."
            )
        self.optimizers[name].zero_grad()
        loss.backward()
        self.optimizers[name].step()

    def _measure(self, validator: Validator | None) -> None:
        """Write a row of the log."""
        row = {name: self.sums[name] / self.sums["steps"] for name in MEANS}
        row |= {"step": self.step, "seconds": self.seconds}
        if validator:
            row["val_si_sdr"] = validator(self.average.model)
        self.log.append(row)
        self.sums = dict.fromkeys(self.sums, 0.0)

    def _save(self) -> None:
        """Write the state to resume from, and the averaged separator."""
        self.files.write_best(self.average.model.state_dict(), self.step, -math.inf)
        self.files.write_state(
            {
                "settings": self.settings,
                "step": self.step,
                "seconds": self.seconds,
                "model": self.system.state_dict(),
                "average": self.average.model.state_dict(),
                "optimizer": {name: each.state_dict() for name, each in self.optimizers.items()},
                "precision": {},
                "rows": self.log.rows,
                "sums": self.sums,
            }
        )
