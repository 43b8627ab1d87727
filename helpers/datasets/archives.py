"""Unpack downloaded archives safely: inside one folder, within limits, completely or not at all."""

from __future__ import annotations

import lzma
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

GIB = 2**30
#: What `zipfile` and the decompressors behind it raise for what is damaged or no ZIP archive.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError,
    ValueError, OverflowError, MemoryError, IndexError,
)  # fmt: skip


class ArchiveError(ValueError):
    """An archive that cannot or must not be unpacked: one sentence that starts with its name."""


def unzip(
    archive: str | Path,
    folder: str | Path,
    most_bytes: int = 50 * GIB,
    most_files: int = 100_000,
) -> Path:
    """Unpack a ZIP archive as the new folder `folder`, and return that. Chapter: 03.

    ArchiveError where it is no ZIP archive, damaged, encrypted or larger than the limits once
    unpacked, and for entries that are links or lead out of the folder. FileExistsError where
    `folder` exists.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists; remove it or unpack {archive.name} elsewhere.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".unzip-", dir=folder.parent))
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check(archive.name, entries, most_bytes, most_files)
            inside = [entry for entry in entries if _path(entry).parts]  # `./` is the folder itself
            opened.extractall(draft / "content", inside)
        (draft / "content").mkdir(exist_ok=True)
        (draft / "content").rename(folder)
    except ArchiveError:
        raise
    except DAMAGE as fault:
        raise ArchiveError(f"{archive.name}: it cannot be unpacked ({fault}).") from fault
    except OSError as fault:
        if fault.errno is None:  # of bz2, for a damaged stream
            raise ArchiveError(f"{archive.name}: it cannot be unpacked ({fault}).") from fault
        raise ArchiveError(
            f"{archive.name}: its files cannot be written in {folder.parent} ({fault.strerror})."
        ) from fault
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _check(name: str, entries: list[zipfile.ZipInfo], most_bytes: int, most_files: int) -> None:
    """Declared sizes are reliable: `zipfile` reads no further and then checks the CRC."""
    if len(entries) > most_files:
        raise ArchiveError(f"{name}: {len(entries)} files are more than the {most_files} allowed.")
    size = sum(entry.file_size for entry in entries)
    if size > most_bytes:
        raise ArchiveError(
            f"{name}: {size / GIB:.1f} GiB unpacked are more than the "
            f"{most_bytes / GIB:.1f} GiB allowed."
        )
    for entry in entries:
        path = _path(entry)
        drive = ":" in "".join(path.parts[:1])
        if path.is_absolute() or ".." in path.parts or drive:
            raise ArchiveError(f"{name}: the entry '{entry.filename}' leads out of the folder.")
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveError(f"{name}: the entry '{entry.filename}' is a link or a device.")


def _path(entry: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(entry.filename.replace("\\", "/"))
