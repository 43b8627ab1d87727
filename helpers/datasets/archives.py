"""Unpack downloaded archives safely: inside one folder, within limits, completely or not at all."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

GIB = 2**30


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
            _check(archive.name, opened.infolist(), most_bytes, most_files)
            opened.extractall(draft / "content")
        (draft / "content").mkdir(exist_ok=True)
        (draft / "content").rename(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as fault:
        raise ArchiveError(f"{archive.name}: it cannot be unpacked ({fault}).") from fault
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
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise ArchiveError(f"{name}: the entry '{entry.filename}' leads out of the folder.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ArchiveError(f"{name}: the entry '{entry.filename}' is a link.")
