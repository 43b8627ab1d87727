"""Output folders, written completely or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .files import hidden_sibling

FULL = 1 << 20  # bytes; with less free space, a full disk is why a file could not be written


class FolderError(ValueError):
    """A folder that cannot be used; the message is one sentence."""


def targets(files: Sequence[Path], output: Path) -> dict[Path, Path]:
    """The folder of each file, `output/NAME`; FolderError where two files would share one."""
    owners: dict[str, Path] = {}
    for path in files:
        # Names that differ in case alone are one folder on some disks.
        other = owners.setdefault(path.stem.casefold(), path)
        if other is not path:
            raise FolderError(
                f"{path}: would be written to {output / path.stem}, as {other} would; separate them"
                " with different output folders (-o)."
            )
    return {path: output / path.stem for path in files}


def check_target(target: Path, overwrite: bool, mark: str) -> None:
    """Refuse a folder that exists, unless it may be replaced.

    mark: a file that every output folder of the command has; other folders are never replaced.
    """
    if not os.path.lexists(target):
        return
    if not target.is_dir() or target.is_symlink():
        raise FolderError(f"{target}: exists and is no folder; choose another output folder (-o).")
    if not overwrite:
        raise FolderError(
            f"{target}: exists already; choose another output folder (-o) or pass --overwrite."
        )
    if not (target / mark).is_file() and any(target.iterdir()):
        raise FolderError(
            f"{target}: has no {mark} and is not replaced; choose another output folder (-o)."
        )


def check_space(folder: Path, needed: int) -> None:
    """Refuse to start where the disk of `folder` has less than `needed` bytes free."""
    free = shutil.disk_usage(nearest_ancestor(folder)).free
    if needed > free:
        raise FolderError(
            f"{folder}: needs {readable_size(needed)} and the disk has {readable_size(free)} free;"
            " make room or choose another disk (-o)."
        )


@contextmanager
def new_folder(target: Path, overwrite: bool, mark: str) -> Iterator[Path]:
    """A hidden sibling of `target` to write into, which becomes `target` on success.

    After any error, Ctrl-C included, it is removed with every parent folder that was made for it,
    and an existing `target` stays as it was.
    """
    check_target(target, overwrite, mark)
    made = make_parents(target.parent)
    draft = None
    try:
        try:
            draft = hidden_sibling(target)
            draft.mkdir()
        except OSError as error:
            raise FolderError(
                f"{target.parent}: cannot be written ({error.strerror}); choose another output"
                " folder (-o)."
            ) from error
        try:
            yield draft
        except (ValueError, OSError) as error:
            if shutil.disk_usage(draft).free > FULL:
                raise
            raise FolderError(
                f"{target.parent}: the disk became full; make room or choose another disk (-o)."
            ) from error
        swap(draft, target)
    except BaseException:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
        for folder in reversed(made):
            if not any(folder.iterdir()):
                folder.rmdir()
        raise


def swap(draft: Path, target: Path) -> None:
    """Put `draft` in the place of `target`; the old folder is removed last."""
    if not target.exists():
        draft.rename(target)
        return
    old = hidden_sibling(target)
    target.rename(old)
    try:
        draft.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)


def make_parents(folder: Path) -> list[Path]:
    """Make `folder`; returns the folders that did not exist, outermost first."""
    missing = []
    for path in (folder, *folder.parents):
        if path.exists():
            break
        missing.insert(0, path)
    made: list[Path] = []
    try:
        for path in missing:
            path.mkdir(exist_ok=True)
            made.append(path)
    except OSError as error:
        for path in reversed(made):
            path.rmdir()
        raise FolderError(
            f"{folder}: cannot be made ({error.strerror}); choose another output folder (-o)."
        ) from error
    return made


def nearest_ancestor(folder: Path) -> Path:
    """`folder` or the innermost of its parents that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.is_dir())


def readable_size(count: float) -> str:
    """A number of bytes as in `1.4 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
