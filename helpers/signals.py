"""The signals that stop a program: Ctrl-C, a scheduler or shutdown, a terminal that is closed."""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: Those that this system has; SIGBREAK is Windows' Ctrl-Break.
STOPPING = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)

SOON = 0.02  # seconds


@contextmanager
def handling(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Call `handler` for these signals during the block; those that are ignored stay ignored.

    Python delivers signals to its main thread; in any other thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _use_own_stack()
    before = {number: signal.getsignal(number) for number in STOPPING}
    changed = {n: old for n, old in before.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in changed:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in changed.items():
            signal.signal(number, old)


@contextmanager
def deferred() -> Iterator[None]:
    """Let these signals wait until the block has ended: what it does is done whole."""
    waiting: list[int] = []
    try:
        with handling(lambda number, _: waiting.append(number)):
            yield
    finally:
        if waiting:
            signal.raise_signal(waiting[0])


@contextmanager
def repeated(stopped: list[int]) -> Iterator[None]:
    """Let a signal come again soon whose KeyboardInterrupt Python could only report.

    It was raised while an object was destroyed, such as a generator that is not read to its end.
    stopped: the number of the signal, which is taken out, so that it counts as new.
    """
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if stopped and isinstance(unraisable.exc_value, KeyboardInterrupt):
            threading.Timer(SOON, signal.raise_signal, [stopped.pop()]).start()
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _use_own_stack() -> None:
    """Let the system call handlers on a stack of their own, for as long as the process runs.

    oneDNN's matrix products, which torch uses, point the stack pointer into the heap for a while;
    a signal's frame would overwrite what lies there (uxlfoundation/oneDNN#4845). faulthandler
    makes such a stack, and Python's handlers use it.
    """
    if not faulthandler.is_enabled():
        faulthandler.enable(2)  # by descriptor: `sys.stderr` need not be a file
