"""Small tracks with known samples, and damaged copies of a store."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

import lmdb
import numpy as np

from helpers.audio.track import Track

RATE = 8000
COPIES = count()  # a file is opened once in a process


def noise(samples: int, seed: int = 0, channels: int = 1) -> np.ndarray:
    """Noise whose samples are multiples of 1/32768, as in a file of 16 bits."""
    integers = np.random.default_rng(seed).integers(-12_000, 12_000, (channels, samples))
    return (integers / 32768).astype(np.float32)


def track(name: str, seconds: float, *stems: str, recorded: bool = False) -> Track:
    """Every stem is another noise."""
    samples = round(seconds * RATE)
    parts = {stem: noise(samples, seed) for seed, stem in enumerate(stems)}
    return Track(name, RATE, parts, noise(samples, 99) if recorded else None)


def changed(store: Path, values: dict[bytes, bytes | None]) -> Path:
    """A copy of a store with other values; None deletes one."""
    copy = store.with_name(f"changed-{next(COPIES)}.lmdb")
    shutil.copy(store, copy)
    options = {"subdir": False, "lock": False, "map_size": 1 << 24}
    with lmdb.open(str(copy), **options) as file, file.begin(write=True) as transaction:
        for key, value in values.items():
            if value is None:
                transaction.delete(key)
            else:
                transaction.put(key, value)
    return copy


def values(store: Path) -> dict[bytes, bytes]:
    """All that is in a store."""
    copy = store.with_name(f"copy-{next(COPIES)}.lmdb")
    shutil.copy(store, copy)
    with lmdb.open(str(copy), subdir=False, lock=False) as file, file.begin() as transaction:
        found = dict(transaction.cursor())
    copy.unlink()
    return found
