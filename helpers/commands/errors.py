"""Errors that a user can correct, and the one sentence that is printed for each."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from .. import runtime

T = TypeVar("T")


class CommandError(ValueError):
    """A request that cannot be met; the message is one sentence. code: the exit code."""

    code = 2


class PartlyDone(CommandError):
    """Some of several files were refused, and the others are done."""

    code = 1


@contextmanager
def refusing(*kinds: type[Exception]) -> Iterator[None]:
    """Turn errors of these kinds, whose messages are written for users, into CommandError."""
    try:
        yield
    except kinds as error:
        raise CommandError(error.args[0]) from error


class Batch:
    """Several files of one command: what is wrong with one does not stop the others.

    A single file raises its error as it is.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.refused: list[object] = []

    @contextmanager
    def attempt(self, file: object) -> Iterator[None]:
        """Print the sentence of an error in the block and note the file; a bug is raised."""
        try:
            yield
        except Exception as error:
            message = sentence(error)
            if message is None or self.count == 1:
                raise
            self.refused.append(file)
            complain(message)

    def left(self, files: Iterable[T]) -> list[T]:
        """The files that were not refused."""
        return [file for file in files if file not in self.refused]

    def check(self, at_the_end: bool = False) -> None:
        """CommandError where all files were refused; at the end, PartlyDone where one was."""
        everything = len(self.refused) == self.count
        if everything or (at_the_end and self.refused):
            names = ", ".join(map(str, self.refused))
            raise (CommandError if everything else PartlyDone)(
                f"{len(self.refused)} of {self.count} files were refused: {names}."
            )


def complain(message: str) -> None:
    """Print a sentence on stderr, in one line."""
    print("divisi: " + " ".join(message.splitlines()), file=sys.stderr)


def sentence(error: Exception) -> str | None:
    """What to print for a user; None for a bug, which deserves its traceback."""
    if is_lack_of_memory(error):
        return "There is not enough memory; close other programs, or use a machine that has more."
    if isinstance(error, ModuleNotFoundError):
        if (error.name or "").split(".")[0] == __package__.split(".")[0]:
            return None
        return f"This needs '{error.name}', which is not installed; run: {runtime.INSTALL_ALL}"
    if isinstance(error, UnicodeEncodeError):
        return f"{ascii(error.object)} cannot be written as text; rename what has this name."
    if isinstance(error, OSError):
        if error.filename is not None:
            return f"{error.filename2 or error.filename}: {error.strerror}."
        reason = error.strerror or str(error) or type(error).__name__
        return f"A file cannot be read or written ({reason}); make room or look at the disk."

    import torch

    from ..audio.track import AudioError
    from ..folders import FolderError
    from ..training.cards import CheckpointError
    from ..training.runs import TrainingError

    if isinstance(error, (CommandError, FolderError, AudioError, CheckpointError, TrainingError)):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return "The GPU ran out of memory; close other programs or compute on the CPU."
    return None


def is_lack_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that no more memory could be had."""
    if error is None:
        return False
    words = ("can't allocate memory", "annot allocate memory", "failed to map segment",
             "can't start new thread")  # fmt: skip
    return (
        isinstance(error, MemoryError)
        or getattr(error, "errno", None) == errno.ENOMEM
        or type(error).__name__ == "TerminatedWorkerError"  # the system ends a worker of joblib
        or (isinstance(error, (RuntimeError, ImportError)) and any(w in str(error) for w in words))
        or is_lack_of_memory(error.__cause__)
    )
