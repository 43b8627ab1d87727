"""What do errors of identity cost? Results/04_identity.csv.

    DIVISI_DATA=... python -m experiments.identity

A model may separate two lines well and then give a part of each to the wrong instrument. In the
rows `reassigned` the stems of each half second are assigned to the players anew, in the order with
the smallest squared error to the true stems; what the SI-SDR gains by that is what is lost to
errors of identity, and what remains are other errors. The models are told who plays. On real
ensembles, the second development set and rendered string quartets. It resumes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment
from torch import nn

from experiments.detection_pieces import Piece
from experiments.told import measure_told, si_sdr_of, stems_for
from helpers.audio.track import Track
from helpers.evaluation.evaluate import match_stems, rows_of
from helpers.evaluation.rows import Provenance, Row

TABLE = "04_identity"
STEP = 0.5  # seconds


def reassigned(
    estimates: Mapping[str, np.ndarray], stems: Mapping[str, np.ndarray], samples: int
) -> dict[str, np.ndarray]:
    """The estimates with their pieces of so many samples given to the players whom they fit best.

    estimates, stems: (C, T) by the same names. -> by these names.
    """
    names = list(stems)
    before = np.stack([estimates[name] for name in names])
    true, after = np.stack([stems[name] for name in names]), np.zeros_like(before)
    for start in range(0, before.shape[-1], samples):
        own = np.s_[..., start : start + samples]
        errors = np.square(before[own][:, None] - true[own][None], dtype=np.float64).sum((2, 3))
        parts, players = linear_sum_assignment(errors)
        after[own][players] = before[own][parts]
    return dict(zip(names, after, strict=True))


def identity_rows(model: nn.Module, system: str, track: Track, where: Provenance) -> Iterator[Row]:
    """SI-SDR of the stems of all players, as they are and reassigned."""
    track = match_stems(track, model.sources)
    found = stems_for(model, track, track.instruments)
    as_they_are = {name: found[name] for name in track.stems}
    samples = round(STEP * track.sample_rate)
    for name, stems in (
        (system, as_they_are), (f"{system} reassigned", reassigned(found, track.stems, samples))
    ):  # fmt: skip
        yield from rows_of(name, track.name, track.seconds, where, si_sdr_of(track, stems))


def titles(piece: Piece) -> list[str]:
    """The track of a piece."""
    return [piece.name]


if __name__ == "__main__":
    measure_told(__doc__, TABLE, identity_rows, titles)
