"""The network that follows a score."""

from __future__ import annotations

import math

from helpers.display.palette import colour
from helpers.models.score_net import INPUT_SHIFTS, OUTPUT_SHIFTS, ScoreNetConfig
from helpers.recipes.schema import read_recipe
from helpers.runtime import repository_root

from .drawing import FIXED, INK, Drawing

PARTS = ("violin", "cello", "clarinet")


def network() -> ScoreNetConfig:
    """The network of the recipe, as it is exported."""
    recipe = read_recipe(repository_root() / "recipes" / "guided.toml")
    return ScoreNetConfig(PARTS, **recipe.model | recipe.export)


def score_net() -> Drawing:
    """The score network at 44.1 kHz, with what each step hands on; P is the number of parts."""
    config = network()
    bins = config.window // 2 + 1
    low = int(math.log2(config.highest / config.lowest) * config.resolution)
    shades = [colour(name) for name in PARTS]
    drawing = Drawing("The score network: a mask for each part of a score", 1420)
    drawing.words(205, 30, "mixture, T samples", anchor="middle")
    drawing.wave(60, 42, 290, 60)
    drawing.words(585, 30, "notes of P parts", anchor="middle")
    drawing.notes(440, 42, 290, 60, shades, partials=1)
    _column(drawing, 60, (
        ("STFT", f"window {config.window}, hop {config.hop}", f"{bins} × N", FIXED),
        ("logarithmic axis", "log of the magnitude", f"{low} × N", FIXED),
        ("shared trunk", f"{len(INPUT_SHIFTS)} shifts, two convolutions",
         f"{config.width} × {low} × N", None),
    ))  # fmt: skip
    _column(drawing, 440, (
        ("combs", "partials, with and without tails", f"P × 2 × {low} × N", FIXED),
        ("pictures", "own combs, pitches, onsets;", f"others, {len(INPUT_SHIFTS)} shifts", FIXED),
        ("linear layer, one a bin", f"from {4 + len(INPUT_SHIFTS)} pictures",
         f"P × {config.part_width} × {low} × N", None),
    ))  # fmt: skip
    drawing.words(395, 547, "the same weights for each part", anchor="middle")
    drawing.arrow((205, 502), (205, 582))
    drawing.arrow((585, 502), (585, 582))
    drawing.box(60, 582, 670, 76, "sum", "heard + seen + a vector for the instrument", kind=FIXED)
    steps = (
        ("two convolutions over time", "gaps of 1 and 3 frames",
         f"(P + 1) × {config.part_width} × {low} × N", None),
        ("pitches copied to their partials", f"shifts of 1 to {OUTPUT_SHIFTS[-1]} times",
         f"(P + 1) × {len(OUTPUT_SHIFTS) * config.pitch_channels} × {low} × N", FIXED),
        ("three convolutions", "joined with heard and seen", f"(P + 1) × {low} × N", None),
        ("linear axis", "the correction in each bin", f"(P + 1) × {bins} × N", FIXED),
    )  # fmt: skip
    for number, (name, note, shape, kind) in enumerate(steps, 1):
        y = 582 + 104 * number
        drawing.arrow((300, y - 28), (300, y))
        drawing.box(60, y, 464, 76, name, note, **({"kind": kind} if kind else {}))
        drawing.words(536, y + 44, shape, 18, INK)
    end = 686 + 104 * len(steps)
    drawing.arrow((300, end - 28), (300, end + 2))
    drawing.operation(300, end + 21, "+")
    drawing.arrow((730, 180), (778, 180), (778, end + 21), (319, end + 21), dashed=True)
    drawing.words(536, end + 10, "prior: log of combs")
    drawing.arrow((300, end + 40), (300, end + 62))
    drawing.box(60, end + 62, 464, 44, "softmax over the parts and the rest", kind=FIXED)
    drawing.words(536, end + 90, f"(P + 1) × {bins} × N", 18, INK)
    drawing.arrow((300, end + 106), (300, end + 124))
    drawing.operation(300, end + 143, "×")
    drawing.arrow((60, 168), (30, 168), (30, end + 143), (281, end + 143))
    drawing.words(44, end + 132, "the mixture's STFT")
    drawing.arrow((300, end + 162), (300, end + 182))
    drawing.box(60, end + 182, 464, 44, "inverse STFT", kind=FIXED)
    for place, shade in enumerate(shades):
        drawing.wave(580, end + 142 + 40 * place, 150, 34, shade, place + 1)
    drawing.arrow((524, end + 204), (576, end + 204))
    drawing.legend(skips=False)
    return drawing


def _column(
    drawing: Drawing, x: float, steps: tuple[tuple[str, str, str, str | None], ...]
) -> None:
    """Boxes of three lines below each other, 290 wide."""
    for number, (name, note, shape, kind) in enumerate(steps):
        y = 126 + 136 * number
        drawing.arrow((x + 145, y - (24 if number == 0 else 32)), (x + 145, y))
        drawing.box(x, y, 290, 104, name, note, shape, **({"kind": kind} if kind else {}))


DRAWINGS = {"score_net": score_net}
