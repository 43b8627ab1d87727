"""`divisi finetune`: the reader's own stems in, a model that knows them out."""

from __future__ import annotations

import shlex
from argparse import Namespace
from pathlib import Path

from ..recipes.finetune import finetune
from ..recipes.schema import RecipeError
from .errors import CommandError, refusing
from .train import STOPPED

__all__ = ["STOPPED", "run"]


def run(arguments: Namespace) -> None:
    """Fit a model, from where an earlier run stopped unless it is to be forgotten."""
    name = arguments.name
    if name in ("", "..") or Path(name).name != name:
        raise CommandError(f"--name {name}: is no name for a file; choose one such as mine.")
    if arguments.steps < 1:
        raise CommandError(f"--steps {arguments.steps}: it takes 1 or more.")
    if not 0.0 < arguments.learning_rate < 1.0:
        raise CommandError(
            f"--learning-rate {arguments.learning_rate:g}: it takes more than 0 and less than 1."
        )
    folder = arguments.output or Path("runs") / name
    with refusing(RecipeError):
        fitted = finetune(
            arguments.stems, arguments.model, name=name, steps=arguments.steps,
            held_out=[word for word in arguments.hold_out.split(",") if word],
            learning_rate=arguments.learning_rate, folder=folder, restart=arguments.restart,
            command=words(arguments),
        )  # fmt: skip
    pieces = ", ".join(track.name for track in fitted.held_out)
    print(f"{pieces}, held out: SI-SDR {fitted.before:.1f} dB before, {fitted.after:.1f} dB after")
    if fitted.after <= fitted.before:
        print(f"It got no better: stay with {arguments.model}, or try a lower --learning-rate.")
    print(f"{fitted.weights}: fitted; `divisi separate FILE --model {fitted.weights}` uses it.")


def words(arguments: Namespace) -> str:
    """The command that fits the same model to the same stems."""
    given = ["divisi", "finetune", str(arguments.stems), "--model", arguments.model]
    given += ["--name", arguments.name, "--steps", str(arguments.steps)]
    given += ["--learning-rate", f"{arguments.learning_rate:g}"]
    return shlex.join(given + ["--hold-out", arguments.hold_out] * bool(arguments.hold_out))
