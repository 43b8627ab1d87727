"""Output folders, written completely or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

from .files import drafted, is_plain_name, plain_name, read_text, replaced_atomically, same_name
from .signals import deferred

FILES = "files"  # the entry of a mark that lists all files that its run wrote
FULL = 1 << 20  # bytes; with less free space, a full disk is why a file could not be written


class FolderError(ValueError):
    """A folder that cannot be used; the message is one sentence."""


class BusyFolder(FolderError):
    """A folder that another process is writing."""


class DiskError(FolderError):
    """A disk that takes no more files: full, or not to be written."""


def unwritable(folder: Path, error: OSError, what: str = "written") -> FolderError:
    """The error to raise for a folder that cannot be written; DiskError where no other can be."""
    disk = error.errno in (errno.EROFS, errno.EACCES, errno.ENOSPC)
    return (DiskError if disk else FolderError)(
        f"{folder}: cannot be {what} ({error.strerror}); choose another output folder (-o)."
    )


def folder_name(path: PurePath) -> str:
    """The name of the folder of a file's stems: its own without the suffix."""
    return path.stem if path.stem.strip(" .") else plain_name(path.stem)


def targets(files: Sequence[Path], output: Path) -> dict[Path, Path]:
    """The folder of each file, `output/NAME`.

    FolderError where two files would share one, and where a file lies in one of them.
    """
    owners: dict[str, Path] = {}
    folders: dict[Path, Path] = {}
    for path in files:
        name = folder_name(path)
        other = owners.setdefault(same_name(name), path)
        if other is not path:
            raise FolderError(
                f"{path}: would be written to {output / name}, as {other} would; separate them"
                " with different output folders (-o)."
            )
        folders[path] = output / name
    for target in folders.values():
        check_outside(files, target)
    return folders


def check_outside(files: Iterable[Path], target: Path) -> None:
    """FolderError where one of the files that a command reads lies in the folder it would write."""
    for path in files if target.is_dir() else ():
        above = Path(os.path.realpath(path)).parents
        if any(folder.is_dir() and folder.samefile(target) for folder in above):
            raise FolderError(
                f"{path}: lies in {target}, which would be written; move this file or choose"
                " another output folder (-o)."
            )


def check_target(target: Path, overwrite: bool, mark: str) -> None:
    """Refuse a folder that exists, unless its files may be replaced.

    mark: a JSON file that every output folder of the command has; in other folders nothing is
    replaced.
    """
    if not os.path.lexists(target):
        return
    if not target.is_dir() or target.is_symlink():
        raise FolderError(f"{target}: exists and is no folder; choose another output folder (-o).")
    if not overwrite:
        raise FolderError(
            f"{target}: exists already; choose another output folder (-o) or pass --overwrite."
        )
    written_before(target, mark)


def written_before(target: Path, mark: str) -> set[str]:
    """The names of the files that an earlier run wrote into a folder, as its mark lists them.

    Empty for an empty folder. FolderError where the mark is missing or damaged.
    """
    path = target / mark
    if not path.is_file():
        if any(target.iterdir()):
            raise FolderError(
                f"{target}: has no {mark} and is not replaced; choose another output folder (-o)."
            )
        return set()
    try:
        report = json.loads(read_text(path))
        names = report[FILES] if FILES in report else _named_in(report)
        known = {name for name in names if is_plain_name(name) and (target / name).is_file()}
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise FolderError(
            f"{path}: cannot be read, so it is not known what an earlier run wrote; choose another"
            " output folder (-o)."
        ) from error
    return {*known, mark}


def _named_in(report: dict) -> list[str]:
    """The files of a report that does not list them, as earlier versions wrote it."""
    names = [f"{name}.wav" for name in report["levels"] if name != "recording"]
    return [*names, "score.mid"] if "renderer" in report else names


