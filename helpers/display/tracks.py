"""Plots and players take a Track or a dict of arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..audio.track import Track


def as_track(
    music: Track | Mapping[str, np.ndarray], sample_rate: int | None = None, name: str = ""
) -> Track:
    """A Track as it is; a dict of (channels, samples) or (samples,) arrays as a Track.

    The entry `mixture` of a dict becomes the recording. Raises ValueError for a dict without a
    sample rate (Hz).
    """
    if isinstance(music, Track):
        return music
    if sample_rate is None:
        raise ValueError("A dict of stems needs its sample rate; pass for example 44100.")
    stems = {part: np.atleast_2d(np.asarray(stem, np.float32)) for part, stem in music.items()}
    recording = stems.pop("mixture", None) if len(stems) > 1 else None
    return Track(name, sample_rate, stems, recording)


def envelope(audio: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First sample, minimum and maximum of up to `count` segments of audio (channels, samples)."""
    edges = np.unique(np.linspace(0, audio.shape[1], count, endpoint=False).astype(int))
    low = np.minimum.reduceat(audio.min(axis=0), edges)
    return edges, low, np.maximum.reduceat(audio.max(axis=0), edges)
