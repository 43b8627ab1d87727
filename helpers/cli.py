"""The console script `divisi`: it assembles the commands and turns errors into exit codes.

Exit codes: 0 done; 2 the request cannot be met, with one sentence on stderr and nothing written;
130 stopped with Ctrl-C, with no partial output left.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

# Their parsers are light: each command imports torch and other modules when it runs.
from .commands import corpora, evaluate, fetch, finetune, models, render, separate, train
from .commands.errors import sentence

COMMANDS = {
    "separate": separate,
    "models": models,
    "evaluate": evaluate,
    "render": render,
    "train": train,
    "finetune": finetune,
    "corpora": corpora,
    "fetch": fetch,
}
DESCRIPTION = "Separate chamber music into its instruments."
EXAMPLES = """\
examples:
  divisi separate quartet.wav               its stems in separated/quartet/
  divisi separate *.flac -o stems           many recordings, one folder each
  divisi models                             which model separates which instruments
  divisi render bwv269 --renderer fluidsynth
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
    print(f"divisi: warning: {message}", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):  # names that the terminal cannot encode
        stream.reconfigure(errors="replace")
    arguments = parser().parse_args(argv)
    command = COMMANDS[arguments.command]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # third parties' notes to developers
            warnings.filterwarnings("always", category=UserWarning, module=rf"{__package__}(\.|$)")
            warnings.showwarning = warn
            command.run(arguments)
    except KeyboardInterrupt:
        remains = getattr(command, "STOPPED", "no partial output is left")
        print(f"divisi: stopped; {remains}.", file=sys.stderr)
        return 130
    except Exception as error:
        message = sentence(error)
        if message is None:
            raise
        print("divisi: " + " ".join(message.splitlines()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
