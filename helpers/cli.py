"""The console script `divisi`: its arguments, its exit codes and the one place where errors end.

Exit codes: 0 done, 2 the request cannot be met (one sentence on stderr, nothing written),
130 stopped with Ctrl-C (nothing half-written is left).
"""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

DEFAULT_MODEL = "chamber"

DESCRIPTION = "Separate chamber music into its instruments."

EXAMPLES = """\
examples:
  divisi separate quartet.wav               four stems in separated/quartet/
  divisi separate *.flac -o stems           many recordings, one folder each
  divisi models                             what can separate what
  divisi render bwv269 --renderer fluidsynth
  divisi train training.toml                start, or go on where it stopped

`divisi COMMAND --help` tells more about each command.
"""

SEPARATE = """\
Write DIR/TRACK/INSTRUMENT.wav for each instrument that the model knows, with the sample
rate, length and channels of the recording, and DIR/TRACK/separation.json beside them.

One gain is applied to all stems, and only where one of them would clip, so their balance
survives. Integer recordings become 24-bit stems; float recordings stay float.
"""

EVALUATE = """\
Separate every track of a corpus and add one row per track, instrument and metric to FILE,
beside the floor (the unprocessed mixture) and the ceilings (the oracle masks).

CORPUS_DIR is any folder of stem folders (one file per instrument), or Bach10, URMP or
TRIOS as published.
"""

RENDER = """\
Write DIR/TITLE/INSTRUMENT.wav for each part of a score, their mixture.wav and score.mid.

SCORE is a MIDI file or the name of a work in music21's corpus: a chorale such as bwv269, or
haydn/opus74no1/movement1.
"""

TRAIN = """\
Train the model that CONFIG describes (a commented TOML file). A run that was stopped goes on
where it stopped; --restart begins anew.
"""

FINETUNE = """\
Fit a model to STEMS, a folder of pieces: a folder each, with one file for every instrument,
such as violin.wav. It learns from mixtures of all pieces but one, which then says what was
gained.

A run that was stopped goes on where it stopped. A model that is fitted to your players knows
them better, and others worse. For hours of stems write a recipe instead, with `corpora`.
"""

CORPORA = """\
List the collections of recordings that `divisi evaluate` measures on and `divisi train` learns
from, with their licences, whom to cite, and how to get them.
"""

FETCH = """\
Download a corpus from Zenodo, check its md5, and unpack it as DIR/NAME. A download that was
stopped goes on where it stopped. Its licence and whom to cite: `divisi corpora NAME`.
The soundfonts GeneralUser and Merlin, which some recipes ask for, go into the cache.
"""


class Layout(argparse.RawDescriptionHelpFormatter):
    """Help as it was written, with room for the names of the options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=24, width=96)


class Parser(argparse.ArgumentParser):
    """An argument parser that says in one sentence what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message.rstrip('.')}; see `{self.prog} --help`.\n")


def parser() -> Parser:
    """The whole command line."""
    top = Parser(prog="divisi", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=Layout)
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands"
    )

    def command(name: str, summary: str, description: str) -> Parser:
        return commands.add_parser(
            name, help=summary, description=description, formatter_class=Layout
        )

    add_separate(command("separate", "recordings in, stems out", SEPARATE))
    add_models(command("models", "list the trained models", "List the trained models."))
    add_evaluate(command("evaluate", "measure a model on recordings with stems", EVALUATE))
    add_render(command("render", "a score in, stems out", RENDER))
    add_train(command("train", "train a model from a configuration", TRAIN))
    add_finetune(command("finetune", "fit a model to stems of your own", FINETUNE))
    add_corpora(command("corpora", "list the collections of recordings", CORPORA))
    add_fetch(command("fetch", "download a collection or a soundfont", FETCH))
    return top


def add_separate(command: Parser) -> None:
    command.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="WAV, FLAC, MP3, OGG, AIFF ..."
    )
    add_output(command, "separated")
    add_model(command)
    add_device(command)
    command.add_argument(
        "--instruments",
        metavar="A,B,...",
        help="who plays, such as violin,piano; of one alone, the stem; all for every one that the "
        "model knows (default: whom it hears)",
    )
    command.add_argument(
        "--residual",
        action="store_true",
        help="also write residual.wav: what stays of the recording without its stems",
    )
    command.add_argument(
        "--repair",
        action="store_true",
        help="read samples that are not numbers as zeros instead of refusing the file",
    )


def add_models(command: Parser) -> None:
    command.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="DIR",
        help="where to look (default: the models that come with Divisi)",
    )
    command.set_defaults(default=DEFAULT_MODEL)


