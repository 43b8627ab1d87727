"""The trained models on ensembles that no corpus has. Results/chamber_sets.csv.

    DIVISI_DATA=... python -m experiments.chamber_sets
    DIVISI_DATA=... python -m experiments.chamber_sets --systems ensemble --workers 2

Rendered string quartets, with two violins, and the second development set, of recorded solos and
phrases, beside floor and ceilings. A model is measured on the ensembles all of whose players it
has, told who plays, and with the players that it detects. It resumes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

from experiments.detection_pieces import Piece, development_pieces
from experiments.jobs import corpus_folder
from experiments.material import SECONDS, STRING_QUARTETS, string_quartets
from experiments.trained import measure_trained
from helpers.audio.track import Track
from helpers.music import splits
from helpers.music.arrangements import excerpts

TABLE = "chamber_sets"
QUARTET = ("violin", "violin-2", "viola", "cello")


def pieces(root: Path) -> Iterator[Piece]:
    """Both sets. root: the folder of real recordings."""
    for work in splits.names("quartet", "test"):
        name = excerpts(work, SECONDS)[0].title
        yield Piece(STRING_QUARTETS, name, QUARTET, partial(_quartet, name))
    yield from development_pieces(root)


def _quartet(name: str) -> Track:
    return _quartets()[name]


@cache
def _quartets() -> dict[str, Track]:
    return {track.name: track for track in string_quartets()}


if __name__ == "__main__":
    measure_trained(__doc__, TABLE, pieces(corpus_folder()), detecting=True)
