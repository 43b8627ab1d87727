"""Published multitrack pieces as takes for a stem bank: which of them train, and who plays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..audio.audio import load
from ..music.corpus import names_bach10
from .stem_bank import RenderedStem
from .stem_folders import StemFolder, find_tracks

# How SynthSOD names the lists of songs that do not train; they lie beside the folder of the songs.
KEPT = ("SynthSOD_metadata_evaluation.json", "SynthSOD_metadata_test.json")


def training_pieces(
    root: str | Path, instruments: Sequence[str], microphone: str | None = None
) -> dict[str, StemFolder]:
    """The pieces in or below `root` with any of the instruments, by names that no two share.

    Left out are songs that SynthSOD's metadata below `root` keep for evaluation or test, and
    settings of the hymns that Bach10 recorded, as far as the names of their folders tell.
    microphone: as `corpora.find_tracks` takes it, with its errors.
    ValueError where a piece belongs to a corpus that is held out, or where none is left.
    """
    root = Path(root)
    kept = _kept_songs(root)
    pieces = {}
    for piece in find_tracks(root, microphone):
        if piece.corpus.held_out:
            raise ValueError(
                f"{piece.folder}: {piece.corpus.name} is kept for measuring; train on another."
            )
        if piece.name in kept or names_bach10(piece.name):
            continue
        if any(piece.players(instrument) for instrument in instruments):
            place = piece.folder.relative_to(root).parts
            pieces["/".join((*place, piece.name))] = piece
    if not pieces:
        raise ValueError(f"{root}: no piece here may train one of {', '.join(instruments)}.")
    return pieces


def multitrack_stems(
    name: str, pieces: Mapping[str, StemFolder], instruments: Sequence[str], sample_rate: int
) -> Iterator[RenderedStem]:
    """One take for each instrument that sounds in a piece: all its players together, in mono.

    The voice is the instrument's place. One instrument at a time is read, because a symphony at
    full length does not fit in memory at once.
    """
    for voice, instrument in enumerate(instruments):
        players = [
            load(path, sample_rate=sample_rate, channels=1)[0]
            for path in pieces[name].players(instrument)
        ]
        longest = max((player.shape[1] for player in players), default=0)
        together = np.zeros((1, longest), np.float32)
        for player in players:
            together[:, : player.shape[1]] += player
        if together.any():
            yield RenderedStem(instrument, "real", voice, together)


def _kept_songs(root: Path) -> set[str]:
    """The songs that the lists of KEPT name; ValueError for a list that cannot be read."""
    songs = set()
    for path in (path for name in KEPT for path in root.rglob(name)):
        try:
            listed = json.loads(path.read_text(encoding="utf-8"))["songs"].values()
            songs |= {song["song_name"] for song in listed}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path}: it does not list songs as SynthSOD does; download it again."
            ) from error
    return songs
