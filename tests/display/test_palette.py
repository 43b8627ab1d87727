"""Colours are fixed, legible and distinct for colour-blind readers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from helpers.display.palette import COLOURS, SERIES, blend, colour, contrast, label
from helpers.music.instruments import INSTRUMENTS

# Machado et al. 2009, table of severity 1.0; linear RGB in, linear RGB out.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# Ottosson, "A perceptual color space for image processing", 2020: linear RGB to OKLab.
CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]
ENSEMBLES = [
    ("violin", "clarinet", "saxophone", "bassoon"),
    ("violin", "viola", "cello", "double-bass"),
    ("flute", "oboe", "clarinet", "bassoon", "horn"),
    ("trumpet", "horn", "trombone", "tuba"),
    ("violin", "viola", "cello", "piano"),
    ("clarinet", "violin", "viola", "cello"),
    ("flute", "violin", "viola", "cello"),
    ("oboe", "violin", "viola", "cello"),
    ("horn", "violin", "piano"),
    ("soprano", "alto", "tenor", "bass"),
    ("voice-1", "voice-2", "voice-3", "voice-4"),
]


def seen(shade: str, sight: str) -> np.ndarray:
    """OKLab times 100 of a colour as somebody sees it."""
    channels = np.array([int(shade[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    cones = np.array(CONES) @ np.clip(np.array(SIGHT[sight]) @ linear, 0, 1)
    return 100 * np.array(LAB) @ np.cbrt(cones)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("ensemble", ENSEMBLES, ids=" ".join)
def test_instruments_of_an_ensemble_differ_for_every_colour_vision(ensemble, sight):
    for one, other in combinations(ensemble, 2):
        distance = np.linalg.norm(seen(colour(one), sight) - seen(colour(other), sight))
        assert distance >= 10, f"{one} and {other}: {distance:.1f}"


@pytest.mark.parametrize("shade", sorted({*COLOURS.values(), *SERIES}))
def test_every_colour_is_legible_on_white(shade):
    assert contrast(shade, "#FFFFFF") >= 3


@pytest.mark.parametrize("row", INSTRUMENTS, ids=lambda row: row.name)
def test_every_instrument_has_the_colour_of_its_kind(row):
    assert colour(row.name) in COLOURS.values() or row.name == "voice"


def test_names_of_one_instrument_share_a_colour():
    assert colour("french_horn") == colour("Horn") == colour("horn-1") == COLOURS["horn"]
    assert colour("alto-saxophone") == colour("saxophone")


@pytest.mark.parametrize("name", ["violin", "clarinet", "horn"])
def test_second_players_get_another_legible_shade(name):
    first, second = colour(f"{name}-1"), colour(f"{name}-2")
    assert np.linalg.norm(seen(first, "deuteranopia") - seen(second, "deuteranopia")) >= 10
    assert contrast(second, "#FFFFFF") >= 2.5


def test_unknown_names_keep_their_colour():
    assert colour("kazoo") == colour("kazoo") in SERIES


def test_contrast_of_black_and_white_is_twenty_one():
    assert contrast("#000000", "#FFFFFF") == contrast("#FFFFFF", "#000000") == pytest.approx(21)


def test_half_of_black_and_white_is_grey():
    assert blend("#000000", "#FFFFFF", 0.5) == "#808080"


def test_labels_are_words():
    assert [label(name) for name in ("double-bass", "violin_2", "Oboe")] == [
        "Double bass", "Violin 2", "Oboe",
    ]  # fmt: skip
