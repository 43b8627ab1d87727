"""A part of the own-recording widget: which instruments play, and how many of each."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
from torch import nn

from ..inference.detection import can_detect
from ..inference.players import first_players
from ..inference.score_following import takes_score
from ..training.conditioning import OTHER
from .palette import label

DETECTS = (
    "Tick the instruments that play; with none ticked they are detected. What is detected is then"
    " ticked here: correct it if it is wrong, and separate again."
)


class InstrumentChoice:
    """A checkbox for each instrument of a model; a number where it has several players of one.

    box: the boxes in a row. note: how to use them, empty for a model that cannot detect; there all
    are ticked at first.
    """

    def __init__(self) -> None:
        self.box = ipywidgets.HBox(layout={"flex_flow": "row wrap"})
        self.note = ipywidgets.HTML()
        self.players: dict[str, list[str]] = {}

    def offer(self, model: nn.Module) -> None:
        """The instruments of a model; none where a score names them."""
        sources = () if takes_score(model) else model.sources
        firsts = first_players(sources)
        self.players = {
            name: [name, *(second for second in firsts if firsts[second] == name)]
            for name in sources
            if name not in firsts and name != OTHER
        }
        self.note.value = DETECTS if can_detect(model) else ""
        ticked = not can_detect(model)
        self.box.children = [
            _number(name, len(players) * ticked, len(players))
            if len(players) > 1
            else _checkbox(name, ticked)
            for name, players in self.players.items()
        ]

    def chosen(self) -> list[str] | None:
        """An instrument for each player; None where they are to be detected, or named by a score.

        An empty list where a model that cannot detect is left without any.
        """
        pairs = zip(self.players.items(), self.box.children, strict=True)
        names = [player for (_, players), box in pairs for player in players[: int(box.value)]]
        return names if names or (self.players and not self.note.value) else None

    def show(self, sources: Sequence[str]) -> None:
        """Tick these sources of the model."""
        for players, box in zip(self.players.values(), self.box.children, strict=True):
            count = sum(player in sources for player in players)
            box.value = count if len(players) > 1 else bool(count)


def _checkbox(name: str, ticked: bool) -> ipywidgets.Checkbox:
    return ipywidgets.Checkbox(
        ticked, description=label(name), indent=False, layout={"width": "auto"}
    )


def _number(name: str, count: int, most: int) -> ipywidgets.BoundedIntText:
    return ipywidgets.BoundedIntText(
        count, min=0, max=most, description=label(name), layout={"width": "150px"}
    )
