"""Recordings and stems at addresses such as `s3://bucket/album`, through fsspec.

What is not on a disk is copied to one before it is read, and uploaded when it is whole; the report
comes last, so that a folder that has one is complete.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from ..files import read_text
from ..folders import FILES, FolderError


def is_address(source: object) -> bool:
    """Whether this is no path of a disk but an address."""
    return isinstance(source, str) and "://" in source


def place(text: str) -> Path | str:
    """What a user typed: an address as it is, all else as a path."""
    return text if is_address(text) else Path(text)


def join(base: Path | str, name: str) -> Path | str:
    """A place below another one."""
    return f"{base.rstrip('/')}/{name}" if isinstance(base, str) else base / name


def files(address: str) -> dict[PurePosixPath, tuple[str, int]]:
    """All files at and below an address: path below it -> address and size in bytes."""
    with _refusing(address):
        system, root = _system(address)
        found = system.find(root, detail=True)
        if not found:
            raise FileNotFoundError("there is nothing; check the address")
        base = PurePosixPath(root)
        return {
            PurePosixPath(name if path == root else PurePosixPath(path).relative_to(base)): (
                system.unstrip_protocol(path),
                info["size"] or 0,
            )
            for path, info in found.items()
            for name in [PurePosixPath(path).name]
        }


@contextmanager
def on_disk(source: Path | str) -> Iterator[Path]:
    """A recording as a file: itself, or a copy that is removed at the end of the block."""
    if not is_address(source):
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="divisi-") as folder:
        with _refusing(source):
            system, path = _system(str(source))
            copy = Path(folder, PurePosixPath(path).name)
            system.get_file(path, str(copy))
        yield copy


def read_report(folder: Path | str, mark: str) -> dict[str, Any] | None:
    """The report in a folder of stems whose files are all there; None where there is no such one.

    FolderError for an address that cannot be read.
    """
    if isinstance(folder, Path):
        with suppress(OSError, ValueError, RecursionError):
            report = json.loads(read_text(folder / mark))
            if isinstance(report, dict) and all(
                (folder / name).is_file() for name in report.get(FILES, [mark])
            ):
                return report
        return None
    with _refusing(folder):
        system, root = _system(folder)
        try:
            report = json.loads(system.cat_file(f"{root}/{mark}"))
        except (FileNotFoundError, ValueError):
            return None
        there = {PurePosixPath(path).name for path in system.ls(root, detail=False)}
    return report if isinstance(report, dict) and there.issuperset(report.get(FILES, [])) else None


def upload(folder: Path, address: str, mark: str) -> None:
    """Put the files of a folder at an address, the mark last; those of an earlier run go.

    After an error or Ctrl-C nothing that was put there stays. FolderError where it fails.
    """
    new = sorted(path.name for path in folder.iterdir() if path.name != mark)
    with _refusing(address):
        system, root = _system(address)
        earlier = (read_report(address, mark) or {}).get(FILES, [])
        if earlier:
            system.rm_file(f"{root}/{mark}")
        try:
            system.makedirs(root, exist_ok=True)
            for name in (*new, mark):
                system.put_file(str(folder / name), f"{root}/{name}")
        except BaseException:
            for name in (*new, mark):
                with suppress(Exception):
                    system.rm_file(f"{root}/{name}")
            raise
        for name in set(earlier) - {*new, mark}:
            with suppress(FileNotFoundError):
                system.rm_file(f"{root}/{name}")


def write_text(address: str, text: str) -> None:
    """Replace a file at an address."""
    with _refusing(address):
        system, path = _system(address)
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        system.pipe_file(path, text.encode(errors="surrogateescape"))


def read_bytes(address: str) -> bytes | None:
    """The content of a file at an address; None where there is none."""
    with _refusing(address):
        system, path = _system(address)
        with suppress(FileNotFoundError):
            return system.cat_file(path)
        return None


def _system(address: str) -> tuple[Any, str]:
    import fsspec  # not while `divisi --help` starts

    return fsspec.core.url_to_fs(address)


@contextmanager
def _refusing(address: object) -> Iterator[None]:
    """What fsspec and the libraries behind it raise, as one sentence; they share no base class."""
    try:
        yield
    except FolderError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise FolderError(f"{address}: cannot be used ({reason}).") from error
