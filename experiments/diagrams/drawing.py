"""One visual language for all diagrams: what is learned, what is fixed, what is data.

Every diagram is 800 units wide and its text is large enough to be read at half that width. The
same numbers give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from helpers.display.palette import COLOURS, blend

WIDTH = 800
TEXT, SMALL = 21, 18  # sizes of letters
INK, QUIET, LINE = "#1B1D23", "#596273", "#596273"
LEARNED, FIXED, DATA = COLOURS["clarinet"], COLOURS["violin"], COLOURS["mixture"]
FILLS = {LEARNED: blend(LEARNED, "#FFFFFF", 0.86), FIXED: "#FFFFFF", DATA: "#F1F2F4"}
LEGEND = {"learned": LEARNED, "fixed": FIXED, "data": DATA}
FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
Point = tuple[float, float]


class Drawing:
    """An SVG picture that is put together from boxes, arrows, words and small pictures of data."""

    def __init__(self, title: str, height: int) -> None:
        self.title, self.height = title, height
        self.parts: list[str] = []

    def box(self, x: float, y: float, w: float, h: float, *lines: str, kind: str = LEARNED) -> None:
        """A step with a name and, in small letters, further lines."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="9" '
            f'fill="{FILLS[kind]}" stroke="{kind}" stroke-width="2"/>'
        )
        sizes = [TEXT] + [SMALL] * (len(lines) - 1)
        below = y + (h - 1.25 * sum(sizes[: len(lines)])) / 2
        for line, size in zip(lines, sizes, strict=False):
            below += 1.25 * size
            shade = INK if size == TEXT else QUIET
            self.words(x + w / 2, below - 0.32 * size, line, size, shade, "middle")

    def words(
        self, x: float, y: float, text: str, size: int = SMALL, shade: str = QUIET,
        anchor: str = "start",
    ) -> None:  # fmt: skip
        """One line of text; y is its baseline."""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{shade}" '
            f'text-anchor="{anchor}">{escape(text)}</text>'
        )

    def arrow(self, *points: Point, dashed: bool = False, head: bool = True) -> None:
        """A line through the points with a head at its end; dashed for skip connections."""
        (x0, y0), (x, y) = points[-2:]
        turn = math.atan2(y - y0, x - x0)
        ends = [*points[:-1], (x - 9 * head * math.cos(turn), y - 9 * head * math.sin(turn))]
        dash = ' stroke-dasharray="7 6"' if dashed else ""
        path = " ".join(f"{a:.5g},{b:.5g}" for a, b in ends)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="2.5"{dash}/>'
        )
        if head:
            sides = [(math.cos(turn + a), math.sin(turn + a)) for a in (-0.5, 0.5)]
            corners = [(x, y), *((x - 12 * a, y - 12 * b) for a, b in sides)]
            path = " ".join(f"{a:.5g},{b:.5g}" for a, b in corners)
            self.parts.append(f'<polygon points="{path}" fill="{LINE}"/>')

    def line(self, start: Point, end: Point) -> None:
        """A thin line, for what is beside the flow."""
        self.parts.append(
            f'<path d="M{start[0]:.5g},{start[1]:.5g}L{end[0]:.5g},{end[1]:.5g}" '
            f'stroke="{LEARNED}" stroke-width="1.2" opacity="0.55"/>'
        )

    def dot(self, x: float, y: float, filled: bool) -> None:
        fill = LEARNED if filled else "#FFFFFF"
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="5" fill="{fill}" stroke="{LEARNED}"/>')

    def span(self, x: float, y: float, w: float, h: float, shade: str) -> None:
        """A translucent field over a part of a signal."""
        self.parts.append(
            f'<rect x="{x:.5g}" y="{y:g}" width="{w:.5g}" height="{h:g}" fill="{shade}" '
            'opacity="0.45"/>'
        )

    def operation(self, x: float, y: float, sign: str) -> None:
        """A sum or a product at a point."""
        self.parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="19" fill="#FFFFFF" stroke="{FIXED}" '
            'stroke-width="2"/>'
        )
        self.words(x, y + 10, sign, 28, INK, "middle")

    def wave(
        self, x: float, y: float, w: float, h: float, shade: str = DATA, seed: int = 0
    ) -> None:
        """A small waveform in a field of this place and size."""
        rng = np.random.default_rng(seed)
        time = np.linspace(0, 1, max(30, int(w / 5)))
        swell = 0.25 + 0.75 * np.abs(np.sin(np.pi * (rng.uniform(1.5, 3.5) * time + rng.uniform())))
        peaks = swell * rng.uniform(0.45, 1.0, len(time)) * h / 2 * 0.85
        bars = "".join(
            f"M{x + w * (0.04 + 0.92 * t):.1f},{y + h / 2 - p:.1f}v{2 * p:.1f}"
            for t, p in zip(time, peaks, strict=True)
        )
        self._field(x, y, w, h)
        self.parts.append(f'<path d="{bars}" stroke="{shade}" stroke-width="2.6"/>')

    def notes(
        self, x: float, y: float, w: float, h: float, shades: Sequence[str] = (DATA,),
        partials: int = 5,
    ) -> None:  # fmt: skip
        """A small spectrogram: for each shade a melody with its partials."""
        self._field(x, y, w, h)
        top = 1.5 * partials * (1 + 0.72 * (len(shades) - 1))
        for voice, shade in enumerate(shades):
            rng = np.random.default_rng(7 + voice)
            steps = rng.choice([1.0, 9 / 8, 5 / 4, 4 / 3, 3 / 2], 4)
            for place, step in enumerate(steps):
                for partial in range(1, partials + 1):
                    hertz = (1 + 0.72 * voice) * step * partial
                    high = hertz / top
                    self.parts.append(
                        f'<rect x="{x + w * (0.05 + 0.23 * place):.1f}" '
                        f'y="{y + h * (0.94 - 0.9 * high):.1f}" width="{w * 0.2:.1f}" height="3.5" '
                        f'fill="{shade}" opacity="{1.0 - 0.62 * (partial - 1) / partials:.2f}"/>'
                    )

    def legend(self, skips: bool = True) -> None:
        """What the frames of boxes mean, at the foot."""
        y = self.height - 20
        x = 40
        for name, kind in LEGEND.items():
            self.parts.append(
                f'<rect x="{x}" y="{y - 17}" width="30" height="20" rx="5" fill="{FILLS[kind]}" '
                f'stroke="{kind}" stroke-width="2"/>'
            )
            self.words(x + 40, y, name)
            x += 62 + 11 * len(name)
        if skips:
            self.arrow((x + 10, y - 7), (x + 60, y - 7), dashed=True)
            self.words(x + 70, y, "skip connection")

    def svg(self) -> str:
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" '
            f'width="{WIDTH}" height="{self.height}" font-family="{FONT}" role="img">\n'
            f"<title>{escape(self.title)}</title>\n"
            f'<rect width="{WIDTH}" height="{self.height}" rx="12" fill="#FFFFFF"/>\n'
            f"{body}\n</svg>\n"
        )

    def _field(self, x: float, y: float, w: float, h: float) -> None:
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="6" fill="{FILLS[DATA]}"/>'
        )
