"""What surrounds a training: the devices, exact arithmetic, and Ctrl-C between two steps only."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning.fabric import Fabric


def default_fabric(precision: str) -> Fabric:
    """One device, the fastest that there is; or the processes that `fabric run` has started."""
    started = torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()
    return Fabric(devices="auto" if started else 1, precision=precision)


@contextmanager
def exact_arithmetic(device: torch.device) -> Iterator[None]:
    """On the CPU, the same sums in the same order each time; other devices keep their speed."""
    if device.type != "cpu":
        yield
        return
    enabled = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warns)
        torch.utils.deterministic.fill_uninitialized_memory = fills


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second one raises KeyboardInterrupt as usual.

    Python delivers signals to its main thread; in any other one the event is never set.
    """
    event = threading.Event()

    def ask(signum: int, frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
