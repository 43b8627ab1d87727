"""Atomic writes, locks, and file names that are valid on every system."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

#: Names that Windows reserves for devices, with any suffix.
RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(\..*)?", re.IGNORECASE
)
#: Separators and wildcards, and what is not a character of a text: control characters, half of a
#: surrogate pair, marks that turn the direction of writing.
FORBIDDEN = re.compile(
    r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]'
)
LONGEST = 120  # characters of a name
MOST_BYTES = 200  # of a name in UTF-8; with a suffix, file systems allow 255
MOST_TEXT = 1 << 24  # bytes
PATIENCE = 5.0  # seconds to wait for a lock that is held for a moment only


@contextmanager
def held(lock: Path, wait: float = 0.0, unsure: bool = True) -> Iterator[bool]:
    """Hold a lock file during the block; False where another process or thread holds it.

    The system releases it when the process ends, however it ends. wait: seconds. unsure: the answer
    where this thread holds it already, and where the folder is missing or has no locks.
    """
    from filelock import FileLock, Timeout  # not while `divisi --help` starts

    guard = FileLock(lock, is_singleton=True)
    if guard.is_locked or not lock.parent.is_dir():
        yield unsure
        return
    try:
        try:
            guard.acquire(timeout=wait, poll_interval=0.02)
            mine = True
        except Timeout:
            mine = False
        except (OSError, NotImplementedError):
            mine = unsure
        yield mine
    finally:
        if guard.is_locked:
            with suppress(OSError):  # Windows removes it after the release
                lock.unlink()
            guard.release()


@contextmanager
def drafted(path: Path, key: str = "", wait: float = PATIENCE) -> Iterator[Path | None]:
    """A hidden path beside `path` for a draft; None where another process has this draft.

    It is removed at the end, and where the process is killed, by the next one that writes into the
    folder. key: the same for all writers of `path`; by default each has a draft of its own.
    """
    remove_dead_drafts(path.parent)
    draft = path.parent / f".divisi-{key or os.urandom(8).hex()}.part"
    with held(draft.with_suffix(".lock"), wait) as mine:
        if not mine:
            yield None
            return
        remove(draft)
        try:
            yield draft
        finally:
            remove(draft)


def remove_dead_drafts(folder: Path) -> None:
    """Remove the drafts that killed processes left in a folder."""
    for lock in folder.glob(".divisi-*.lock"):
        with held(lock, unsure=False) as dead:
            if dead:
                remove(lock.with_suffix(".part"))


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """A draft path in the same folder, which replaces `path` when the `with` block succeeds.

    After any error, Ctrl-C included, the draft is removed and `path` stays as it was. Close the
    draft inside the block: it is then flushed to the disk, and Windows cannot rename an open file.
    """
    with drafted(path) as draft:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)


def moved_to_unused(draft: Path, path: Path) -> Path:
    """Move a file to `path`, or where that is taken to NAME-2, NAME-3 ...; returns its place."""
    for number in count(1):
        place = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        with suppress(FileExistsError):
            place.open("xb").close()  # from here on, no other process takes this name
            os.replace(draft, place)
            return place
    raise AssertionError


def read_text(path: Path) -> str:
    """A card, a recipe or a report; ValueError where it is no UTF-8, or far too long for one."""
    with path.open("rb") as file:
        content = file.read(MOST_TEXT + 1)
    if len(content) > MOST_TEXT:
        raise ValueError(f"it has more than {MOST_TEXT:,} bytes")
    return content.decode("utf-8-sig")  # without the mark that some editors write


def is_plain_name(name: object) -> bool:
    """Whether a string is a valid name of one file or folder on every system, without a path."""
    return (
        isinstance(name, str)
        and name.strip(" .") == name != ""
        and len(name) <= LONGEST
        and not FORBIDDEN.search(name)
        and len(name.encode()) <= MOST_BYTES
        and not RESERVED.fullmatch(name)
    )


def plain_name(name: str) -> str:
    """The name with `_` for every character that a file name cannot contain."""
    plain = FORBIDDEN.sub("_", name).strip(" .")[:LONGEST]
    plain = plain.encode()[:MOST_BYTES].decode(errors="ignore").strip(" .") or "_"
    return f"_{plain}" if RESERVED.fullmatch(plain) else plain


def same_name(name: str) -> str:
    """Equal for names that are one file on some disk: in other case, or composed otherwise."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def check_names(names: Iterable[object], kept: Iterable[str] = ()) -> None:
    """ValueError where the files NAME.wav could not lie in one folder on every system.

    kept: names that other files of the folder have.
    """
    taken = {same_name(name): "that name is used for another file" for name in kept}
    for name in names:
        if not is_plain_name(name):
            raise ValueError(f"the name {name!a} is not valid for a file; one like 'violin' is")
        if reason := taken.get(same_name(name)):
            raise ValueError(f"the name {name!a} cannot be used, {reason}; choose another")
        taken[same_name(name)] = "two have it"


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
