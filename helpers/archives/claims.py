"""Who works on which recording: files in the output folder, which all processes see.

A claim is a lease of `filelock`: a file that is created exclusively and holds host and process. Its
owner touches it while working. A process of the same host that is gone is noticed at once; another
one when its file has not changed for `GONE` seconds by the observer's own clock. The file is then
taken over by an atomic exchange, so that one process gets it. No server is needed.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..folders import FolderError, make_parents, unwritable

if TYPE_CHECKING:
    from filelock import SoftFileLease

FOLDER = ".divisi-claims"
GONE = 600.0  # seconds without a sign of life
SIGN_OF_LIFE = 30.0  # seconds between two


class Claims:
    """The claims of one run below an output folder; a context manager.

    shared: whether other runs may work in the folder at the same time, as long as they are shared
    too. FolderError where one may not, and where the folder cannot be written.
    began: the time of the start by the clock of the disk, which may not be that of this machine.
    """

    def __init__(self, output: Path, shared: bool, gone: float = GONE) -> None:
        self.output, self.shared, self.gone = output, shared, gone
        self.folder = output / FOLDER
        self.began = 0.0
        self._made: list[Path] = []
        self._leases: dict[str, SoftFileLease] = {}  # kept to see how long one stays untouched

    def __enter__(self) -> Claims:
        name = f"run-{'shared' if self.shared else 'alone'}-{os.urandom(8).hex()}"
        self._run = self._lease(name)
        self._begin()
        self.began = self._path(name).stat().st_mtime
        for path in self.folder.glob("run-*.claim"):
            if path.stem == name or self._is_over(path):
                continue
            if not self.shared or path.stem.startswith("run-alone"):
                self.__exit__()
                raise FolderError(
                    f"{self.output}: another run is writing there; wait for its end, or pass"
                    " --skip-existing to both to share the work."
                )
        return self

    def _begin(self) -> None:
        """Make the folder, which the last one of other runs may be removing, and sign in."""
        for attempt in range(5):
            try:
                self._made += make_parents(self.folder)
                self._run.acquire(blocking=False)
                return
            except OSError as error:
                if attempt == 4 or not isinstance(error, FileNotFoundError):
                    raise unwritable(self.output, error) from error

    def __exit__(self, *_: object) -> None:
        for lease in (*self._leases.values(), self._run):
            lease.release(force=True)
        for path in self.folder.glob("*.claim"):
            self._is_over(path)  # removes those of processes that were killed meanwhile
        with suppress(OSError):  # others work here, or something lies in the output folder
            self.folder.rmdir()
            for folder in reversed(self._made[:-1]):
                folder.rmdir()

    def take(self, name: str) -> bool:
        """Claim a recording by its folder; False where another process works on it."""
        from filelock import Timeout

        key = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:32]
        lease = self._leases.setdefault(name, self._lease(key))
        try:
            lease.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:
            raise unwritable(self.output, error) from error
        return True

    def release(self, name: str) -> None:
        """Give a claim back."""
        self._leases.pop(name).release()

    def _is_over(self, path: Path) -> bool:
        """Whether the process of a claim is gone; its file is then removed."""
        from filelock import Timeout

        with suppress(Timeout):
            self._lease(path.stem).acquire(blocking=False).lock.release()
            return True
        with suppress(OSError):
            if self.began - path.stat().st_mtime < self.gone:
                return False
            path.unlink()
        return True

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.claim"

    def _lease(self, name: str) -> SoftFileLease:
        from filelock import SoftFileLease  # not while `divisi --help` starts

        beat = min(SIGN_OF_LIFE, self.gone / 3)
        return SoftFileLease(
            self._path(name), lease_duration=self.gone, heartbeat_interval=beat, poll_interval=0.02
        )
