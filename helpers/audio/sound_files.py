"""Sound files of libsndfile that are closed exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import soundfile

from ..signals import deferred


@contextmanager
def sound_file(*arguments: Any, **options: Any) -> Iterator[soundfile.SoundFile]:
    """`soundfile.SoundFile(...)`, closed when the block ends.

    A signal waits until it is closed: between libsndfile's closing and soundfile's note of it, an
    exception makes soundfile close the file again, and memory that is freed twice ends the process.
    Raises soundfile.SoundFileError where the file cannot be opened or closed.
    """
    sound = soundfile.SoundFile(*arguments, **options)
    try:
        yield sound
    finally:
        with deferred():
            sound.close()
