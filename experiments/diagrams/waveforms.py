"""Networks on the waveform: Wave-U-Net and Conv-TasNet."""

from __future__ import annotations

from helpers.display.palette import colour
from helpers.models.conv_tasnet import ConvTasNetConfig
from helpers.models.wave_unet import WaveUNetConfig

from .drawing import INK, Drawing

VOICES = ("violin", "clarinet", "bassoon")


def wave_unet() -> Drawing:
    """The default Wave-U-Net, with `channels x samples` after each block."""
    config = WaveUNetConfig(VOICES)
    row, top = 74, 160
    bottom = top + row * config.levels
    drawing = Drawing("Wave-U-Net: encoder, decoder and skip connections", bottom + 204)
    drawing.words(200, 30, "mixture, 1 × T", anchor="middle")
    drawing.wave(60, 42, 280, 70)
    drawing.words(600, 30, "estimates, 3 × T", anchor="middle")
    for voice, name in enumerate(VOICES):
        drawing.wave(460, 42 + 25 * voice, 280, 21, colour(name), voice + 1)
    drawing.arrow((200, 112), (200, top))
    drawing.arrow((600, top), (600, 116))
    drawing.arrow((340, 94), (400, 94), (400, 138), (592, 138), dashed=True)
    drawing.words(614, 144, "convolution of 1")
    for level in range(config.levels):
        y, half = top + row * level, 150 - 17 * level
        shape = f"{config.width * (level + 1)} × {_divided('T', 2**level)}"
        drawing.box(200 - half, y, 2 * half, 44, shape)
        drawing.box(600 - half, y, 2 * half, 44, shape)
        drawing.arrow((200 + half, y + 22), (600 - half, y + 22), dashed=True)
        if level + 1 < config.levels:
            drawing.arrow((200, y + 44), (200, y + row))
            drawing.arrow((600, y + row), (600, y + 44))
    deepest = f"{config.width * (config.levels + 1)} × {_divided('T', 2**config.levels)}"
    drawing.box(310, bottom + 8, 180, 44, deepest)
    last = bottom - row + 44
    drawing.arrow((200, last), (200, bottom + 30), (310, bottom + 30))
    drawing.arrow((490, bottom + 30), (600, bottom + 30), (600, last))
    drawing.words(
        40,
        bottom + 92,
        f"↓ convolution of {config.down_kernel}, then every other sample is dropped",
    )
    drawing.words(
        40, bottom + 118,
        f"↑ twice as many samples, joined with the skip, convolution of {config.up_kernel}",
    )  # fmt: skip
    drawing.words(40, bottom + 144, "the last estimate is the mixture minus the others")
    drawing.legend()
    return drawing


def conv_tasnet() -> Drawing:
    """The default Conv-TasNet, with `channels x frames` of what each step hands on."""
    config = ConvTasNetConfig(VOICES)
    hop = config.filter_length // 2
    drawing = Drawing("Conv-TasNet: a learned transform and its masks", 940)
    drawing.words(400, 30, "mixture, 1 × T", anchor="middle")
    drawing.wave(250, 42, 300, 66)
    drawing.arrow((400, 108), (400, 140))
    drawing.box(
        220, 140, 360, 76, "encoder",
        f"{config.filters} filters of {config.filter_length} samples, hop {hop}",
    )  # fmt: skip
    drawing.words(594, 184, f"{config.filters} × T/{hop}")
    drawing.arrow((400, 216), (400, 262))
    drawing.arrow((400, 238), (120, 238), (120, 700), (381, 700))
    drawing.box(220, 262, 360, 50, "normalise, convolution of 1")
    drawing.words(594, 293, f"{config.bottleneck} × T/{hop}")
    drawing.arrow((400, 312), (400, 342))
    _dilated(drawing, config)
    drawing.arrow((400, 566), (400, 596))
    drawing.box(220, 596, 360, 50, f"convolution of 1, {config.mask}")
    drawing.words(594, 627, f"{len(VOICES)} × {config.filters} × T/{hop}")
    drawing.words(416, 671, "masks")
    drawing.arrow((400, 646), (400, 681))
    drawing.operation(400, 700, "×")
    drawing.words(136, 690, "the mixture's features")
    drawing.arrow((400, 719), (400, 742))
    drawing.box(220, 742, 360, 50, "decoder, filters added up")
    drawing.words(594, 773, "one mask at a time")
    drawing.arrow((400, 792), (400, 812))
    for voice, name in enumerate(VOICES):
        drawing.wave(100 + 205 * voice, 812, 190, 40, colour(name), voice + 1)
    drawing.words(400, 880, "estimates, 3 × T", anchor="middle")
    drawing.legend(skips=False)
    return drawing


def _dilated(drawing: Drawing, config: ConvTasNetConfig) -> None:
    """A box with rows of points: what one output of stacked dilated convolutions reads."""
    drawing.box(170, 342, 460, 224)
    drawing.words(
        400, 370, f"{config.stacks} × {config.layers} dilated convolutions", 21, INK, "middle"
    )
    columns, rows = 15, 4
    place = {
        (row, column): (198 + 29 * column, 404 + 36 * row)
        for row in range(rows)
        for column in range(columns)
    }
    reached = {columns // 2}
    for row, gap in zip(range(rows - 1), (4, 2, 1), strict=True):
        following = {column + step for column in reached for step in (-gap, 0, gap)}
        for column in reached:
            for step in (-gap, 0, gap):
                drawing.line(place[row + 1, column + step], place[row, column])
        for column in range(columns):
            drawing.dot(*place[row, column], column in reached)
        reached = following
    for column in range(columns):
        drawing.dot(*place[rows - 1, column], column in reached)
    last = 2 ** (config.layers - 1)
    drawing.words(400, 550, f"gaps of 1, 2, 4, … {last} frames", anchor="middle")


def _divided(name: str, by: int) -> str:
    return name if by == 1 else f"{name}/{by}"


DRAWINGS = {"wave_unet": wave_unet, "conv_tasnet": conv_tasnet}
