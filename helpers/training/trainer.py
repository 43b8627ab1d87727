"""One training loop for every model: CPU, one GPU, or several processes from the same code.

Step k learns from the examples k * batch_size ... (k + 1) * batch_size - 1 of the dataset, with a
random state made of the seed and k. Nothing else is random, so a resumed training ends with the
same weights, and the number of workers changes only the speed. Chapter: 01.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
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
from .config import TrainingConfig, learning_rate
from .execution import default_fabric, exact_arithmetic, interruption
from .history import History, Log, Window, checked, read_rows
from .losses import Loss
from .objectives import Objective
from .runs import (
    RunFolder,
    State,
    TrainingError,
    check_settings,
    load_moments,
    load_weights,
)
from .validation import Validation, Validator

SKIPPED_AT_MOST = 10  # steps in a row whose gradient is not finite


def fit(
    model: nn.Module,
    loss: Loss | Objective,
    dataset: Dataset,
    validation: Validation | None = None,
    *,
    config: TrainingConfig,
    folder: Path,
    fabric: Fabric | None = None,
    progress: bool = True,
) -> History:
    """Train `model`, which ends in eval mode with the best averaged weights.

    model: (B, C, T) -> (B, S, C, T); a new training starts from its present weights.
    loss: of the estimates; an `Objective` decides itself what the model is given, too.
    dataset: dataset[i] -> (mixture (C, T), stems (S, C, T)), the same for the same i; read in
        order, and repeated where it ends. Further tensors, such as the notes of a score, are given
        to the model behind the mixture.
    validation: a dataset of the same kind (its mean SI-SDR, silent stems left out), or a function
        of the averaged model that returns dB. Without it the last averaged weights are the best.
    folder: a training begun there is resumed; a finished one returns at once.
    fabric: a launched one; by default one device, or those that `fabric run` chose.

    A step whose gradient is not finite is skipped. Ctrl-C ends the step, saves, and returns a
    history that is not `finished`; a second one stops at once. SIGTERM and SIGHUP save in the same
    way and then have their usual effect. Raises TrainingError where another process trains in the
    folder, where it holds a training with other settings, where the loss is not finite, and where
    the gradient is not for several steps in a row.
    """
    fabric, files = fabric or default_fabric(config.precision), RunFolder(folder)
    with files.locked() if fabric.is_global_zero else nullcontext():
        training = Training(model, loss, config, files, fabric)
        if training.step < config.steps:
            isolated = torch.random.fork_rng(devices=[])  # the caller's random state stays
            exact = exact_arithmetic(fabric.device)
            kept = runtime.freed_memory_kept()
            with isolated, exact, kept, interruption() as interrupted:
                training.run(dataset, validation, interrupted, progress and fabric.is_global_zero)
        fabric.barrier()
        files.load_best(model)
    model.eval()
    return History(tuple(training.log.rows), finished=training.step == config.steps)


class Training:
    """The state of a training between two steps, and its changes."""

    def __init__(
        self,
        model: nn.Module,
        loss: Loss | Objective,
        config: TrainingConfig,
        files: RunFolder,
        fabric: Fabric,
    ):
        if config.batch_size % fabric.world_size:
            raise TrainingError(
                f"batch_size is {config.batch_size}; it must be a multiple of the "
                f"{fabric.world_size} processes that share it."
            )
        self.model, self.config = model, config
        is_whole = isinstance(loss, Objective)
        self.objective = loss if is_whole else Objective(loss, config.conditioned_share)
        self.files, self.fabric = files, fabric
        self.settings = {**asdict(config), "model": repr(getattr(model, "config", None))}
        self.step = self.skipped = 0
        self.seconds, self.best = 0.0, -math.inf
        self.saved = time.monotonic()
        self.log = Log(files.log, writes=fabric.is_global_zero)
        self.begun_window = Window
        self.average = MovingAverage(model, config.ema_decay)
        trained = [weights for weights in model.parameters() if weights.requires_grad]
        optimizer = torch.optim.AdamW(
            trained, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.wrapped, self.optimizer = fabric.setup(model, optimizer)
        self.average.model.to(fabric.device)
        files.resume(partial(self._load, optimizer))
        if self.step:
            score = files.best_score(self.average.model)
            if score is None:
                self._save_best(-math.inf)
            else:
                self.best = score
        fabric.barrier()
        self.log.begin()

    def _load(self, optimizer: torch.optim.Optimizer, path: Path, state: State) -> None:
        """Take everything from a state; errors of `UNREADABLE` where a part of it is damaged."""
        check_settings(state["settings"], self.settings, path)
        reached, steps = state["step"], state["settings"]["steps"]
        if not (0 <= reached <= steps and 0 <= state["seconds"] < math.inf):
            raise ValueError("a number that no training reaches")
        rows = state.get("rows") or read_rows(self.files.log)  # the first states have none
        self.log.rows = [checked(row) for row in rows if row["step"] <= state["step"]]
        count, *sums = state.get("window") or (0, 0.0, 0.0, 0.0)
        self.begun_window = partial(Window, int(count), *map(float, sums))
        load_weights(self.model, state["model"], path)
        load_weights(self.average.model, state["average"], path)
        load_moments(optimizer, state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        self.step, self.seconds = state["step"], state["seconds"]

    def run(
        self,
        dataset: Dataset,
        validation: Validation | None,
        interrupted: threading.Event,
        progress: bool,
    ) -> None:
        """Run the remaining steps, or those until the interruption."""
        config, workers = self.config, self.config.workers
        validator = None if validation is None else Validator(validation, self.fabric, workers)
        bar = tqdm(
            total=config.steps, initial=self.step, disable=not progress, unit="step", desc="train"
        )
        self.model.train()
        self.window = self.begun_window()
        with bar:
            for mixture, stems, *guide in self._batches(dataset):
                self.window.add(*self._learn(mixture, stems, guide))
                self.step += 1
                bar.update()
                due = self._due(interrupted)
                if due - {"late"}:
                    self._measure(validator if "validate" in due else None)
                    self.window = Window()
                    bar.set_postfix_str(self._summary(), refresh=False)
                if due & {"save", "late"}:
                    self._save()
                if not self.window.steps:
                    self.window = Window()  # without the time of saving
                if "stop" in due:
                    break

    def _batches(self, dataset: Dataset) -> Iterable[tuple[Tensor, ...]]:
        fabric, config = self.fabric, self.config
        steps = range(self.step, config.steps)
        sampler = StepSampler(
            steps, config.batch_size, len(dataset), fabric.global_rank, fabric.world_size
        )
        loader = load_steps(dataset, sampler, config.workers, fabric.device)
        return fabric.setup_dataloaders(loader, use_distributed_sampler=False)

    def _learn(
        self, mixture: Tensor, stems: Tensor, guide: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """One step on one batch; the loss and the norm of the gradient."""
        key = np.random.SeedSequence((self.config.seed, self.step, self.fabric.global_rank))
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step)
        value = self.objective(self.wrapped, mixture, stems, *guide)
        self.fabric.backward(value)
        norm = self.fabric.clip_gradients(
            self.wrapped, self.optimizer, max_norm=self.config.gradient_clip or math.inf,
            error_if_nonfinite=False,
        )  # fmt: skip
        if norm.isfinite() or self.config.precision == "16-mixed":  # which skips such steps itself
            self.optimizer.step()
            self.average.update(self.model, self.step)
            self.skipped = 0
        else:
            self.skipped += 1
        self.optimizer.zero_grad()
        if self.skipped == SKIPPED_AT_MOST:
            raise TrainingError(
                f"{self.files.folder}: the gradient is not finite in {self.skipped} steps up to "
                f"step {self.step + 1}; lower the learning rate, or look for silent or broken "
                "examples."
            )
        return value.detach(), norm.detach()

    def _due(self, interrupted: threading.Event) -> set[str]:
        """What to do after this step, of: log, validate, save, late (for a save), stop."""
        intervals = {
            "log": self.config.log_every,
            "validate": self.config.validate_every,
            "save": self.config.checkpoint_every,
        }
        last = self.step == self.config.steps
        due = {work for work, every in intervals.items() if last or self.step % every == 0}
        stop = interrupted.is_set()
        late = time.monotonic() - self.saved >= self.config.checkpoint_seconds
        if self.fabric.world_size > 1:  # all processes decide the same, at a logged step
            stop, late = ("log" in due and self._sum(float(each)) > 0 for each in (stop, late))
        return due | ({"save", "stop"} if stop else set()) | ({"late"} if late else set())

    def _measure(self, validator: Validator | None) -> None:
        """Write a row of the log; keep the weights where their score is the best so far."""
        steps, seconds = self.window.steps, self.window.seconds
        self.seconds += seconds
        row = {
            "step": self.step,
            "loss": self._loss_sum() / steps,
            "gradient_norm": float(self.window.norm) / steps,
            "learning_rate": learning_rate(self.config, self.step - 1),
            "examples_per_second": steps * self.config.batch_size / seconds,
            "seconds": self.seconds,
        }
        if validator:
            row["val_si_sdr"] = validator(self.average.model)
            if row["val_si_sdr"] > self.best:
                self._save_best(row["val_si_sdr"])
        self.log.append(row)

    def _save(self) -> None:
        """Write the state to resume from; without a validation the last weights are the best."""
        if self.best == -math.inf:
            self._save_best(-math.inf)
        self.saved = time.monotonic()
        window = self.window
        sums = (window.steps, self._loss_sum(), float(window.norm), window.seconds)
        if self.fabric.is_global_zero:
            self.files.write_state(
                {
                    "settings": self.settings,
                    "step": self.step,
                    "seconds": self.seconds,
                    "model": self.model.state_dict(),
                    "average": self.average.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "precision": self.fabric.strategy.precision.state_dict(),
                    "rows": self.log.rows,
                    "window": sums,
                }
            )

    def _save_best(self, score: float) -> None:
        self.best = score
        if self.fabric.is_global_zero:
            self.files.write_best(self.average.model.state_dict(), self.step, score)

    def _loss_sum(self) -> float:
        """The loss summed over the window, the mean of all processes. TrainingError if infinite."""
        loss = self._sum(float(self.window.loss)) / self.fabric.world_size
        if not math.isfinite(loss):
            raise TrainingError(
                f"{self.files.folder}: the loss is {loss} before step {self.step}; lower the "
                "learning rate, or look for silent or broken examples."
            )
        return loss

    def _summary(self) -> str:
        """The end of the progress line."""
        loss, score = self.log.latest("loss"), self.log.latest("val_si_sdr")
        return f"loss {loss:.3f}" + ("" if math.isnan(score) else f", SI-SDR {score:.2f} dB")

    def _sum(self, value: float) -> float:
        """The sum of a number over all processes."""
        total = torch.tensor(value, device=self.fabric.device)
        return self.fabric.all_reduce(total, reduce_op="sum").item()
