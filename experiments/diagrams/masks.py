"""Networks that mask a spectrogram: nussl's mask inference and MaskNet."""

from __future__ import annotations

import math

from helpers.display.palette import colour
from helpers.models.mask_inference import MaskInferenceConfig
from helpers.models.mask_net import INPUT_SHIFTS, OUTPUT_SHIFTS, MaskNetConfig

from .drawing import FIXED, INK, Drawing

QUARTET = ("violin", "clarinet", "saxophone", "bassoon")


def mask_inference() -> Drawing:
    """nussl's network for one instrument, with the sizes of its largest model."""
    config = MaskInferenceConfig("violin")
    bins = config.window // 2 + 1
    shades = [colour(name) for name in QUARTET[:3]]
    drawing = Drawing("Mask inference: the mask of one instrument", 970)
    drawing.words(400, 30, "mixture, T samples", anchor="middle")
    drawing.wave(250, 42, 300, 60)
    drawing.arrow((400, 102), (400, 128))
    drawing.box(250, 128, 300, 44, f"STFT, window {config.window}", kind=FIXED)
    drawing.arrow((400, 172), (400, 196))
    drawing.notes(250, 196, 300, 96, shades)
    drawing.words(566, 230, f"{bins} × N bins")
    drawing.words(566, 256, "(complex)")
    drawing.arrow((250, 244), (110, 244), (110, 747), (381, 747))
    drawing.words(126, 736, "magnitude and phase")
    drawing.arrow((400, 292), (400, 318))
    drawing.words(616, 346, f"{bins} × N")
    drawing.box(200, 318, 400, 44, "magnitude in dB", kind=FIXED)
    drawing.arrow((400, 362), (400, 386))
    drawing.box(200, 386, 400, 44, "batch norm of each frequency")
    drawing.words(616, 414, f"{bins} × N")
    drawing.arrow((400, 430), (400, 454))
    drawing.box(200, 454, 400, 70, f"{config.layers} × bidirectional LSTM", "over the frames")
    drawing.words(616, 494, f"{2 * config.hidden} × N")
    drawing.arrow((400, 524), (400, 548))
    drawing.box(200, 548, 400, 44, "linear layer, sigmoid")
    drawing.words(616, 576, f"{bins} × N")
    drawing.arrow((400, 592), (400, 616))
    drawing.notes(250, 616, 300, 86, shades[:1])
    drawing.words(566, 654, "mask of the")
    drawing.words(566, 678, "violin, 0 to 1")
    drawing.arrow((400, 702), (400, 728))
    drawing.operation(400, 747, "×")
    drawing.arrow((400, 766), (400, 788))
    drawing.box(250, 788, 300, 44, "inverse STFT", kind=FIXED)
    drawing.arrow((400, 832), (400, 854))
    drawing.wave(250, 854, 300, 46, shades[0], 1)
    drawing.words(566, 872, "violin; the rest is")
    drawing.words(566, 896, "mixture − violin")
    drawing.legend(skips=False)
    return drawing


def mask_net() -> Drawing:
    """The mask network at 44.1 kHz, with what each step hands on."""
    config = MaskNetConfig(QUARTET, window=8192, hop=2048, sample_rate=44100)
    bins = config.window // 2 + 1
    low = int(math.log2(config.highest / config.lowest) * config.resolution)
    width, pitch, hidden, sources = config.width, config.pitch_channels, config.hidden, len(QUARTET)
    drawing = Drawing("The mask network: from partials to pitches and back", 1470)
    steps = (
        ("STFT", f"window {config.window}, hop {config.hop}", f"{bins} × N", FIXED),
        ("logarithmic frequency axis", f"{config.resolution} bins an octave, log of the magnitude",
         f"{low} × N", FIXED),
        ("partials moved to their fundamental", f"{len(INPUT_SHIFTS)} shifted copies, "
         f"from 1/3 to {INPUT_SHIFTS[-1]} times the pitch",
         f"{len(INPUT_SHIFTS)} × {low} × N", FIXED),
        ("two convolutions", "is there a note of this pitch?", f"{width} × {low} × N", None),
        ("one vector a frame", "linear layer; the active sources are added", f"{hidden} × N", None),
        (f"{config.layers} × bidirectional LSTM", "what came before, what comes next",
         f"{hidden} × N", None),
        ("pitches", "linear layer: which pitch is whose?", f"{pitch} × {low} × N", None),
        ("two convolutions", "pitches joined with the partials", f"{pitch} × {low} × N", None),
        ("pitches copied to their partials", f"shifts of 1 to {OUTPUT_SHIFTS[-1]} times",
         f"{len(OUTPUT_SHIFTS) * pitch} × {low} × N", FIXED),
        ("three convolutions", "copies joined with the partials", f"{sources} × {low} × N", None),
        ("linear axis, softmax over sources", "inactive sources are left out",
         f"{sources} × {bins} × N", FIXED),
    )  # fmt: skip
    drawing.wave(90, 20, 440, 56)
    drawing.words(560, 54, "mixture, T samples")
    top, row = 104, 104
    for number, (name, note, shape, kind) in enumerate(steps):
        y = top + row * number
        drawing.arrow((310, y - 28), (310, y))
        drawing.box(90, y, 440, 76, name, note, **({"kind": kind} if kind else {}))
        drawing.words(560, y + 44, shape, 21, INK)
    middle = [top + row * number + 38 for number in range(len(steps))]
    for target, start, right in ((7, 12, 730), (9, 26, 755)):
        drawing.arrow(
            (530, middle[3] + start), (right, middle[3] + start),
            (right, middle[target] + 26), (530, middle[target] + 26), dashed=True,
        )  # fmt: skip
    last = top + row * len(steps)
    drawing.arrow((310, last - 28), (310, last + 2))
    drawing.operation(310, last + 21, "×")
    drawing.arrow((90, middle[0]), (45, middle[0]), (45, last + 21), (291, last + 21))
    drawing.words(60, last + 10, "the mixture's STFT")
    drawing.arrow((310, last + 40), (310, last + 60))
    drawing.box(90, last + 60, 440, 44, "inverse STFT", kind=FIXED)
    for voice, name in enumerate(QUARTET):
        x, y = 560 + 110 * (voice % 2), last + 42 + 40 * (voice // 2)
        drawing.wave(x, y, 100, 34, colour(name), voice + 1)
    drawing.arrow((530, last + 82), (558, last + 82))
    drawing.words(40, last + 146, "Complex masks, where a model has them, are computed")
    drawing.words(40, last + 170, "from these masks, the features before them and the phase.")
    drawing.legend()
    return drawing


DRAWINGS = {"mask_inference": mask_inference, "mask_net": mask_net}
