"""Fills a bank with noise, piece after piece, until it is done or killed: FOLDER WORKERS."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from helpers.datasets.stem_bank import RenderedStem, build_bank

PIECES = [f"noise-{number}" for number in range(40)]
RATE = 8000


def noise_variants(piece: str) -> Iterator[RenderedStem]:
    """Four stems of 25 s."""
    rng = np.random.default_rng(int(piece.partition("-")[2]))
    for voice in range(4):
        stem = rng.standard_normal((1, 25 * RATE), np.float32)
        yield RenderedStem("violin", "tones", voice, stem)


if __name__ == "__main__":
    folder, workers = sys.argv[1:]
    build_bank(Path(folder), PIECES, noise_variants, RATE, int(workers), {"seed": 0})
