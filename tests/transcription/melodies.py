"""Melodies whose notes are known, as notes and as sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from helpers.music.scores import Note, Part
from helpers.synthesis.tones import Tones

RATE = 22_050


def melody(*notes: tuple[float, float, int]) -> tuple[Note, ...]:
    """Notes from onset, end (seconds) and pitch."""
    return tuple(Note(onset, end - onset, float(pitch)) for onset, end, pitch in notes)


def played(notes: Sequence[Note], instrument: str = "violin") -> np.ndarray:
    """Their sound (samples,) at `RATE`."""
    return Tones().render(Part(instrument, tuple(notes)), RATE)[0] * np.float32(0.5)


def rounded(notes: Sequence[Note]) -> list[int]:
    return [round(note.pitch) for note in notes]
