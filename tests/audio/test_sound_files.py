"""Sound files are closed once, whatever happens meanwhile."""

from __future__ import annotations

import gc
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from helpers.audio.audio import load
from helpers.audio.wav import save
from helpers.signals import handling


@pytest.fixture
def closings(monkeypatch):
    """The handles that libsndfile was asked to close; a signal arrives after each."""
    closed = []
    library = soundfile._snd

    def close(handle):
        closed.append(handle)
        result = library.sf_close(handle)
        signal.raise_signal(signal.SIGINT)
        return result

    names = {name: getattr(library, name) for name in dir(library)}
    monkeypatch.setattr(soundfile, "_snd", SimpleNamespace(**{**names, "sf_close": close}))
    return closed


def stop(number, frame):
    raise KeyboardInterrupt


def test_a_signal_while_a_file_is_closed_does_not_close_it_twice(tmp_path, closings):
    with handling(stop), pytest.raises(KeyboardInterrupt):
        save(tmp_path / "violin.wav", np.zeros((1, 8)), 8000)
    gc.collect()  # a file that is not closed is closed here
    assert len(closings) == 1
    assert not list(tmp_path.iterdir())


def test_a_signal_while_a_file_that_was_read_is_closed_does_not_close_it_twice(tmp_path, closings):
    with handling(lambda number, frame: None):
        save(tmp_path / "violin.wav", np.zeros((1, 8)), 8000)
        closings.clear()
    with handling(stop), pytest.raises(KeyboardInterrupt):
        load(tmp_path / "violin.wav")
    gc.collect()  # a file that is not closed is closed here
    assert len(closings) == 1
