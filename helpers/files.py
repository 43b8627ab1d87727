"""Files and folders: written whole or not at all, and named so that they stay where they belong."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: Names that Windows keeps for devices, whatever their suffix.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def hidden_sibling(path: Path) -> Path:
    """A hidden name in the same folder that nothing has yet."""
    return path.parent / f".divisi-{secrets.token_hex(8)}.part"


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """A draft in the same folder that takes the place of `path`.

    It does so when the `with` block ends well, on the disk to the last byte; after any error it is
    removed, and what was at `path` stays as it was. The draft must be closed by then: Windows
    renames no open file.
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
    """Whether a name can be one file or folder on every system and leads nowhere else."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= 120
        and name.strip(" .") == name
        and not FORBIDDEN.search(name)
        and not RESERVED.fullmatch(name)
    )


def plain_name(name: str) -> str:
    """The name with `_` for what no file may be called; `_` alone where nothing remains."""
    plain = FORBIDDEN.sub("_", name).strip(" .")[:120].strip(" .") or "_"
    return f"{plain}_" if RESERVED.fullmatch(plain) else plain


def file_sha256(path: Path) -> str:
    """Of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def files_sha256(paths: Iterable[Path]) -> str:
    """Of the contents of several files, in the given order."""
    return hashlib.sha256(" ".join(map(file_sha256, paths)).encode()).hexdigest()
