"""A store of stems in one LMDB file: records of a few seconds, read at random.

    store = Store("corpus.lmdb")                      # built by `pack`, or by `divisi pack`
    store[0]                                          # a Record, which is a Track
    store.window("quartet", start=44100, samples=4 * 44100)

`packing.py` writes stores, `store_records.py` describes what is in them. A complete store never
changes, so it is opened without locks, and any number of processes may read it.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from weakref import finalize

import lmdb
import numpy as np
from google.protobuf.message import Message

from . import stems_pb2
from .store_records import (
    SETTINGS,
    Record,
    StoreError,
    check_file,
    check_record,
    check_settings,
    check_size,
    decode_signal,
    explaining,
    record_key,
    track_key,
    unsealed,
)

DRAFT = ".part"  # what a store that is not complete has after its name
M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class StoredTrack:
    """A track of a store. stems: their names. recorded: whether its mixture is a recording.

    records: the numbers of its records. corpus: a name of `divisi corpora`, or empty.
    """

    name: str
    stems: tuple[str, ...]
    samples: int
    recorded: bool
    corpus: str
    records: range


class Store:
    """A complete store, open for reading; it has `len`, and `store[i]` is a Record.

    path, sample_rate (Hz), channels, record_samples; tracks: a tuple of StoredTrack.
    It can be pickled, and every process opens the file for itself. `close`, or a `with` statement,
    lets go of the file, which can then be replaced.
    StoreError, a sentence with the file and the key, for a store that is missing, not complete or
    damaged, and for a record that was cut off, changed or exchanged, or declares absurd sizes.

    Chapter: 07.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.exists() and self.path.with_name(self.path.name + DRAFT).exists():
            raise _incomplete(self.path)
        if not self.path.exists():
            raise StoreError(f"{path}: there is no such file; write it with `divisi pack`.")
        check_file(self.path)
        self._file = _open(self.path)
        self._checked: set[int] = set()
        self._closing = finalize(self, self._file.release)
        try:
            settings = self._message(SETTINGS, stems_pb2.Store)
            with explaining(self.path, SETTINGS):
                check_settings(settings)
            if not settings.complete:
                raise _incomplete(self.path)
            self.sample_rate: int = settings.sample_rate
            self.channels: int = settings.channels
            self.record_samples: int = settings.record_samples
            self.tracks = self._tracks(settings.tracks)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._closing()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tracks(self, count: int) -> tuple[StoredTrack, ...]:
        tracks: list[StoredTrack] = []
        for number in range(count):
            key = track_key(number)
            entry = self._message(key, stems_pb2.Track)
            with explaining(self.path, key):
                check_size(self.record_samples, self.channels, len(entry.stems) + entry.recorded)
            first = tracks[-1].records.stop if tracks else 0
            records = range(first, first + -(-entry.samples // self.record_samples))
            stems = tuple(entry.stems)
            track = StoredTrack(
                entry.name, stems, entry.samples, entry.recorded, entry.corpus, records
            )
            tracks.append(track)
        return tuple(tracks)

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        return Store, (self.path,)

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}): {len(self.tracks)} tracks in {len(self)} records"

    def __len__(self) -> int:
        return self.tracks[-1].records.stop

    @property
    def seconds(self) -> float:
        """Of all tracks together."""
        return sum(track.samples for track in self.tracks) / self.sample_rate

    def __getitem__(self, number: int) -> Record:
        if not -len(self) <= number < len(self):
            raise IndexError(f"{self.path.name}: there are {len(self)} records, not {number}.")
        number %= len(self)
        place = bisect_right(self.tracks, number, key=lambda track: track.records.start) - 1
        track = self.tracks[place]
        start = (number - track.records.start) * self.record_samples
        return self.window(track, start, min(self.record_samples, track.samples - start))

    def window(self, track: StoredTrack | str, start: int, samples: int) -> Record:
        """`samples` samples of a track from `start` on, across records; silent after its end.

        track: one of `tracks`, or its name. KeyError for a name that the store lacks, ValueError
        for a negative start.
        """
        if isinstance(track, str):
            track = self._named(track)
        if start < 0:
            raise ValueError(f"{track.name}: the window starts at {start}; it must be 0 or more.")
        stems = {name: np.zeros((self.channels, samples), np.float32) for name in track.stems}
        recording = np.zeros((self.channels, samples), np.float32) if track.recorded else None
        end = min(start + samples, track.samples)
        for place in range(start // self.record_samples, -(-end // self.record_samples)):
            first = place * self.record_samples
            record = self._record(track, place)
            here = max(start - first, 0), min(end - first, record.samples)
            there = slice(first + here[0] - start, first + here[1] - start)
            for stem in record.stems:
                decode_signal(stem.signal, record.samples, *here, stems[stem.name][:, there])
            if track.recorded:
                decode_signal(record.mixture, record.samples, *here, recording[:, there])
        return Record(track.name, self.sample_rate, stems, recording, start)

    def _named(self, name: str) -> StoredTrack:
        for track in self.tracks:
            if track.name == name:
                return track
        raise KeyError(f"{self.path.name}: there is no track '{name}'.")

    def _record(self, track: StoredTrack, place: int) -> stems_pb2.Record:
        """The record at a place within a track; its checksum is compared once per process."""
        number = track.records.start + place
        key, start = record_key(number), place * self.record_samples
        record = self._message(key, stems_pb2.Record, number in self._checked)
        if number not in self._checked:
            expected = stems_pb2.Record(
                track=track.name, start=start, sample_rate=self.sample_rate, channels=self.channels,
                samples=min(self.record_samples, track.samples - start),
                stems=[stems_pb2.Stem(name=name) for name in track.stems],
                mixture=stems_pb2.Signal() if track.recorded else None,
            )  # fmt: skip
            with explaining(self.path, key):
                check_record(record, expected)
            self._checked.add(number)
        return record

    def _message(self, key: bytes, kind: type[M], checked: bool = False) -> M:
        with explaining(self.path, key), self._file.begin() as transaction:
            value = transaction.get(key)
            if value is None:
                raise ValueError("is missing")
            return unsealed(key, value, kind, checked)


class _File:
    """An LMDB file of this process, opened again in a process that was forked from it.

    LMDB refuses to open a file twice in one process: all stores of a file share one.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.process, self.users = path, os.getpid(), 0
        self.database = self._open()

    def _open(self) -> lmdb.Environment:
        return lmdb.open(str(self.path), subdir=False, readonly=True, lock=False, create=False)

    def begin(self) -> lmdb.Transaction:
        """A transaction whose values are views of the file, valid until its end."""
        if self.process != os.getpid():
            self.database.close()
            self.database, self.process = self._open(), os.getpid()
        return self.database.begin(buffers=True)

    def release(self) -> None:
        """To be called once by every user; the last one closes the file."""
        self.users -= 1
        if not self.users:
            self.database.close()


_FILES: dict[tuple[int, int], _File] = {}


def _open(path: Path) -> _File:
    status = path.stat()
    key = status.st_dev, status.st_ino
    if key not in _FILES or not _FILES[key].users:
        try:
            _FILES[key] = _File(path.resolve())
        except lmdb.Error as error:
            raise StoreError(f"{path.name}: is no LMDB file that can be read ({error}).") from error
    _FILES[key].users += 1
    return _FILES[key]


def _incomplete(path: Path) -> StoreError:
    return StoreError(
        f"{path.name}: the store is not complete; give the same `divisi pack` again to go on."
    )
