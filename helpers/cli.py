"""The console script `divisi`: it assembles the commands and turns errors into exit codes.

Exit codes: 0 done; 1 some of several files were refused, and the others are done; 2 a request that
cannot be met, with one sentence on stderr and nothing written for it; 130, 143 and 129 stopped with
Ctrl-C, SIGTERM and SIGHUP, with no partial output left.
"""

from __future__ import annotations

import argparse
import signal
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from types import FrameType
from typing import NoReturn

from . import runtime

# Their parsers are light: each command imports torch and other modules when it runs.
from .commands import (
    adapt,
    align,
    corpora,
    dataset,
    evaluate,
    fetch,
    finetune,
    models,
    pack,
    render,
    separate,
    train,
    transcribe,
)
from .commands.errors import complain, sentence
from .commands.streams import Console
from .signals import STOPPING, handling, repeated

COMMANDS = {
    "separate": separate,
    "models": models,
    "evaluate": evaluate,
    "render": render,
    "align": align,
    "transcribe": transcribe,
    "train": train,
    "finetune": finetune,
    "adapt": adapt,
    "corpora": corpora,
    "fetch": fetch,
    "pack": pack,
    "dataset": dataset,
}
DESCRIPTION = "Separate chamber music into its instruments."
EXAMPLES = """\
examples:
  divisi separate quartet.wav               its stems in separated/quartet/
  divisi separate *.flac -o stems           many recordings, one folder each
  divisi separate ALBUM/ --skip-existing    all below a folder; goes on where it stopped
  divisi models                             which model separates which instruments
  divisi render bwv269 --renderer fluidsynth
  divisi align quartet.wav quartet.mxl      the notes of the score, in time with the recording
  divisi transcribe quartet.wav             the notes of each player, as MIDI and MusicXML
  divisi train recipe.toml                  start a training, or resume it

`divisi COMMAND --help` describes each command.
"""


class Layout(argparse.RawDescriptionHelpFormatter):
    """Help with its line breaks as written, and room for the names of the options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=24, width=96)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message.rstrip('.')}; see `{self.prog} --help`.\n")


def parser() -> Parser:
    """The parser of the whole command line."""
    top = Parser(prog="divisi", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=Layout)
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands"
    )
    for name, command in COMMANDS.items():
        command.add_arguments(
            commands.add_parser(
                name, help=command.SUMMARY, description=command.DESCRIPTION, formatter_class=Layout
            )
        )
    return top


def warn(message: Warning | str, *_: object) -> None:
    """Print a warning in one line."""
    complain(f"warning: {message}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. argv: by default those of the process, which ends."""
    stopped: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        if not stopped:  # the cleaning up is not stopped again
            stopped.append(number)
            raise KeyboardInterrupt

    out, err = Console(sys.stdout), Console(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            with handling(stop), repeated(stopped), runtime.freed_memory_kept():
                code = run(parser().parse_args(argv), stopped)
        except KeyboardInterrupt:  # before the command began, or after its end
            code = 128 + (stopped or [signal.SIGINT])[0]
        if stopped and argv is None:
            for number in STOPPING:
                signal.signal(number, signal.SIG_IGN)
        out.flush()
        if out.fault and not code:
            complain(f"the output cannot be written ({out.fault}).")
            code = 2
    return code


def run(arguments: argparse.Namespace, stopped: Sequence[int] = ()) -> int:
    """Run the command of parsed arguments; returns the exit code. stopped: signals so far."""
    command = COMMANDS[arguments.command]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # third parties' notes to developers
            warnings.filterwarnings("always", category=UserWarning, module=rf"{__package__}(\.|$)")
            warnings.showwarning = warn
            command.run(arguments)
    except (KeyboardInterrupt, Exception) as error:
        # A signal also ends the processes that work for this one: it comes before their errors.
        if stopped or isinstance(error, KeyboardInterrupt):
            complain(f"stopped; {getattr(command, 'STOPPED', 'no partial output is left')}.")
            return 128 + [*stopped, *error.args, signal.SIGINT][0]
        message = sentence(error)
        if message is None:
            raise
        complain(message)
        return getattr(error, "code", 2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
