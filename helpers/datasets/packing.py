"""Write tracks into a store of stems, record by record; an interrupted store is continued.

Until it is complete, a store has `.part` after its name, and no reader opens it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import lmdb
from google.protobuf.message import Message
from tqdm import tqdm

from ..audio.track import Track
from ..files import files_sha256, held
from ..folders import FULL
from . import stems_pb2
from .lmdb_store import DRAFT, Store
from .registry import FOLDER
from .stem_bank import track_sha256
from .stem_folders import StemFolder, unique_names
from .store_records import (
    SETTINGS,
    VERSION,
    StoreError,
    check_file,
    check_size,
    encode_record,
    explaining,
    record_key,
    sealed,
    track_key,
    unsealed,
)

SECONDS = 1.0  # of a record
FIRST_MAP = 1 << 20  # bytes; doubled whenever it is full
BATCH = 1 << 25  # bytes written in one transaction
M = TypeVar("M", bound=Message)


def pack(
    pieces: Sequence[Track | StemFolder],
    path: str | Path,
    seconds: float = SECONDS,
    sample_rate: int | None = None,
    channels: int | None = None,
    progress: bool = True,
) -> Store:
    """Write all pieces into the store `path`, in records of `seconds`; continue an unfinished one.

    sample_rate (Hz) and channels (1 for mono) of the store are by default those of the first piece.
    Folders are loaded with them; a Track must have them. Memory holds one piece.
    StoreError where `path` exists, another run writes it, the pieces do not fit together, an
    unfinished store was begun with others, and where the disk is full or cannot be written.

    Chapter: 07.
    """
    path, named = Path(path), _named(pieces)
    draft = path.with_name(path.name + DRAFT)
    total = sum(map(_bytes, pieces))
    with held(draft.with_name(draft.name + ".lock")) as mine:
        if not mine:
            raise StoreError(f"{path}: another run is writing it; wait for its end.")
        if os.path.lexists(path):
            raise StoreError(f"{path}: exists already; delete it, or choose another name.")
        bar = tqdm(
            total=total, desc="pack", unit="B", unit_scale=True, disable=None if progress else True
        )
        with _explaining(path), _Writer(draft, seconds, sample_rate, channels) as writer, bar:
            for name, piece in named.items():
                writer.add(name, piece)
                bar.update(_bytes(piece))
            writer.finish()
        os.replace(draft, path)
    return Store(path)


class _Writer:
    """An unfinished store, open for writing; a context manager."""

    def __init__(
        self, draft: Path, seconds: float, sample_rate: int | None, channels: int | None
    ) -> None:
        if draft.exists() and draft.stat().st_size:  # else it was killed while it began
            check_file(draft)
        self.draft, self.seconds = draft, seconds
        self.sample_rate, self.channels = sample_rate, channels
        self.database = lmdb.open(str(draft), subdir=False, lock=False, map_size=FIRST_MAP)
        self.waiting: dict[bytes, bytes] = {}  # values to write
        self.waiting_bytes = 0
        self.tracks = self.records = 0  # passed by
        self.settings = self._read(SETTINGS, stems_pb2.Store)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        try:
            if not isinstance(error, lmdb.Error):
                self._flush()
        finally:
            self.database.close()

    def add(self, name: str, piece: Track | StemFolder) -> None:
        """Write a piece, unless an earlier run did."""
        key, sha256 = track_key(self.tracks), _sha256(piece)
        if self.settings:
            self._compare_request()
        entry = self._read(key, stems_pb2.Track)
        if entry is None:
            track = self._load(name, piece)
            self._write(track)
            entry = stems_pb2.Track(
                name=name, stems=track.stems, samples=track.samples, sha256=sha256,
                recorded=track.recording is not None, corpus=_corpus(piece),
            )  # fmt: skip
            self._put(key, entry)
        elif (entry.name, entry.sha256) != (name, sha256):
            raise StoreError(
                f"{self.draft}: was begun with another '{entry.name}' where '{name}' comes now;"
                " delete the file to begin again."
            )
        self.tracks += 1
        self.records += -(-entry.samples // self.settings.record_samples)

    def finish(self) -> None:
        """Mark the store as complete, and wait for the disk."""
        if not self.tracks:
            raise StoreError(f"{self.draft}: there are no tracks to pack.")
        if self._read(track_key(self.tracks), stems_pb2.Track):
            raise StoreError(
                f"{self.draft}: was begun with more tracks; delete the file to begin again."
            )
        self.settings.complete, self.settings.tracks = True, self.tracks
        self._put(SETTINGS, self.settings)
        self._flush()
        self.database.sync(True)

    def _load(self, name: str, piece: Track | StemFolder) -> Track:
        """A piece in the format of the store, which the first one decides."""
        is_track = isinstance(piece, Track)
        track = piece if is_track else piece.load(self.sample_rate, self.channels)
        if self.settings is None:
            rate = self.sample_rate or track.sample_rate
            self.settings = stems_pb2.Store(
                version=VERSION, sample_rate=rate, channels=self.channels or track.channels,
                record_samples=round(self.seconds * rate),
            )  # fmt: skip
        found = track.sample_rate, track.channels
        wanted = self.settings.sample_rate, self.settings.channels
        if found != wanted:
            raise StoreError(
                f"{name}: has {found[0]} Hz and {found[1]} channels where the store has"
                f" {wanted[0]} Hz and {wanted[1]}; choose one rate, or mono, for all."
            )
        signals = len(track.stems) + (track.recording is not None)
        try:
            check_size(self.settings.record_samples, track.channels, signals)
        except ValueError as error:
            raise StoreError(f"{name}: a record {error}; choose other seconds.") from error
        if not track.samples:
            raise StoreError(f"{name}: there are no samples in it; leave it out.")
        if self.records == 0:
            self._put(SETTINGS, self.settings)
        return replace(track, name=name)

    def _compare_request(self) -> None:
        """StoreError where an unfinished store has another format than what is asked for."""
        rate, channels = self.settings.sample_rate, self.settings.channels
        if (
            self.settings.record_samples != round(self.seconds * rate)
            or self.sample_rate not in (None, rate)
            or self.channels not in (None, channels)
        ):
            raise StoreError(
                f"{self.draft}: was begun with {self.settings.record_samples} samples a record at"
                f" {rate} Hz in {channels} channels; ask for the same, or delete the file."
            )

    def _write(self, track: Track) -> None:
        length = self.settings.record_samples
        for number, start in enumerate(range(0, track.samples, length), self.records):
            try:
                record = encode_record(track, start, min(start + length, track.samples))
            except ValueError as error:
                raise StoreError(f"{track.name}: {error}; export it again.") from error
            self._put(record_key(number), record)

    def _read(self, key: bytes, kind: type[M]) -> M | None:
        with explaining(self.draft, key), self.database.begin(buffers=True) as transaction:
            value = transaction.get(key)
            return None if value is None else unsealed(key, value, kind)

    def _put(self, key: bytes, message: Message) -> None:
        self.waiting[key] = sealed(key, message)
        self.waiting_bytes += len(self.waiting[key])
        if self.waiting_bytes >= BATCH:
            self._flush()

    def _flush(self) -> None:
        """Write what waits, in one transaction; where the map is full, double it."""
        while self.waiting:
            try:
                with self.database.begin(write=True) as transaction:
                    for key, value in self.waiting.items():
                        transaction.put(key, value)
                self.waiting, self.waiting_bytes = {}, 0
            except lmdb.MapFullError:
                self.database.set_mapsize(2 * self.database.info()["map_size"])


def _named(pieces: Sequence[Track | StemFolder]) -> dict[str, Track | StemFolder]:
    """Pieces by unique names. StoreError for two tracks of one name."""
    folders = unique_names([piece for piece in pieces if isinstance(piece, StemFolder)])
    named = {**folders, **{piece.name: piece for piece in pieces if isinstance(piece, Track)}}
    if len(named) < len(pieces):
        names = [piece.name for piece in pieces]
        twice = next(name for name in names if names.count(name) > 1)
        raise StoreError(f"'{twice}' is the name of two tracks; rename one of them.")
    return named


def _paths(piece: StemFolder) -> list[Path]:
    return [*piece.stems.values(), *([piece.mixture] if piece.mixture else [])]


def _bytes(piece: Track | StemFolder) -> int:
    """How large a piece is, for the progress bar."""
    if isinstance(piece, Track):
        return piece.mixture.nbytes * len(piece.stems)
    return sum(path.stat().st_size for path in _paths(piece))


def _sha256(piece: Track | StemFolder) -> str:
    if isinstance(piece, StemFolder):
        return files_sha256(_paths(piece))
    recording = {} if piece.recording is None else {"mixture": piece.recording}
    return track_sha256(replace(piece, stems={**piece.stems, **recording}))


def _corpus(piece: Track | StemFolder) -> str:
    is_folder = isinstance(piece, Track) or piece.corpus == FOLDER
    return "" if is_folder else piece.corpus.name


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Errors of the disk as a StoreError."""
    try:
        yield
    except lmdb.Error as error:
        folder = path.parent
        if folder.is_dir() and shutil.disk_usage(folder).free <= FULL:  # LMDB reports EIO
            raise StoreError(
                f"{folder}: the disk became full; make room and give the same `divisi pack` again"
                " to go on."
            ) from error
        reason = os.strerror(error.code) if error.code > 0 else error
        raise StoreError(f"{path}: cannot be written ({reason}); choose another place.") from error