def check_space(folder: Path, needed: int) -> None:
    """Refuse to start where the disk of `folder` has less than `needed` bytes free."""
    free = shutil.disk_usage(nearest_ancestor(folder)).free
    if needed > free:
        raise DiskError(
            f"{folder}: needs {readable_size(needed)} and the disk has {readable_size(free)} free;"
            " make room or choose another disk (-o)."
        )


@contextmanager
def new_folder(target: Path, overwrite: bool, mark: str) -> Iterator[Path]:
    """A hidden folder to write into, whose files become those of `target` on success.

    mark: a JSON file that the block writes; all files are listed in it. overwrite: see `replace`.
    After any error, Ctrl-C included, the hidden folder is removed with every parent that was made
    for it, and an existing `target` stays as it was. FolderError where `target` exists at the start
    or appears in the meantime, and where another process is writing it.
    """
    check_target(target, overwrite, mark)
    made = make_parents(target.parent)
    key = hashlib.sha256(same_name(target.name).encode(errors="surrogateescape")).hexdigest()[:16]
    try:
        with drafted(target, key, wait=1.0) as draft:
            if draft is None:
                raise BusyFolder(
                    f"{target}: another run is writing it; wait for its end, or choose another"
                    " output folder (-o)."
                )
            try:
                draft.mkdir()
            except OSError as error:
                raise unwritable(target.parent, error) from error
            check_target(target, overwrite, mark)
            with _noticing_a_full_disk(target.parent):
                yield draft
                if (draft / mark).is_file():
                    _list_files(draft, mark, os.listdir(draft))
            with deferred():
                publish(draft, target, overwrite, mark)
    except BaseException:
        for folder in reversed(made):
            with suppress(OSError):  # it holds something else by now
                folder.rmdir()
        raise


@contextmanager
def _noticing_a_full_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        if shutil.disk_usage(nearest_ancestor(folder)).free > FULL:
            raise
        raise DiskError(
            f"{folder}: the disk became full; make room or choose another disk (-o)."
        ) from error


def publish(draft: Path, target: Path, overwrite: bool, mark: str) -> None:
    """Put a complete draft in the place of `target`, which must not exist unless `overwrite`."""
    check_target(target, overwrite, mark)
    if target.exists():
        replace(draft, target, mark)
        return
    try:
        os.rename(draft, target)  # fails where a folder with files, or a file, is there by now
    except OSError as error:
        raise unwritable(target, error) from error


def replace(draft: Path, target: Path, mark: str) -> None:
    """Replace the files that an earlier run wrote into `target` by those of `draft`.

    All other files stay. FolderError, and nothing changes, where one of them has the name of a new
    file. A process that is killed here leaves whole files, all of them listed in the mark.
    """
    earlier, new = written_before(target, mark), set(os.listdir(draft))
    for name in new - earlier:
        if os.path.lexists(target / name):
            raise FolderError(
                f"{target / name}: no earlier run wrote this file, and it is not replaced; move it,"
                " or choose another output folder (-o)."
            )
    if earlier:
        _list_files(target, mark, earlier | new)
    for name in new - {mark}:
        os.replace(draft / name, target / name)
    for name in earlier - new:
        (target / name).unlink()
    os.replace(draft / mark, target / mark)


def _list_files(folder: Path, mark: str, names: Iterable[str]) -> None:
    """Write the names of files into the mark of a folder."""
    path = folder / mark
    report = json.loads(read_text(path))
    with replaced_atomically(path) as draft:
        text = json.dumps({**report, FILES: sorted(names)}, indent=2)
        draft.write_text(text + "\n", encoding="utf-8")


def make_parents(folder: Path) -> list[Path]:
    """Make `folder`; returns the folders that did not exist, outermost first."""
    missing = []
    for path in (folder, *folder.parents):
        if path.is_dir():
            break
        missing.insert(0, path)
    made: list[Path] = []
    try:
        for path in missing:
            path.mkdir(exist_ok=True)
            made.append(path)
    except OSError as error:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir()
        raise unwritable(folder, error, "made") from error
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
