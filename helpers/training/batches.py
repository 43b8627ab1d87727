"""Batches in the order of the training, from any step on."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset


class StepSampler:
    """The indices of `steps` for one process.

    Step k has the indices k * batch_size ... (k + 1) * batch_size - 1, modulo `length`; process r
    of n takes the r-th of n equal shares.
    """

    def __init__(
        self, steps: range, batch_size: int, length: int, rank: int = 0, processes: int = 1
    ):
        self.steps = steps
        self.batch_size = batch_size
        self.length = length
        share = batch_size // processes
        self.positions = range(rank * share, (rank + 1) * share)

    def __iter__(self) -> Iterator[list[int]]:
        for step in self.steps:
            yield [(step * self.batch_size + i) % self.length for i in self.positions]

    def __len__(self) -> int:
        return len(self.steps)


def load_steps(
    dataset: Dataset, sampler: StepSampler, workers: int, device: torch.device
) -> DataLoader:
    """A loader of the sampler's batches; `workers` processes prepare them ahead."""
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=device.type == "cuda",
        worker_init_fn=ignore_interrupts,
        generator=torch.Generator(),
    )


def ignore_interrupts(worker: int) -> None:
    """Ignore Ctrl-C in a worker: the training process still needs it to end its step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
