"""One training loop for every model: CPU, one GPU, or several processes from the same code.

Step k learns from the examples k * batch_size ... (k + 1) * batch_size - 1 of the dataset, with a
random state made of the seed and k. Nothing else is random, so a training that was killed goes on
as if nothing had happened, and the number of workers changes nothing but the speed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from .averaging import MovingAverage
from .batches import StepSampler, load_steps
from .config import TrainingConfig, learning_rate
from .history import History, Log, Window
from .loop import default_fabric, exact_arithmetic, interruption
from .losses import TINY, Loss
from .runs import RunFolder, TrainingError, load_weights
from .validation import Validation, Validator


def fit(
    model: nn.Module,
    loss: Loss,
    dataset: Dataset,
    validation: Validation | None = None,
    *,
    config: TrainingConfig,
    folder: Path,
    fabric: Fabric | None = None,
    progress: bool = True,
) -> History:
    """Train `model`, which ends in eval mode with the best averaged weights.

    model: (B, C, T) -> (B, S, C, T); its present weights are where a new training starts.
    dataset: dataset[i] -> (mixture (C, T), stems (S, C, T)), the same for the same i; read in
        order, and again from its beginning where it ends.
    validation: a dataset of the same kind (its mean SI-SDR, silent stems left out), or a function
        of the averaged model that returns dB. Without it the last averaged weights are the best.
    folder: a training begun there is resumed; a finished one returns at once.
    fabric: a launched one; by default one device, or those that `fabric run` chose.

    Ctrl-C ends the step, saves, and returns a history that is not `finished`; a second one stops
    at once. Raises TrainingError where the folder holds a training with other settings, or where
    the loss is no longer a number.
    """
    fabric = fabric or default_fabric(config.precision)
    training = Training(model, loss, config, RunFolder(folder), fabric)
    if training.step < config.steps:
        unseen = torch.random.fork_rng(devices=[])  # the caller's random state stays as it is
        with unseen, exact_arithmetic(fabric.device), interruption() as interrupted:
            training.run(dataset, validation, interrupted, progress and fabric.is_global_zero)
    fabric.barrier()
    training.files.load_best(model)
    model.eval()
    return History(tuple(training.log.rows), finished=training.step == config.steps)


class Training:
    """The state of a training between two steps, and what changes it."""

    def __init__(
        self, model: nn.Module, loss: Loss, config: TrainingConfig, files: RunFolder, fabric: Fabric
    ):
        if config.batch_size % fabric.world_size:
            raise TrainingError(
                f"batch_size is {config.batch_size}; it must be a multiple of the "
                f"{fabric.world_size} processes that share it."
            )
        self.model, self.loss, self.config = model, loss, config
        self.files, self.fabric = files, fabric
        self.settings = {**asdict(config), "model": repr(getattr(model, "config", None))}
        files.create()
        state = files.read_last(self.settings)
        self.step = state["step"] if state else 0
        self.seconds = state["seconds"] if state else 0.0
        self.best = files.best_score() if state else -math.inf
        self.log = Log(files.log, self.step, writes=fabric.is_global_zero)

        self.average = MovingAverage(model, config.ema_decay)
        trained = [weights for weights in model.parameters() if weights.requires_grad]
        optimizer = torch.optim.AdamW(
            trained, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.wrapped, self.optimizer = fabric.setup(model, optimizer)
        self.average.model.to(fabric.device)
        if state:
            load_weights(model, state["model"], files.last)
            load_weights(self.average.model, state["average"], files.last)
            self.optimizer.load_state_dict(state["optimizer"])
            fabric.strategy.precision.load_state_dict(state["precision"])
        fabric.barrier()
        self.log.begin()

    def run(
        self,
        dataset: Dataset,
        validation: Validation | None,
        interrupted: threading.Event,
        progress: bool,
    ) -> None:
        """Take the steps that remain, or those until the interruption."""
        config, workers = self.config, self.config.workers
        score = None if validation is None else Validator(validation, self.fabric, workers)
        bar = tqdm(
            total=config.steps, initial=self.step, disable=not progress, unit="step", desc="train"
        )
        self.model.train()
        window = Window()
        with bar:
            for mixture, stems in self._batches(dataset):
                window.add(*self._learn(mixture, stems))
                self.step += 1
                bar.update()
                due = self._due(interrupted)
                if due:
                    self._measure(window, score if "validate" in due else None)
                    if "save" in due:
                        self._save()
                    bar.set_postfix_str(self._summary(), refresh=False)
                    window = Window()
                if "stop" in due:
                    break

    def _batches(self, dataset: Dataset) -> Iterable[tuple[Tensor, Tensor]]:
        fabric, config = self.fabric, self.config
        sampler = StepSampler(
            range(self.step, config.steps),
            config.batch_size,
            len(dataset),
            fabric.global_rank,
            fabric.world_size,
        )
        loader = load_steps(dataset, sampler, config.workers, fabric.device)
        return fabric.setup_dataloaders(loader, use_distributed_sampler=False)

    def _learn(self, mixture: Tensor, stems: Tensor) -> tuple[Tensor, Tensor]:
        """One step on one batch; returns the loss and the norm of the gradient."""
        key = np.random.SeedSequence((self.config.seed, self.step, self.fabric.global_rank))
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step)
        conditioning = (
            (draw_active_sources(stems, self.config.conditioned_share),)
            if self.config.conditioned_share
            else ()
        )
        estimates = self.wrapped(mixture, *conditioning)
        if estimates.shape != stems.shape:
            raise TrainingError(
                f"The model returns {tuple(estimates.shape)} where the stems are "
                f"{tuple(stems.shape)}; both must be (batch, sources, channels, samples)."
            )
        value = self.loss(estimates, stems)
        self.fabric.backward(value)
        norm = self.fabric.clip_gradients(
            self.wrapped,
            self.optimizer,
            max_norm=self.config.gradient_clip or math.inf,
            error_if_nonfinite=False,
        )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update(self.model, self.step)
        return value.detach(), norm.detach()

    def _due(self, interrupted: threading.Event) -> set[str]:
        """What is to be done after this step: of log, validate, save and stop."""
        rhythm = {
            "log": self.config.log_every,
            "validate": self.config.validate_every,
            "save": self.config.checkpoint_every,
        }
        last = self.step == self.config.steps
        due = {work for work, every in rhythm.items() if last or self.step % every == 0}
        asked = interrupted.is_set()
        if self.fabric.world_size > 1:  # all processes stop after the same step, a logged one
            asked = "log" in due and self._sum(float(asked)) > 0
        return due | {"save", "stop"} if asked else due

    def _measure(self, window: Window, score: Validator | None) -> None:
        """Write a row of the log; keep the weights where their score is the best so far."""
        loss, norm, seconds = window.close()
        loss = self._sum(loss) / self.fabric.world_size
        if not math.isfinite(loss):
            raise TrainingError(
                f"{self.files.folder}: the loss is {loss} before step {self.step}; lower the "
                "learning rate, or look for silent or broken examples."
            )
        self.seconds += seconds
        row = {
            "step": self.step,
            "loss": loss,
            "gradient_norm": norm,
            "learning_rate": learning_rate(self.config, self.step - 1),
            "examples_per_second": window.steps * self.config.batch_size / seconds,
            "seconds": self.seconds,
        }
        if score:
            row["val_si_sdr"] = score(self.average.model)
            if row["val_si_sdr"] > self.best:
                self._save_best(row["val_si_sdr"])
        self.log.append(row)

    def _save(self) -> None:
        """Write the state to resume from; without a validation the last weights are the best."""
        if self.best == -math.inf:
            self._save_best(-math.inf)
        if self.fabric.is_global_zero:
            self.files.write_last(
                {
                    "settings": self.settings,
                    "step": self.step,
                    "seconds": self.seconds,
                    "model": self.model.state_dict(),
                    "average": self.average.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "precision": self.fabric.strategy.precision.state_dict(),
                }
            )

    def _save_best(self, score: float) -> None:
        self.best = score
        if self.fabric.is_global_zero:
            self.files.write_best(self.average.model.state_dict(), self.step, score)

    def _summary(self) -> str:
        """The end of the progress line."""
        loss, score = self.log.latest("loss"), self.log.latest("val_si_sdr")
        return f"loss {loss:.3f}" + ("" if math.isnan(score) else f", SI-SDR {score:.2f} dB")

    def _sum(self, value: float) -> float:
        """The sum of a number over all processes."""
        total = torch.tensor(value, device=self.fabric.device)
        return self.fabric.all_reduce(total, reduce_op="sum").item()


def draw_active_sources(stems: Tensor, share: float, extra: float = 0.1) -> Tensor:
    """Which sources may play in each example, bool (B, S): all, or in a `share` those that sound.

    stems (B, S, C, T). Of the others, each is named with the probability `resting`, like a player
    who is there and has nothing to play. Where none sounds, all are named.
    """
    active = stems.square().sum((2, 3)) > TINY
    active = active | ~active.any(1, keepdim=True)
    active = active | (torch.rand(active.shape, device=stems.device) < extra)
    return active | (torch.rand(len(stems), 1, device=stems.device) >= share)
