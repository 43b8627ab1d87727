"""Atomic writes, and file names that are valid on every system."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: Names that Windows reserves for devices, with any suffix.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def hidden_sibling(path: Path) -> Path:
    """An unused hidden path in the same folder."""
    return path.parent / f".divisi-{os.urandom(8).hex()}.part"


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """A draft path in the same folder, which replaces `path` when the `with` block succeeds.

    After any error, Ctrl-C included, the draft is removed and `path` stays as it was. Close the
    draft inside the block: it is then flushed to the disk, and Windows cannot rename an open file.
    """
    draft = hidden_sibling(path)
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def is_plain_name(name: object) -> bool:
    """Whether a string is a valid name of one file or folder on every system, without a path."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= 120
        and name.strip(" .") == name
        and not FORBIDDEN.search(name)
        and not RESERVED.fullmatch(name)
    )


def plain_name(name: str) -> str:
    """The name with `_` for every character that a file name cannot contain."""
    plain = FORBIDDEN.sub("_", name).strip(" .")[:120].strip(" .") or "_"
    return f"_{plain}" if RESERVED.fullmatch(plain) else plain


def file_sha256(path: Path) -> str:
    """Of a file's content."""
    import hashlib  # not while `divisi --help` starts

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def files_sha256(paths: Iterable[Path]) -> str:
    """Of the contents of several files, in the given order."""
    import hashlib

    return hashlib.sha256(" ".join(map(file_sha256, paths)).encode()).hexdigest()