def add_evaluate(command: Parser) -> None:
    command.add_argument("corpus", type=Path, metavar="CORPUS_DIR")
    command.add_argument(
        "--csv", required=True, type=Path, metavar="FILE", help="the table to add the rows to"
    )
    add_model(command)
    add_device(command)
    command.add_argument(
        "--no-baselines", action="store_true", help="the model alone, without floor and ceilings"
    )


def add_render(command: Parser) -> None:
    command.add_argument("score", metavar="SCORE", help="a MIDI file or the name of a chorale")
    add_output(command, "rendered")
    command.add_argument(
        "--renderer",
        choices=("tones", "fluidsynth", "notes"),
        default="tones",
        help="synthetic tones, a soundfont, or recorded notes (default: tones)",
    )
    command.add_argument(
        "--soundfont",
        type=Path,
        metavar="FILE",
        help="an .sf2 or .sf3 file (default: the first one that is installed)",
    )
    command.add_argument(
        "--notes", type=Path, metavar="DIR", help="a folder of recorded notes with its index.csv"
    )
    command.add_argument(
        "--instruments",
        metavar="A,B,...",
        help="who plays the parts, highest first, such as violin,clarinet,saxophone,bassoon",
    )
    command.add_argument(
        "--tempo", type=float, metavar="BPM", help="quarter notes per minute (chorales only)"
    )
    command.add_argument("--rate", type=int, default=44100, metavar="HZ", help="default: 44100")
    command.add_argument(
        "--seed", type=int, default=0, help="for recorded notes, which are drawn (default: 0)"
    )


def add_train(command: Parser) -> None:
    command.add_argument("config", type=Path, metavar="CONFIG")
    add_run(command, "runs/NAME, the name that CONFIG gives")


def add_finetune(command: Parser) -> None:
    command.add_argument("stems", type=Path, metavar="STEMS")
    add_model(command)
    command.add_argument(
        "--name", default="mine", metavar="NAME", help="of the new model (default: mine)"
    )
    command.add_argument(
        "--steps", type=int, default=200, metavar="N", help="how long to train (default: 200)"
    )
    command.add_argument(
        "--learning-rate",
        type=float,
        default=5e-4,
        metavar="RATE",
        help="lower forgets less, higher learns faster (default: 0.0005)",
    )
    command.add_argument(
        "--hold-out",
        default="",
        metavar="A,B,...",
        help="pieces to measure on (default: the shortest whose players others play too)",
    )
    add_run(command, "runs/NAME")


def add_corpora(command: Parser) -> None:
    command.add_argument("name", nargs="?", metavar="NAME", help="tell all that is known of it")


def add_fetch(command: Parser) -> None:
    command.add_argument("name", metavar="NAME", help="one of `divisi corpora`, or a soundfont")
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="default: the folder that DIVISI_DATA names",
    )
    command.add_argument(
        "--file", metavar="ARCHIVE", help="another archive of its record, such as a sample of it"
    )


def add_run(command: Parser, default: str) -> None:
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help=f"where the run is kept (default: {default})",
    )
    command.add_argument(
        "--restart", action="store_true", help="forget an earlier run and begin anew"
    )


def add_output(command: Parser, default: str) -> None:
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(default),
        metavar="DIR",
        help=f"the folder to write into (default: {default})",
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace the stems of an earlier run"
    )


def add_model(command: Parser) -> None:
    command.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME",
        help=f"a name from `divisi models`, or a file (default: {DEFAULT_MODEL})",
    )


def add_device(command: Parser) -> None:
    command.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where to compute (default: auto, the fastest that is here)",
    )


def warn(message: Warning | str, *_: object) -> None:
    """Tell what is odd but no reason to stop."""
    print(f"divisi: warning: {message}", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show stops nothing
        stream.reconfigure(errors="replace")
    arguments = parser().parse_args(argv)
    try:
        # Imported now, so that --help needs no torch and Ctrl-C is caught while it loads.
        from .commands.errors import sentence
    except KeyboardInterrupt:
        return 130
    command = None
    try:
        command = importlib.import_module(f".commands.{arguments.command}", __package__)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # third parties' notes to developers
            warnings.filterwarnings("always", category=UserWarning, module=rf"{__package__}\.")
            warnings.showwarning = warn
            command.run(arguments)
    except KeyboardInterrupt:
        left = getattr(command, "STOPPED", "nothing half-written was left")
        print(f"divisi: stopped; {left}.", file=sys.stderr)
        return 130
    except Exception as error:
        words = sentence(error)
        if words is None:
            raise
        print("divisi: " + " ".join(words.splitlines()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
