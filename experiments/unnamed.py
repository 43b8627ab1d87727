"""What does a player cost whom nobody named? Results/04_unnamed.csv.

    DIVISI_DATA=... python -m experiments.unnamed
    DIVISI_DATA=... python -m experiments.unnamed --models ensemble --workers 2

Of each ensemble of three or more, one player after the other is concealed from the models. A model
without a source `other` must give the sound of this player to the stems of those who are named. In
the table a track is a piece without a player: the SI-SDR of the others where all were named, and
where one was not (`... one unnamed`), and that of `other` as the stem of who was not (`... other`).
On real ensembles, the second development set and rendered string quartets. It resumes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from experiments.detection_pieces import Piece
from experiments.told import measure_told, si_sdr_of, stems_for
from helpers.audio.track import Track
from helpers.evaluation.evaluate import match_stems, rows_of
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.players import first_players
from helpers.training.conditioning import OTHER

TABLE = "04_unnamed"
FEWEST = 3  # players


def concealable(players: Sequence[str]) -> list[str]:
    """The players who are the only one of their instrument."""
    pairs = first_players(players)
    return [name for name in players if name not in {*pairs, *pairs.values()}]


def unnamed_rows(model: nn.Module, system: str, track: Track, where: Provenance) -> Iterator[Row]:
    """SI-SDR of the stems of those who are named, with all of them named and with all but one."""
    track = match_stems(track, model.sources)
    players = list(track.stems)
    found = stems_for(model, track, players)
    whole = si_sdr_of(track, {name: found[name] for name in players})
    for unnamed in concealable(players):
        named = [name for name in players if name != unnamed]
        found = stems_for(model, track, named)
        values = {
            system: [row for row in whole if row[0] != unnamed],
            f"{system} one unnamed": si_sdr_of(track, {name: found[name] for name in named}),
        }
        if OTHER in found:
            values[f"{system} other"] = si_sdr_of(track, {unnamed: found[OTHER]})
        for name, rows in values.items():
            title = f"{track.name} without {unnamed}"
            yield from rows_of(name, title, track.seconds, where, rows)


def titles(piece: Piece) -> list[str]:
    """The tracks of a piece: one for each player who is concealed."""
    if len(piece.players) < FEWEST:
        return []
    return [f"{piece.name} without {name}" for name in concealable(piece.players)]


if __name__ == "__main__":
    measure_told(__doc__, TABLE, unnamed_rows, titles)
