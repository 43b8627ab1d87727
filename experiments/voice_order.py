"""Does a model recognise instruments, or only the order of the voices? Results/voice_order.csv.

    python -m experiments.voice_order
    python -m experiments.voice_order --systems ensemble --workers 2

The rendered test chorales, with the quartet in the order of its training data and with neighbouring
voices exchanged. Models that can be conditioned are conditioned on the quartet. It resumes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import cycle
from pathlib import Path

from experiments.detection_pieces import Piece
from experiments.pieces import rendered
from experiments.trained import measure_trained
from helpers.audio.track import Track
from helpers.music.scores import corpus_score
from helpers.music.splits import TEST
from helpers.synthesis.soundfonts import find_soundfont

TABLE = "voice_order"
SECONDS = 20
SOUNDFONTS = ("FluidR3_GM", "MuseScore_General_Lite", "TimGM6mb")  # in turn
ORDERS = {
    "chorales-in-order": ("violin", "clarinet", "saxophone", "bassoon"),
    "chorales-clarinet-on-top": ("clarinet", "violin", "saxophone", "bassoon"),
    "chorales-saxophone-over-clarinet": ("violin", "saxophone", "clarinet", "bassoon"),
}


def tracks(order: tuple[str, ...]) -> Iterator[Track]:
    """The beginning of every test chorale, with alternating soundfonts and equally loud stems."""
    return (chorale(*each, order) for each in _works())


def chorale(work: str, soundfont: Path, order: tuple[str, ...]) -> Track:
    return rendered(corpus_score(work, order), SECONDS, f"{work} {soundfont.stem}", soundfont)


def pieces() -> Iterator[Piece]:
    """The same chorales in all orders."""
    for test_data, order in ORDERS.items():
        for work, font in _works():
            yield Piece(
                test_data, f"{work} {font.stem}", order, partial(chorale, work, font, order)
            )


def _works() -> Iterator[tuple[str, Path]]:
    return zip(TEST, cycle(map(find_soundfont, SOUNDFONTS)), strict=False)


if __name__ == "__main__":
    measure_trained(__doc__, TABLE, pieces())
