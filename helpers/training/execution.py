"""Training-loop utilities: device and precision, deterministic arithmetic, Ctrl-C between steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.precision import MixedPrecision

from ..runtime import pick_device
from ..signals import handling

#: Functions of `torch.cpu`; some of its versions lack them.
BF16_INSTRUCTIONS = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")


class Autocast(MixedPrecision):
    """Mixed precision that leaves the inputs of a model as they are.

    Lightning's own rounds them to 16 bits: the notes of a score to half a semitone.
    """

    def convert_input(self, data: Any) -> Any:
        return data


def default_fabric(precision: str) -> Fabric:
    """Fabric on the fastest single device, or on the processes that `fabric run` has started."""
    started = torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()
    devices = "auto" if started else 1
    precision = fast_precision() if precision == "auto" else precision
    if precision not in ("bf16-mixed", "16-mixed"):
        return Fabric(devices=devices, precision=precision)
    return Fabric(devices=devices, plugins=Autocast(precision, pick_device().type))


def fast_precision() -> str:
    """bf16-mixed where the device has instructions for it, otherwise 32-true.

    Emulated bfloat16 is about ten times slower than float32 on a CPU.
    """
    device = pick_device().type
    if device == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device == "mps":
        bf16 = False
    else:
        bf16 = any(getattr(torch.cpu, name, bool)() for name in BF16_INSTRUCTIONS)
    return "bf16-mixed" if bf16 else "32-true"


@contextmanager
def exact_arithmetic(device: torch.device) -> Iterator[None]:
    """Deterministic algorithms on the CPU; other devices keep their speed."""
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
    """An event that Ctrl-C, SIGTERM or SIGHUP sets; a second one raises KeyboardInterrupt.

    A signal other than Ctrl-C is sent again after the block, where it has its usual effect.
    Python delivers signals to its main thread; in any other thread the event is never set.
    """
    event, received = threading.Event(), []

    def interrupt(number: int, frame: object) -> None:
        received.append(number)
        event.set()
        if len(received) == 2:
            raise KeyboardInterrupt(number)

    with handling(interrupt):
        yield event
    if received and received[0] != signal.SIGINT:
        signal.raise_signal(received[0])
