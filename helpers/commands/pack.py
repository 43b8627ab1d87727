"""`divisi pack`: a corpus into one file of records, which can be read at random."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .. import runtime
from .errors import CommandError, refusing

if TYPE_CHECKING:
    from ..datasets.registry import Corpus
    from ..datasets.stem_folders import StemFolder

SUMMARY = "a corpus into one file for fast reading"
DESCRIPTION = """\
Write all pieces of a corpus into FILE, an LMDB store of records in 16 bits. It is for trainings
in Python, which read windows from it at random; `divisi train` does not use it. A stopped run
is continued by the same command. Until FILE is complete, it is called FILE.part.

CORPUS is a folder of stem folders (one file per instrument) or of solos, or the name of a
corpus of `divisi corpora` that lies in DIVISI_DATA.
"""
STOPPED = "what was packed is kept; give the same command to go on"
SECONDS = 1.0


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("corpus", metavar="CORPUS", help="a folder, or a name of `divisi corpora`")
    parser.add_argument("store", type=Path, metavar="FILE", help="the store, such as corpus.lmdb")
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        metavar="S",
        help=f"length of a record (default: {SECONDS:g})",
    )
    parser.add_argument(
        "--sample-rate", type=int, metavar="HZ", help="resample (default: that of the first piece)"
    )
    parser.add_argument("--mono", action="store_true", help="store the mean of all channels")
    parser.add_argument(
        "--microphone", metavar="NAME", help="of a corpus with several (default: its first)"
    )


def run(arguments: Namespace) -> None:
    """Pack, or go on packing."""
    from ..audio.audio import HIGHEST_RATE, LOWEST_RATE
    from ..datasets.packing import pack
    from ..datasets.store_records import StoreError
    from ..folders import readable_size

    rate = arguments.sample_rate
    if rate is not None and not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise CommandError(f"--sample-rate {rate}: choose {LOWEST_RATE} to {HIGHEST_RATE} Hz.")
    if not arguments.seconds > 0:
        raise CommandError(f"--seconds {arguments.seconds:g}: choose more than 0.")
    pieces = find_pieces(arguments.corpus, arguments.microphone)
    with refusing(StoreError):
        store = pack(
            pieces, arguments.store, arguments.seconds, rate, 1 if arguments.mono else None
        )
    size = readable_size(store.path.stat().st_size)
    print(
        f"{store.path}: {len(store.tracks)} tracks, {store.seconds:.0f} s, {len(store)} records,"
        f" {size}."
    )


def find_pieces(corpus: str, microphone: str | None) -> list[StemFolder]:
    """The pieces of a folder or of a named corpus in DIVISI_DATA; its solos where it has none."""
    from ..audio.track import AudioError
    from ..datasets import registry
    from ..datasets.inventory import INDEX
    from ..datasets.stem_folders import find_tracks

    if Path(corpus).is_dir():
        try:
            return find_tracks(corpus, microphone)
        except AudioError:
            if found := solo_pieces(Path(corpus), registry.FOLDER):
                return found
            raise
    with refusing(KeyError):
        row = registry.corpus(corpus)
    root = runtime.data_root()
    if root is None:
        raise CommandError("DIVISI_DATA is not set to a folder; set it, or name a folder.")
    found = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if not (folder / INDEX).is_file():  # notes are no pieces
            with suppress(AudioError):
                pieces = find_tracks(folder, microphone)
                found += [piece for piece in pieces if piece.corpus.name == row.name]
    if not (found := found or solo_pieces(root, row)):
        where = f" at the microphone {microphone}" if microphone else ""
        raise CommandError(
            f"{root}: holds no piece of {row.name}{where}; `divisi corpora {row.name}` says how to"
            " get it."
        )
    return found


def solo_pieces(root: Path, row: Corpus) -> list[StemFolder]:
    """Every solo below a folder, a piece of one stem; of a named corpus only its own."""
    from ..datasets.stem_folders import StemFolder, solos

    return [
        StemFolder(path.stem, path.parent, {instrument: path}, None, row)
        for instrument, paths in solos(root).items()
        for path in paths
        if row.name in ("folder", path.relative_to(root).parts[0])
    ]
