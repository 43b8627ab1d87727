"""Which errors are the user's to mend, and the sentence that each is told in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .. import runtime
from ..audio.audio import AudioError
from ..training.checkpoints import CheckpointError
from ..training.runs import TrainingError


class CommandError(ValueError):
    """A request that cannot be met; the message is one sentence."""


@contextmanager
def refusing(*kinds: type[Exception]) -> Iterator[None]:
    """Turn errors of these kinds, where their messages are meant for users, into CommandError."""
    try:
        yield
    except kinds as error:
        raise CommandError(error.args[0]) from error


def sentence(error: Exception) -> str | None:
    """What to tell the user; None for a fault of ours, which deserves its traceback."""
    if isinstance(error, (CommandError, AudioError, CheckpointError, TrainingError)):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and not _is_ours(error.name):
        return f"This needs '{error.name}', which is not installed; run: {runtime.INSTALL_ALL}"
    if isinstance(error, torch.OutOfMemoryError):
        return "The GPU ran out of memory; close other programs or compute on the CPU."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return None


def _is_ours(module: str | None) -> bool:
    return (module or "").split(".")[0] == __package__.split(".")[0]
