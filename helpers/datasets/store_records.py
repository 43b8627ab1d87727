"""Records of a store of stems: what `stems.proto` describes, checked as they are read.

`stems_pb2.py` is written from `stems.proto` by this command, in the root of the repository:

    uv run --no-project --python 3.12 --with grpcio-tools==1.62.3 --with "setuptools<81" \\
        python -m grpc_tools.protoc -I. --python_out=. helpers/datasets/stems.proto

Code from this version runs with protobuf 4.25 and all later ones; code from newer versions refuses
the protobuf of Colab.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from google.protobuf.message import DecodeError, Message
from lmdb.verify import VerifyError, verify

from ..audio.audio import MOST_CHANNELS
from ..audio.track import Track
from . import stems_pb2

VERSION = 1
SETTINGS = b"store"
MOST_BYTES = 1 << 28  # of the samples of a record
TAIL = struct.Struct("<BI")  # the field `checksum` of every message: its tag and a fixed32
TAG = 15 << 3 | 5
M = TypeVar("M", bound=Message)


class StoreError(ValueError):
    """A store that cannot be written or read; the message is one sentence with file and key."""


@dataclass(frozen=True, eq=False)
class Record(Track):
    """A stretch of the track `name`, a track itself. start: its first sample there."""

    start: int = 0


def record_key(number: int) -> bytes:
    return b"%08d" % number


def track_key(number: int) -> bytes:
    return b"track %08d" % number


def sealed(key: bytes, message: Message) -> bytes:
    """The bytes of a message without a checksum, followed by the field with its checksum."""
    body = message.SerializeToString()
    return body + TAIL.pack(TAG, zlib.crc32(body, zlib.crc32(key)))


def unsealed(key: bytes, value: memoryview, kind: type[M], checked: bool = False) -> M:
    """The message of a value. ValueError where it is too long, foreign, cut off or changed.

    checked: the checksum was compared before.
    """
    if len(value) > 2 * MOST_BYTES:
        raise ValueError(f"has {len(value):,} bytes and at most {2 * MOST_BYTES:,} are read")
    if len(value) < TAIL.size or value[-TAIL.size] != TAG:
        raise ValueError("is cut off, or another program wrote it")
    body = value[: -TAIL.size]
    if not checked and TAIL.unpack(value[-TAIL.size :])[1] != zlib.crc32(body, zlib.crc32(key)):
        raise ValueError("was changed after it was written: its checksum differs")
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise ValueError("is no message of this store") from error


@contextmanager
def explaining(path: Path, key: bytes) -> Iterator[None]:
    """Turn a ValueError about a value into a StoreError that names its file and key."""
    try:
        yield
    except ValueError as error:
        name = key.decode()
        name = f"record {name}" if name.isdigit() else f"the entry '{name}'"
        raise StoreError(f"{path.name}: {name} {error}; delete the file and pack again.") from error


def check_file(path: Path) -> None:
    """StoreError for a file that LMDB would not survive reading: it trusts what it maps."""
    if not path.is_file():
        raise StoreError(f"{path}: is no file; name a store that `divisi pack` writes.")
    try:
        state = path.stat()
        faults = _faults(path, (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns))
    except VerifyError as error:
        raise StoreError(f"{path.name}: is no LMDB file; `divisi pack` writes stores.") from error
    except OSError as error:
        raise StoreError(f"{path.name}: cannot be read ({error.strerror}).") from error
    if faults:
        raise StoreError(
            f"{path.name}: is damaged or cut off ({faults[0]}); delete it and pack again."
        )


@lru_cache
def _faults(path: Path, state: tuple[int, ...]) -> list[str]:
    """What is wrong with a file in this state, found only once: its tree and the head of each large
    value are read. What is inside a value, its checksum tells."""
    return verify(path, subdir=False)


def check_settings(settings: stems_pb2.Store) -> None:
    """ValueError for settings that no store of this version has."""
    if settings.version != VERSION:
        raise ValueError(
            f"has version {settings.version} and this Divisi reads version {VERSION}; update it"
        )
    if not 1 <= settings.channels <= MOST_CHANNELS or not settings.sample_rate:
        raise ValueError("declares no audio")
    check_size(settings.record_samples, settings.channels, 1)


def check_size(samples: int, channels: int, signals: int) -> None:
    """ValueError where the samples of a record take more than MOST_BYTES, or none."""
    size = 2 * samples * channels * signals
    if not 0 < size <= MOST_BYTES:
        raise ValueError(f"declares {size:,} bytes of samples and 1 to {MOST_BYTES:,} are read")


def encode_record(track: Track, start: int, stop: int) -> stems_pb2.Record:
    """The samples from `start` to `stop` of a track. ValueError where one is not finite."""
    message = stems_pb2.Record(
        track=track.name, start=start, sample_rate=track.sample_rate, channels=track.channels,
        samples=stop - start,
    )  # fmt: skip
    for name, stem in track.stems.items():
        message.stems.add(name=name, signal=encode_signal(stem[:, start:stop]))
    if track.recording is not None:
        message.mixture.CopyFrom(encode_signal(track.recording[:, start:stop]))
    return message


def encode_signal(signal: np.ndarray) -> stems_pb2.Signal:
    """float32 (channels, samples) in 16 bits, at the smallest power of two that holds its peak.

    Audio that was in 16 bits before is stored without any loss. Of the stems of Bach10 and TRIOS at
    16 kHz, float16 keeps 74 dB (median of their seconds) and this 87 dB, and it is read three times
    as fast. ValueError for what is not finite.
    """
    low, high = float(signal.min()), float(signal.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("a sample is not a finite number")
    least = max(high / 32767, -low / 32768)
    if least == 0:
        return stems_pb2.Signal()
    mantissa, exponent = np.frexp(least)
    scale = np.ldexp(1.0, max(int(exponent) - int(mantissa == 0.5), -126))
    integers = np.rint(signal / np.float32(scale)).astype("<i2")
    return stems_pb2.Signal(scale=scale, samples=integers.tobytes())


def decode_signal(
    signal: stems_pb2.Signal, samples: int, start: int, stop: int, into: np.ndarray
) -> None:
    """Write a signal from `start` to `stop` into zeros, float32 (channels, stop - start).

    samples: of the whole signal.
    """
    if signal.samples:
        integers = np.frombuffer(signal.samples, "<i2").reshape(-1, samples)
        np.multiply(integers[:, start:stop], np.float32(signal.scale), out=into)


def check_record(record: stems_pb2.Record, expected: stems_pb2.Record) -> None:
    """ValueError where a record is not the expected one, or its sizes are not those it declares.

    expected: the record that the list of tracks promises, with empty signals.
    """
    for field in ("track", "start", "sample_rate", "channels", "samples"):
        found, promised = getattr(record, field), getattr(expected, field)
        if found != promised:
            raise ValueError(f"comes from elsewhere: its {field} is {found!r}, not {promised!r}")
    names = [stem.name for stem in record.stems], [stem.name for stem in expected.stems]
    if names[0] != names[1] or record.HasField("mixture") != expected.HasField("mixture"):
        raise ValueError(f"comes from elsewhere: it has {names[0]}, not {names[1]}")
    size = 2 * record.channels * record.samples
    for signal in (*(stem.signal for stem in record.stems), record.mixture):
        if len(signal.samples) not in (0, size):
            raise ValueError(f"declares {size:,} bytes a signal and has {len(signal.samples):,}")
        if not np.isfinite(signal.scale):
            raise ValueError("has a scale that is not a finite number")
