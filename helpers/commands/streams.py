"""Output that goes on where its reader has gone, or cannot show all characters."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Any, TextIO


class Console:
    """A text stream whose `write` raises nothing.

    What cannot be written is dropped, with all that follows: after a closed pipe without a word,
    otherwise `fault` has the reason. Characters that the stream cannot encode become `?`. stream:
    None where the process has none.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = open(os.devnull, "w") if stream is None else stream  # noqa: SIM115
        self.fault = ""
        with suppress(AttributeError, ValueError, OSError):
            self.stream.reconfigure(errors="replace", line_buffering=True)

    def write(self, text: str) -> int:
        try:
            self.stream.write(text)
        except (OSError, ValueError) as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except (OSError, ValueError) as error:
            self._drop(error)

    def _drop(self, error: Exception) -> None:
        if getattr(error, "errno", None) not in (errno.EPIPE, errno.EINVAL):  # EINVAL: Windows
            self.fault = getattr(error, "strerror", None) or str(error)
        with suppress(OSError, ValueError):  # Python flushes the stream once more when it ends
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.stream.fileno())
            os.close(null)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
