"""The folder of one training: the state to resume from, the best weights, the log.

These files are private to the folder; `checkpoints.save_model` writes what is passed on.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..files import held, replaced_atomically

State = dict[str, Any]
MAY_CHANGE = {"validate_every", "checkpoint_every", "checkpoint_seconds", "log_every", "workers"}
#: Settings that the first states do not contain, and the values that they had.
DEFAULTS = {"final_rate": 0.0, "conditioned_share": 0.0}
STATE = {
    "settings": dict, "step": int, "seconds": float, "model": dict, "average": dict,
    "optimizer": dict, "precision": dict,
}  # fmt: skip
BEST = {"weights": dict, "step": int, "val_si_sdr": float}
ENTRIES = {"params", "lr", "betas", "eps", "weight_decay"}  # of the optimizer
#: What `torch.load` raises for files that it cannot read.
UNREADABLE = (
    RuntimeError, pickle.UnpicklingError, EOFError, OSError, LookupError, ValueError, TypeError,
    AttributeError,
)  # fmt: skip


class TrainingError(ValueError):
    """One sentence: what prevents this training, and what would be right."""


class RunFolder:
    """`last.ckpt` (the state), `previous.ckpt` (the state before), `best.ckpt`, `log.csv`."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.last = self.folder / "last.ckpt"
        self.previous = self.folder / "previous.ckpt"
        self.best = self.folder / "best.ckpt"
        self.log = self.folder / "log.csv"

    @property
    def begun(self) -> bool:
        """Whether there is a state to resume from."""
        return self.last.exists() or self.previous.exists()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and hold it: one training at a time. Held again, it is held once.

        TrainingError where another process or thread holds it, or where it cannot be made.
        """
        missing = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"{self.folder}: cannot be the folder of a training ({error.strerror}); "
                "name another one."
            ) from error
        try:
            with held(self.folder / ".training.lock", wait=1.0) as mine:
                if not mine:
                    raise TrainingError(
                        f"{self.folder}: another training is running in this folder; wait for its "
                        "end, or name another folder."
                    )
                yield
        finally:
            for path in missing:
                with suppress(OSError):  # it is not empty
                    path.rmdir()

    def forget(self) -> None:
        """Remove the files of an earlier run, and nothing else."""
        for path in (self.last, self.previous, self.best, self.log):
            path.unlink(missing_ok=True)

    def states(self) -> Iterator[tuple[Path, State]]:
        """The good states with their files, the newest first.

        TrainingError at the end where there is a state, but no good one.
        """
        for path in (self.last, self.previous):
            if state := _read(path, STATE):
                yield path, state
        if self.begun:
            raise TrainingError(
                f"{self.last}: cannot be read as the state of a training; begin again with "
                "--restart, or delete it."
            )

    def resume(self, load: Callable[[Path, State], None]) -> None:
        """Call `load` with the newest state that it accepts; with none where nothing was begun.

        load: takes everything from a state; raises TrainingError where it is another training's,
            and errors of `UNREADABLE` where a part of it is damaged.
        TrainingError where there are states, but it accepts none.
        """
        fault = None
        try:
            for path, state in self.states():
                try:
                    return load(path, state)
                except (TrainingError, *UNREADABLE) as error:
                    fault = fault or error
        except TrainingError as error:
            if isinstance(fault, TrainingError):
                raise fault from None
            raise error from fault

    def write_state(self, state: State) -> None:
        """Write the state and keep the one before; at any moment one of the two is whole."""
        with replaced_atomically(self.last) as draft:
            _write(state, draft)
            if self.last.exists():
                os.replace(self.last, self.previous)

    def best_score(self, model: nn.Module) -> float | None:
        """Validation SI-SDR of the best weights in dB; None where none are good for this model."""
        best = _read(self.best, BEST)
        return best["val_si_sdr"] if best and _shapes(best["weights"]) == _shapes(model) else None

    def write_best(self, weights: State, step: int, score: float) -> None:
        """Replace the best weights, reached at `step` with `score` dB."""
        with replaced_atomically(self.best) as draft:
            _write({"weights": weights, "step": step, "val_si_sdr": score}, draft)

    def load_best(self, model: nn.Module) -> None:
        """Put the best averaged weights into `model`; TrainingError where they are damaged."""
        best = _read(self.best, BEST)
        if best is None:
            raise TrainingError(f"{self.best}: cannot be read; run the same command again.")
        load_weights(model, best["weights"], self.best)


def check_settings(then: State, now: State, path: Path) -> None:
    """TrainingError where a training was begun with other settings than those of now.

    More steps and other intervals may follow.
    """
    then = {name: value for name, value in DEFAULTS.items() if name in now} | then
    may_change = MAY_CHANGE | {"steps"}
    if now.get("precision") == "auto":  # depends on the device
        may_change |= {"precision"}
    names = [name for name in sorted({*then, *now} - may_change) if then.get(name) != now.get(name)]
    if now["steps"] < then["steps"]:
        names.append("steps")
    if names:
        change = " and ".join(f"{name} {then.get(name)} (now {now.get(name)})" for name in names)
        raise TrainingError(
            f"{path}: this training was begun with {change}; go back to that, or train in another "
            "folder."
        )


def load_weights(model: nn.Module, weights: State, path: Path) -> None:
    """`model.load_state_dict`; TrainingError where the weights are another architecture's."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(
            f"{path}: its weights are not those of this model; train in another folder."
        ) from error


def load_moments(optimizer: torch.optim.Optimizer, state: State) -> None:
    """`optimizer.load_state_dict`; errors of `UNREADABLE` where a part of the state is damaged."""
    optimizer.load_state_dict(state)
    if not all(group.keys() >= ENTRIES for group in optimizer.param_groups):
        raise KeyError("param_groups")
    for weights, moments in optimizer.state.items():
        if {moments[name].shape for name in ("exp_avg", "exp_avg_sq")} != {weights.shape}:
            raise ValueError("the moments have other shapes than the weights")
        moments["step"] += 0  # KeyError or TypeError


def finite(content: Any) -> bool:
    """Whether all tensors in nested dicts are finite."""
    if isinstance(content, dict):
        return all(map(finite, content.values()))
    return not isinstance(content, Tensor) or bool(content.isfinite().all())


def _write(content: State, path: Path) -> None:
    """TrainingError, and nothing is written, where a weight is not finite."""
    if not finite(content):
        raise TrainingError(
            f"{path.parent}: the weights are not finite at step {content['step']} and were not "
            "saved; lower the learning rate, or look for broken examples."
        )
    try:
        torch.save(content, path)
    except RuntimeError as error:  # of its C++ part, where the disk is full
        raise TrainingError(
            f"{path.parent}: the state of step {content['step']} cannot be written; make room and "
            "run the same command again."
        ) from error


def _read(path: Path, kinds: dict[str, type]) -> State | None:
    """A file of this folder; None where it is missing, damaged, incomplete or not finite."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE:
        return None
    whole = isinstance(content, dict) and all(
        isinstance(content.get(name), kind) for name, kind in kinds.items()
    )
    return content if whole and finite(content) else None


def _shapes(weights: State | nn.Module) -> dict[str, Any]:
    weights = weights.state_dict() if isinstance(weights, nn.Module) else weights
    return {name: getattr(value, "shape", None) for name, value in weights.items()}
