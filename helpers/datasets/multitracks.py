"""Multitrack pieces for training: which ones may be used, and one stem per instrument."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..audio.track import AudioError
from ..music.corpus import names_bach10
from .fingerprints import load_training_stem
from .stem_bank import RenderedStem
from .stem_folders import StemFolder, equal_length, find_tracks

#: SynthSOD's lists of songs that are not for training, beside the folder of the songs.
HELD_OUT_LISTS = ("SynthSOD_metadata_evaluation.json", "SynthSOD_metadata_test.json")


def training_pieces(
    root: str | Path,
    instruments: Sequence[str],
    microphone: str | None = None,
    bleed: bool = True,
) -> dict[str, StemFolder]:
    """The pieces in or below `root` with any of the instruments, by unique names.

    Songs that SynthSOD's metadata below `root` list for evaluation or test are left out, and so are
    pieces whose name contains a hymn of Bach10. microphone, bleed: see `stem_folders.find_tracks`.
    AudioError for a piece of a held-out corpus, and where no piece is left.
    """
    root = Path(root)
    held_out = _held_out_songs(root)
    pieces = {}
    for piece in find_tracks(root, microphone, bleed):
        refuse_held_out(piece)
        if piece.name in held_out or names_bach10(piece.name):
            continue
        if any(piece.players(instrument) for instrument in instruments):
            place = piece.folder.relative_to(root).parts
            pieces["/".join((*place, piece.name))] = piece
    if not pieces:
        raise AudioError(f"{root}: no piece for training has any of {', '.join(instruments)}.")
    return pieces


def refuse_held_out(piece: StemFolder) -> None:
    """AudioError for a piece in the layout of a corpus that is kept for evaluation."""
    if piece.corpus.held_out:
        raise AudioError(
            f"{piece.folder}: has the file names of {piece.corpus.name}, which is kept for "
            "evaluation; train on other recordings, or rename the folder if these are your own."
        )


def multitrack_stems(
    name: str, pieces: Mapping[str, StemFolder], instruments: Sequence[str], sample_rate: int
) -> Iterator[RenderedStem]:
    """One mono stem for each instrument of a piece that is not silent, all its players summed.

    `voice` is the instrument's index. Instruments are read one at a time: a whole symphony does
    not fit in memory. AudioError for a recording that is kept for evaluation, under any name.
    """
    for voice, instrument in enumerate(instruments):
        players = {
            path.name: load_training_stem(path, sample_rate)
            for path in pieces[name].players(instrument)
        }
        if any(player.any() for player in players.values()):
            yield RenderedStem(instrument, "real", voice, sum(equal_length(players).values()))


def _held_out_songs(root: Path) -> set[str]:
    """The songs in HELD_OUT_LISTS; AudioError for a list that cannot be read."""
    songs = set()
    for path in (path for name in HELD_OUT_LISTS for path in root.rglob(name)):
        try:
            listed = json.loads(path.read_text(encoding="utf-8"))["songs"].values()
            songs |= {song["song_name"] for song in listed}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AudioError(
                f"{path}: it does not list songs as SynthSOD does; download it again."
            ) from error
    return songs
