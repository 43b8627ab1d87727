"""The engraved score of a player: MusicXML as SVG, with the extra `score`."""

from __future__ import annotations

import warnings
from pathlib import Path

from ..inference.score_following import FollowedRecording
from ..music.score_files import is_midi
from .player_page import ScoreView

INSTALL = 'pip install "divisi[score]"'
OPTIONS = {
    "pageWidth": 2100,  # in tenths of a millimetre; the page scales it to its own width
    "pageHeight": 60_000,
    "adjustPageHeight": True,  # as high as its systems: the page scrolls
    "scale": 40,  # percent
    "header": "none",
    "footer": "none",
    "svgViewBox": True,  # a size that follows the page's width
    "svgAdditionalAttribute": ["measure@n"],  # `data-n`, by which the page finds a bar
    "xmlIdSeed": 1,  # the same file gives the same SVG
}


def engrave(path: str | Path) -> tuple[str, ...]:
    """A score (MusicXML, also compressed, or MEI) as pages of SVG, in which bars are numbered.

    Raises ImportError without verovio, ValueError for a file that it cannot read.
    """
    path = Path(path)
    try:
        import verovio
    except ImportError as error:
        raise ImportError(f"An engraved score needs verovio: {INSTALL}.") from error

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(OPTIONS)
    if not path.is_file() or not toolkit.loadFile(str(path)):
        raise ValueError(
            f"{path.name}: it is no score that verovio can engrave; export it as MusicXML."
        )
    return tuple(toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1))


def score_view(followed: FollowedRecording, file: str | Path, pages: bool = True) -> ScoreView:
    """What a player shows of a score in time with its recording: notes, bars, engraved pages.

    file: of the score. pages: False leaves them out. There are none without verovio and of MIDI;
    warns of a score that verovio cannot read.
    """
    bars, engraved = followed.found.score.bars, ()
    if pages and bars and not is_midi(file):
        try:
            engraved = engrave(file)
        except ImportError:
            pass
        except ValueError as error:
            warnings.warn(str(error), stacklevel=2)
    return ScoreView(followed.notes(), bars, engraved)
