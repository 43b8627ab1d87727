"""The command line in processes of its own, which start at once: torch is imported only once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from helpers import cli

PRELOADED = [
    "torch", "helpers.cli", "helpers.inference.stem_files", "helpers.recipes.train",
    "helpers.evaluation.evaluate", "helpers.evaluation.results", "helpers.synthesis.renderer",
    "helpers.datasets.stem_folders", "helpers.models.wave_unet",
]  # fmt: skip


@dataclass
class Running:
    """A command that runs: its process, and the files of what it prints."""

    process: BaseProcess
    out: Path
    err: Path

    def stop(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.process.is_alive():
            os.kill(self.process.pid, number)

    def wait(self, seconds: float = 120.0) -> tuple[int, list[str], list[str]]:
        """(exit code, lines on stdout, lines on stderr); minus a signal where that ended it."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"it did not end; it printed {self.err.read_text()}")
        texts = [path.read_text(errors="replace").splitlines() for path in (self.out, self.err)]
        return self.process.exitcode, *texts


def start(*words: object, folder: Path, prepare: Callable[[], object] | None = None) -> Running:
    """Begin `divisi WORDS`; its output goes to files in `folder`.

    prepare: called in the process before, such as a limit; a function of a module.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.monotonic_ns()
    out, err = folder / f"out-{stamp}", folder / f"err-{stamp}"
    for path in (out, err):
        path.touch()
    arguments = ([str(word) for word in words], out, err, dict(os.environ), os.getcwd(), prepare)
    process = context.Process(target=_main, args=arguments)
    process.start()
    return Running(process, out, err)


def run(*words: object, folder: Path, prepare: Callable[[], object] | None = None):
    """`divisi WORDS` to its end: (exit code, lines on stdout, lines on stderr)."""
    return start(*words, folder=folder, prepare=prepare).wait()


def _main(
    words: list[str],
    out: Path,
    err: Path,
    environment: dict[str, str],
    folder: str,
    prepare: Callable[[], object] | None,
) -> None:
    from helpers.datasets.stem_bank import build_bank
    from helpers.recipes import stem_banks

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    stem_banks.build_bank = partial(build_bank, workers=1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == 2 else signal.SIG_DFL)
    for path, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), descriptor)
    if prepare is not None:
        prepare()
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        setattr(sys, name, open(descriptor, "w", closefd=False))  # noqa: SIM115
    sys.argv = ["divisi", *words]
    sys.exit(cli.main())
