"""HT-Demucs, and the overlap-add of long recordings."""

from __future__ import annotations

from helpers.display.palette import colour
from helpers.inference.overlap_add import FADE_SECONDS, Segments
from helpers.models.ht_demucs import HTDemucsConfig

from .drawing import FIXED, INK, Drawing

QUARTET = ("violin", "clarinet", "saxophone", "bassoon")


def ht_demucs() -> Drawing:
    """The published sizes, with `channels x bands x frames` and `channels x samples`."""
    config = HTDemucsConfig(QUARTET)
    hop = config.window // 4
    drawing = Drawing("HT-Demucs: two branches and a transformer between them", 1130)
    left, right = 220, 580
    drawing.words(right, 30, "mixture, T samples", 21, INK, "middle")
    drawing.wave(440, 42, 280, 64)
    drawing.arrow((440, 74), (360, 74))
    drawing.box(80, 50, 280, 48, f"STFT, N = T/{hop}", kind=FIXED)
    shades = [colour(name) for name in QUARTET[:2]]
    drawing.notes(80, 122, 280, 70, shades)
    drawing.arrow((left, 98), (left, 122))
    drawing.arrow((right, 106), (right, 226))
    drawing.arrow((left, 192), (left, 226))
    drawing.words(right + 14, 160, "waveform branch")
    drawing.words(left + 14, 215, f"2 × {config.window // 2} × N")
    row, top = 66, 226
    levels = range(config.depth)
    bands = [config.window // 2 // 4 ** (level + 1) for level in levels]
    widths = [config.width * config.growth**level for level in levels]
    middle = top + row * config.depth + 6
    below = middle + 150
    for level in levels:
        up = below + row * (config.depth - 1 - level)
        down = top + row * level
        spectral = f"{widths[level]} × {bands[level]} × N"
        temporal = f"{widths[level]} × T/{4 ** (level + 1)}"
        for y in (down, up):
            drawing.box(80, y, 280, 44, spectral)
            drawing.box(440, y, 280, 44, temporal)
            if level + 1 < config.depth:
                end = y + row if y == down else y
                for x in (left, right):
                    drawing.arrow((x, end - 22), (x, end))
        near, far = 66 - 15 * level, 734 + 15 * level
        for edge, side in ((80, near), (720, far)):
            drawing.arrow(
                (edge, down + 22), (side, down + 22), (side, up + 22), (edge, up + 22), dashed=True
            )
    for x in (left, right):
        drawing.arrow((x, middle - 28), (x, middle + 8))
        drawing.arrow((x, middle + 120), (x, below))
    drawing.box(
        80, middle + 8, 640, 112, 
        f"transformer, {config.layers} layers, {config.bottleneck} channels",
        "self-attention inside a branch and",
        f"cross-attention between both, {config.heads} heads",
    )  # fmt: skip
    end = below + row * config.depth
    drawing.arrow((left, end - 22), (left, end))
    drawing.box(80, end, 280, 48, "inverse STFT", kind=FIXED)
    drawing.arrow((left, end + 48), (left, end + 90), (381, end + 90))
    drawing.arrow((right, end - 22), (right, end + 90), (419, end + 90))
    drawing.operation(400, end + 90, "+")
    drawing.arrow((400, end + 109), (400, end + 134))
    for voice, name in enumerate(QUARTET):
        drawing.wave(80 + 163 * voice, end + 134, 150, 44, colour(name), voice + 1)
    drawing.words(400, end + 206, f"estimates, {len(QUARTET)} × T", anchor="middle")
    drawing.height = end + 262
    drawing.legend()
    return drawing


def streaming() -> Drawing:
    """Segments of 24 s to scale, but for the cross-fade, which would be too short to see."""
    segments = Segments.of(24.0, 44100)
    scale = 720 / (segments.length + 2 * segments.hop)
    length, hop, margin = segments.length * scale, segments.hop * scale, segments.margin * scale
    drawing = Drawing("Streaming: overlapping segments of a long recording", 550)
    drawing.words(40, 34, "recording of any length", 21, INK)
    drawing.wave(40, 46, 720, 56)
    drawing.words(40, 146, "segments, separated one after the other", 21, INK)
    fade = 10
    for number in range(3):
        x, y = 40 + hop * number, 160 + 58 * number
        drawing.wave(x, y, length, 46, "#C9CCD2", number)
        start = x + (margin + fade if number else 0)
        stop = x + (hop + margin if number < 2 else length)
        drawing.span(start, y, stop - start, 46, colour("clarinet"))
        if number:
            drawing.span(x + margin, y, fade, 46, colour("violin"))
        if number < 2:
            drawing.span(stop, y, fade, 46, colour("violin"))
        if number:
            for edge in (x + margin, x + margin + fade):
                drawing.line((edge, y - 58), (edge, 390))
    drawing.words(40, 376, "estimate", 21, INK)
    drawing.wave(40, 390, 720, 56, colour("clarinet"), 1)
    seconds = segments.margin / 44100
    rows = (
        (colour("clarinet"), "used"),
        (colour("violin"), f"cross-fade, {1000 * FADE_SECONDS:.0f} ms"),
        ("#C9CCD2", f"context only, {seconds:.1f} s"),
    )
    x = 40
    for shade, words in rows:
        drawing.span(x, 505, 30, 24, shade)
        drawing.words(x + 42, 524, words)
        x += 84 + 10 * len(words)
    return drawing


DRAWINGS = {"ht_demucs": ht_demucs, "streaming": streaming}
