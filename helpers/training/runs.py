"""The folder of one training: its state to resume from, its best weights, its log.

The files are private to the folder; what is handed on is written by `checkpoints.save_model`.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..files import replaced_atomically

State = dict[str, Any]
MAY_CHANGE = ("validate_every", "checkpoint_every", "log_every", "workers")
SINCE = {
    "final_rate": 0.0,
    "conditioned_share": 0.0,
}  # settings that the first states do not name, and what was done then


class TrainingError(ValueError):
    """One sentence: what stands in the way of this training, and what would be right."""


class RunFolder:
    """`last.ckpt` (the whole state), `best.ckpt` (averaged weights only) and `log.csv`."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.last = self.folder / "last.ckpt"
        self.best = self.folder / "best.ckpt"
        self.log = self.folder / "log.csv"

    def create(self) -> None:
        """Make the folder; TrainingError where that cannot be."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"{self.folder}: cannot be the folder of a training ({error.strerror}); "
                "name another one."
            ) from error

    def forget(self) -> None:
        """Remove the state, the best weights and the log of an earlier run, and nothing else."""
        for path in (self.last, self.best, self.log):
            path.unlink(missing_ok=True)

    def read_last(self, settings: State) -> State | None:
        """The state to resume from; None where there is none yet.

        settings: those of the training to be run. TrainingError where they are not those that
        the state was reached with, other than more steps or another rhythm of logging.
        """
        if not self.last.exists():
            return None
        state = _read(self.last)
        then, now = SINCE | state["settings"], settings
        names = [
            name
            for name in sorted({*then, *now} - {*MAY_CHANGE, "steps"})
            if then.get(name) != now.get(name)
        ]
        if now["steps"] < then["steps"]:
            names.append("steps")
        if names:
            change = " and ".join(
                f"{name} {then.get(name)} (now {now.get(name)})" for name in names
            )
            raise TrainingError(
                f"{self.last}: this training was begun with {change}; go back to that, or train "
                "in another folder."
            )
        return state

    def write_last(self, state: State) -> None:
        """Replace the state; a kill at any moment leaves the old one or the new one."""
        with replaced_atomically(self.last) as temporary:
            torch.save(state, temporary)

    def best_score(self) -> float:
        """Validation SI-SDR of the best weights in dB; -inf where there are none."""
        return _read(self.best)["val_si_sdr"] if self.best.exists() else -float("inf")

    def write_best(self, weights: State, step: int, score: float) -> None:
        """Replace the best weights, reached at `step` with `score` dB."""
        with replaced_atomically(self.best) as temporary:
            torch.save({"weights": weights, "step": step, "val_si_sdr": score}, temporary)

    def load_best(self, model: nn.Module) -> None:
        """Put the best averaged weights into `model`."""
        load_weights(model, _read(self.best)["weights"], self.best)


def load_weights(model: nn.Module, weights: State, path: Path) -> None:
    """`model.load_state_dict`, with a sentence where the weights are another architecture's."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(
            f"{path}: its weights are not those of this model; train in another folder."
        ) from error


def start_from(model: nn.Module, other: nn.Module, path: Path) -> None:
    """Begin with the weights of another model of the same kind, each source with those of its name.

    Sources and layers that the other does not have keep their weights. TrainingError with a
    sentence where it is another architecture, or of another size.
    """
    weights, given = model.state_dict(), other.state_dict()
    here, there = model.config.sources, other.config.sources
    pairs = [(here.index(name), there.index(name)) for name in here if name in there]
    for name, value in given.items():
        own = weights.get(name)
        if own is not None and own.shape != value.shape:
            by_source = (len(own), len(value)) == (len(here), len(there))
            if by_source and own.shape[1:] == value.shape[1:]:
                value = own.clone().index_copy_(
                    0, torch.tensor([mine for mine, _ in pairs]), value[[its for _, its in pairs]]
                )
        weights[name] = value
    load_weights(model, weights, path)


def _read(path: Path) -> State:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, KeyError) as error:
        raise TrainingError(
            f"{path}: cannot be read as the state of a training; delete it to begin anew."
        ) from error
