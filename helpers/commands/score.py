"""`divisi separate --score`: the score of the recording, and the instruments of its parts."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .. import runtime
from . import archive
from .errors import CommandError, refusing
from .options import BAR

if TYPE_CHECKING:
    from torch import nn

    from ..audio.recordings import Recording
    from ..display.player_page import ScoreView
    from ..inference.score_following import FollowedRecording
    from ..music.scores import Score


def add_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("with a score")
    group.add_argument(
        "--score",
        type=Path,
        metavar="SCORE",
        help="MIDI or MusicXML: a stem for each of its parts, also for two of one instrument; the"
        f" model is then {runtime.SCORE_MODEL}, and aligned.mid has the notes in the recording's"
        " time; the player, the labels and the project have its bars",
    )
    group.add_argument(
        "--parts",
        nargs="+",
        default=[],
        metavar="PART=INSTRUMENT",
        help="the instruments of parts by their names in the score, such as 'Solo=violin'",
    )


def choose_model(arguments: Namespace) -> None:
    """With a score the default model is one that takes it. CommandError for what does not go
    together."""
    if arguments.score is None:
        if arguments.parts:
            raise CommandError("--parts names parts of a score; add --score SCORE.")
        return
    if len(arguments.files) > 1 or archive.is_archive(arguments):
        raise CommandError(f"--score {arguments.score}: goes with one recording; name only that.")
    if arguments.instruments is not None:
        raise CommandError("--instruments: with --score, the parts of the score are separated.")
    if arguments.model == runtime.DEFAULT_MODEL:
        arguments.model = runtime.SCORE_MODEL


def parts(name: str, model: nn.Module, arguments: Namespace) -> tuple[str, ...]:
    """The names of the stems: the parts and `other`; () without a score.

    CommandError for a score without a model that takes it, for the reverse, and for a file that is
    no score.
    """
    from ..inference.score_following import part_names, takes_score
    from ..training.conditioning import OTHER

    if arguments.score is None:
        if takes_score(model):
            raise CommandError(f"--model {name}: separates with a score; add --score SCORE.")
        return ()
    if not takes_score(model):
        raise CommandError(f"--model {name}: takes no score; leave --model or --score out.")
    return (*part_names(_read(arguments.score, tuple(arguments.parts))[0]), OTHER)


def read_scores(path: Path) -> list[Score]:
    """The score with its repeats and without; CommandError for a file that is no score."""
    from ..music.score_files import read_unfoldings

    if not path.is_file():
        raise CommandError(f"{path}: there is no such file; check the name.")
    with refusing(ValueError):
        scores = list(read_unfoldings(path))
    if scores[0].seconds == 0:
        raise CommandError(f"{path}: has no notes; choose another score.")
    return scores


@cache
def _read(path: Path, changes: Sequence[str]) -> list[Score]:
    """The score with its repeats and without; changes: as PART=INSTRUMENT."""
    from ..music.scores import rename_parts

    instruments = {}
    for words in changes:
        part, equals, instrument = words.rpartition("=")
        if not equals:
            raise CommandError(f"--parts {words}: write PART=INSTRUMENT, such as 'Solo=violin'.")
        instruments[part] = instrument
    with refusing(ValueError, KeyError):
        return [rename_parts(score, instruments) for score in read_scores(path)]


def follow(
    recording: Recording, model: nn.Module, arguments: Namespace
) -> FollowedRecording | None:
    """Align the score to the recording, None without one. CommandError where it does not fit."""
    if arguments.score is None:
        return None
    from tqdm import tqdm

    from ..inference.score_following import align_recording

    scores, name = _read(arguments.score, tuple(arguments.parts)), arguments.score.name
    with (
        refusing(ValueError),
        tqdm(
            total=3 * recording.seconds, desc=name, bar_format=BAR, leave=False, disable=None
        ) as bar,
    ):
        return align_recording(recording, model, scores, name, bar.update)


def view(followed: FollowedRecording | None, arguments: Namespace) -> ScoreView | None:
    """What the player, the labels and the project show of a score."""
    if not followed:
        return None
    from ..display.engraving import score_view

    return score_view(followed, arguments.score, pages=not arguments.no_player)
