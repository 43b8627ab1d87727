"""The page of a player: its template, its rows, and what it shows of a score."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .embedding import signed
from .palette import blend, colour, contrast, label

DARK = "#1B1D23"  # the background of the player in dark mode
PEAKS = 480  # of each drawn waveform
#: The parts of the page's script, in order.
SCRIPTS = ("player.js",)
STRETCH = "signalsmith-stretch"  # changes the tempo at the same pitch; see its .txt


@dataclass(frozen=True)
class ScoreView:
    """What a page shows of a score that is aligned to the recording; times in its seconds.

    notes: by name of a stem, (onset, duration, pitch in MIDI numbers). bars: (number as text,
    start), in the order in which they are played. engraved: pages as SVG, see `engraving.engrave`;
    a bar is found there by its number.
    """

    notes: Mapping[str, Sequence[tuple[float, float, float]]] = field(default_factory=dict)
    bars: Sequence[tuple[str, float]] = ()
    engraved: Sequence[str] = ()

    def piece(self) -> dict[str, Any]:
        """The part of the page's JSON that belongs to no row."""
        bars = [(number, round(start, 3)) for number, start in self.bars]
        return {"bars": bars, "engraved": list(self.engraved)}


def page(title: str, note: str, piece: Mapping[str, Any]) -> str:
    """A complete HTML document that needs no network. note: HTML below the rows."""
    parts = {
        "title": html.escape(title),
        "note": note,
        "style": _text("player.css"),
        "script": "".join(map(_text, SCRIPTS)),
        "stretch": _text(f"{STRETCH}.js"),
        "licence": html.escape(_text(f"{STRETCH}.txt")),
        "piece": json.dumps({"bars": [], "engraved": [], **piece}).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], _text("player.html"))


def row(
    name: str,
    audio: str | None,
    peaks: list[tuple[int, int]],
    *,
    mixture: bool = False,
    detail: str = "",
    notes: Iterable[tuple[float, float, float]] = (),
    reference: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A row of the page's JSON.

    audio: base64, or None where the page sums the stems. detail: text beside the name. reference:
    audio and peaks of the true stem.
    """
    return {
        "name": name,
        "label": label(name),
        "detail": detail,
        "mixture": mixture,
        "onLight": colour(name),
        "onDark": on_dark(colour(name)),
        "audio": audio,
        "peaks": peaks,
        "notes": [(round(on, 3), round(long, 3), round(pitch, 2)) for on, long, pitch in notes],
        "reference": reference,
    }


def percent(low: np.ndarray, high: np.ndarray, loudest: float) -> list[tuple[int, int]]:
    """(lowest, highest) of each segment, in percent of `loudest`."""
    if not len(low) or not loudest:
        return [(0, 0)]
    peaks = np.round(100 * np.stack([low, high], axis=1) / loudest).astype(int)
    return [(int(lowest), int(highest)) for lowest, highest in peaks]


def levels(gain: float) -> str:
    """What the page says about its one gain."""
    if gain == 1:
        return "original levels"
    return f"all at {signed(20 * np.log10(gain))}, so that nothing clips"


def on_dark(shade: str) -> str:
    """The colour, lightened until it is legible on the dark player."""
    steps = (blend(shade, "#FFFFFF", tenths / 10) for tenths in range(11))
    return next(lighter for lighter in steps if contrast(lighter, DARK) >= 4.5)


@cache
def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
