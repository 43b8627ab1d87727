"""Leave-one-out cross-validation over pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helpers.datasets.stem_folders import StemFolder


def piece(folder: StemFolder) -> str:
    """`01` of the published `01-AchGottundHerr` and of the excerpt `01-excerpt05`."""
    return folder.name.partition("-")[0]


def leave_one_out(
    folders: Sequence[StemFolder],
) -> Iterator[tuple[str, list[StemFolder], list[StemFolder]]]:
    """(piece, recordings of the other pieces, its own recordings) for every piece in turn.

    ValueError for fewer than two pieces.

    Chapter: 03.
    """
    pieces = sorted({piece(folder) for folder in folders})
    if len(pieces) < 2:
        raise ValueError(
            f"There is only the piece '{pieces[0]}'; give two or more."
            if pieces
            else "There are no pieces; give two or more."
        )
    for name in pieces:
        others = [folder for folder in folders if piece(folder) != name]
        yield name, others, [folder for folder in folders if piece(folder) == name]
