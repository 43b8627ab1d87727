"""Errors that a user can correct, and the one sentence that is printed for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import runtime


class CommandError(ValueError):
    """A request that cannot be met; the message is one sentence."""


@contextmanager
def refusing(*kinds: type[Exception]) -> Iterator[None]:
    """Turn errors of these kinds, whose messages are written for users, into CommandError."""
    try:
        yield
    except kinds as error:
        raise CommandError(error.args[0]) from error


def sentence(error: Exception) -> str | None:
    """What to print for a user; None for a bug, which deserves its traceback."""
    if isinstance(error, ModuleNotFoundError):
        if (error.name or "").split(".")[0] == __package__.split(".")[0]:
            return None
        return f"This needs '{error.name}', which is not installed; run: {runtime.INSTALL_ALL}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."

    import torch

    from ..audio.track import AudioError
    from ..folders import FolderError
    from ..training.checkpoints import CheckpointError
    from ..training.runs import TrainingError

    if isinstance(error, (CommandError, FolderError, AudioError, CheckpointError, TrainingError)):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return "The GPU ran out of memory; close other programs or compute on the CPU."
    return None
