"""One recording of an archive, in this process or in a worker of a cluster."""

from __future__ import annotations

import io
import shlex
import tempfile
import traceback
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from torch import nn

from ..archives import stores
from ..archives.listing import Entry
from ..audio.recordings import examine
from ..files import file_sha256
from ..folders import BusyFolder, DiskError, FolderError, check_space
from ..inference.loading import model_and_name
from ..inference.stem_files import REPORT, stems_on_disk
from .errors import sentence
from .products import Products


@dataclass(frozen=True)
class Job:
    """What the recordings of a run have in common; it travels to the workers.

    separate: writes the stems of one. options: those that decide what is written; special: those of
    single recordings beside them, by folder. sources: the instruments that were named. began: a
    report that is younger was written by this run or one that shares its work.
    """

    arguments: Namespace
    output: Path | str
    separate: Callable[..., None]
    options: dict[str, Any]
    sources: tuple[str, ...]
    began: float
    special: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, entry: Entry) -> Outcome:
        """Separate a recording; errors become part of the outcome."""
        outcome = Outcome()
        copies: dict[Path, Path | str] = {}
        target = stores.join(self.output, entry.folder)
        printed = io.StringIO()
        with _draft(target) as folder, _heard(outcome.warnings), redirect_stdout(printed):
            try:
                if not self._is_done(entry, target):
                    self._separate(entry, target, folder, copies)
                    outcome.is_new = True
                outcome.report = stores.read_report(target, REPORT)
            except BusyFolder:
                outcome.is_busy = True
            except Exception as error:
                outcome.error = sentence(error) or f"{type(error).__name__}: {error} (a bug)."
                outcome.bug = "" if sentence(error) else traceback.format_exc()
                outcome.stops = isinstance(error, DiskError)
        if isinstance(target, str):
            copies |= {folder: target, folder.parent: target.rpartition("/")[0]}
        outcome.lines = _as_given(printed.getvalue(), copies).splitlines()
        outcome.error = _as_given(outcome.error, copies)
        return outcome

    def _is_done(self, entry: Entry, target: Path | str) -> bool:
        """Whether the target has the stems of these bytes, by this model with these options."""
        if not self.arguments.skip_existing:
            return False
        report = stores.read_report(target, REPORT)
        _, model = loaded(self.arguments.model, self.arguments.device)
        checkpoint = (getattr(model, "card", None) or {}).get("sha256", "none")
        if (
            report is None
            or report.get("checkpoint_sha256") != checkpoint
            or report.get("options") != {**self.options, **self.special.get(entry.folder, {})}
        ):
            return False
        if isinstance(target, Path) and (target / REPORT).stat().st_mtime >= self.began:
            return True  # the bytes were read a moment ago
        with stores.on_disk(entry.source) as path:
            return report.get("recording_sha256") == file_sha256(path)

    def _separate(
        self, entry: Entry, target: Path | str, folder: Path, copies: dict[Path, Path | str]
    ) -> None:
        """copies: gets the file that was read, with its address, where there is one."""
        name, model = loaded(self.arguments.model, self.arguments.device)
        is_remote = isinstance(target, str)
        if is_remote and not self.arguments.overwrite and stores.read_report(target, REPORT):
            raise FolderError(
                f"{target}: exists already; choose another output (-o) or pass --overwrite."
            )
        with stores.on_disk(entry.source) as path:
            copies |= {path: entry.source} if isinstance(entry.source, str) else {}
            recording = examine(path, self.arguments.repair)
            signals = stems_on_disk(model, self.sources) + self.arguments.residual
            chosen = Products.chosen(self.arguments, model, self.sources)
            check_space(folder, chosen.bytes_needed(recording, signals))
            self.separate(recording, folder, name, model, self.sources, self.arguments)
        if is_remote:
            stores.upload(folder, target, REPORT)


@dataclass
class Outcome:
    """What came of a recording.

    lines: what was printed. report: of its stems, as in separation.json. is_new: they were made
    now. is_busy: another process is writing them. error: one sentence; bug: its traceback, where it
    is one. stops: it would be the same for all other recordings.
    """

    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    report: dict[str, Any] | None = None
    is_new: bool = False
    is_busy: bool = False
    error: str = ""
    bug: str = ""
    stops: bool = False


@lru_cache(maxsize=1)
def loaded(model: str, device: str) -> tuple[str, nn.Module]:
    """The name of a model and the model, which a process loads once."""
    return model_and_name(model, device)


def _as_given(text: str, copies: Mapping[Path, Path | str]) -> str:
    """A text with addresses instead of the files and folders that stand for them here."""
    for copy, place in copies.items():
        text = text.replace(shlex.quote(str(copy)), shlex.quote(str(place)))
        text = text.replace(str(copy), str(place))
    return text


@contextmanager
def _draft(target: Path | str) -> Iterator[Path]:
    """Where the stems are written: the target, or for an address a folder until the upload."""
    if isinstance(target, Path):
        yield target
        return
    with tempfile.TemporaryDirectory(prefix="divisi-") as folder:
        yield Path(folder, PurePosixPath(target).name)


@contextmanager
def _heard(messages: list[str]) -> Iterator[None]:
    """Collect the package's own warnings during the block."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")  # third parties' notes to developers
        package = __package__.split(".")[0]
        warnings.filterwarnings("always", category=UserWarning, module=rf"{package}(\.|$)")
        yield
    messages += dict.fromkeys(str(each.message) for each in caught)
