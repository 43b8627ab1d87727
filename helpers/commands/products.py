"""What `divisi separate` writes beside the stems, and in which format: options and their checks."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from ..audio.formats import SoundFormat
    from ..audio.recordings import Recording
    from ..display.player_page import ScoreView
    from ..evaluation.quality_estimate import Estimate
    from ..inference.mixes import Mixes
    from ..inference.written_stems import StemFiles

PLAYER, LABELS = "player.html", "labels.txt"
PROJECTS = ("reaper",)
FORMAT = "wav"


def add_arguments(parser: ArgumentParser) -> None:
    practice = parser.add_argument_group("for practising")
    practice.add_argument(
        "--minus",
        metavar="A,B,...",
        help="also write minus-A.wav ...: the recording without this instrument, at its own level;"
        " `each`: one for each stem",
    )
    practice.add_argument(
        "--emphasise",
        metavar="A=DB,...",
        help="also write emphasise-A.wav ...: this instrument so many dB further forward against"
        " the others, as loud as the recording; `each=6`: one for each stem",
    )
    practice.add_argument(
        "--no-player",
        action="store_true",
        help=f"do not write {PLAYER}, a page that plays the stems, without a network",
    )
    studio = parser.add_argument_group("for the studio")
    studio.add_argument(
        "--format",
        default=FORMAT,
        metavar="F",
        help="wav, flac, mp3 or ogg, at the sample rate of the recording (default: wav)",
    )
    studio.add_argument(
        "--subtype",
        metavar="S",
        help="16, 24 or float samples, for wav and flac (default: 24, or float in wav where the"
        " recording is float)",
    )
    studio.add_argument(
        "--project",
        choices=PROJECTS,
        help="also write TRACK.rpp, a project of Reaper with a track for each stem, the recording,"
        " muted, and the bars of a score as markers",
    )
    studio.add_argument(
        "--labels",
        action="store_true",
        help=f"also write {LABELS}, which Audacity imports: when each instrument plays, and the"
        " bars of a score",
    )


@dataclass(frozen=True)
class Products:
    """The choices of one run, checked.

    kind, subtype: see `SoundFormat.chosen`. mixes: what to practise with.
    """

    kind: str
    subtype: str | None
    mixes: Mixes
    player: bool
    project: str | None
    labels: bool

    @classmethod
    def chosen(cls, arguments: Namespace, model: nn.Module, sources: Sequence[str]) -> Products:
        """ValueError for what a format lacks and for mixes of what the model does not separate.

        sources: those that the user names; () where they are still to be detected.
        """
        from ..audio.formats import SoundFormat
        from ..inference.mixes import Mixes

        SoundFormat.chosen(arguments.format, arguments.subtype)
        mixes = Mixes.read(arguments.minus, arguments.emphasise)
        mixes.check(sources, model.sources)
        return cls(
            arguments.format, arguments.subtype, mixes, not arguments.no_player,
            arguments.project, arguments.labels,
        )  # fmt: skip

    def form(self, recording: Recording) -> SoundFormat:
        """The format of the stems of a recording."""
        from ..audio.formats import SoundFormat

        return SoundFormat.chosen(self.kind, self.subtype, recording.is_float)

    def bytes_needed(self, recording: Recording, stems: int) -> int:
        """Peak disk space. AudioError where the format lacks the rate or channels of a recording.

        stems: with the residual.
        """
        from ..display.stem_pages import page_bytes
        from ..inference.stem_files import bytes_needed

        form, mixes = self.form(recording), self.mixes.count(stems)
        form.check(recording.path.name, recording.sample_rate, recording.channels)
        separating = bytes_needed(recording, stems, form, mixes)
        if not self.player:
            return separating
        samples = recording.frames * recording.channels
        page = round(page_bytes(recording.seconds, samples, stems))
        return max(separating, form.bytes_a_sample * (stems + mixes) * samples + page)

    def write(
        self,
        done: StemFiles,
        target: Path,
        score: ScoreView | None = None,
        estimates: Mapping[str, Estimate] | None = None,
    ) -> None:
        """Write what is made of finished stems beside them. target: their folder in the end.

        score: what the player shows of it; its bars are in the labels and the project too.
        estimates: of the quality of the stems, for the player.
        """
        from ..display.reaper import write_project
        from ..display.stem_pages import write_player
        from ..inference.activity import label_text

        bars = score.bars if score else ()
        if self.player:
            doubt = ""
            if correction := done.correction():
                names = " and ".join(done.doubtful)
                doubt = f"{names} may not play; correct it with {correction}"
            write_player(
                done.folder / PLAYER, done.recording, done.files(), gain=done.gain, remark=doubt,
                details=_details(done, estimates or {}), score=score,
            )  # fmt: skip
        if self.labels:
            text = label_text(done.spans(), bars)
            (done.folder / LABELS).write_text(text, encoding="utf-8", newline="\n")
        if self.project:
            write_project(done, target, bars)


def _details(done: StemFiles, estimates: Mapping[str, Estimate]) -> dict[str, str]:
    """What the player says beside each stem: its estimated quality, and when it plays."""
    from ..evaluation.quality_estimate import details

    said = {name: [each] for name, each in details(estimates, done.sources).items()}
    for name, phrase in done.heard().items():
        said.setdefault(name, []).append(phrase)
    return {name: "; ".join(each) for name, each in said.items()}


def words(arguments: Namespace) -> list[str]:
    """The options of this module that a second run of the same command needs."""
    named = ("minus", "emphasise", "format", "subtype", "project")
    values = {name: getattr(arguments, name) for name in named}
    if values["format"] == FORMAT:
        values["format"] = None
    options = [word for name, value in values.items() if value for word in (f"--{name}", value)]
    options += ["--labels"] if arguments.labels else []
    return [*options, "--no-player"] if arguments.no_player else options
