"""The diagrams say what the networks do, and are drawn the same each time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
import torch

from experiments.diagrams import __main__ as diagrams
from experiments.diagrams.drawing import WIDTH, Drawing
from experiments.diagrams.scores import network
from helpers.models.conv_tasnet import ConvTasNet, ConvTasNetConfig
from helpers.models.ht_demucs import HTDemucs, HTDemucsConfig
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.models.score_net import ScoreNet
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig
from helpers.runtime import repository_root

SVG = "{http://www.w3.org/2000/svg}"
each_drawing = pytest.mark.parametrize("name", diagrams.DRAWINGS)


def words(name: str) -> list[str]:
    tree = ElementTree.fromstring(diagrams.DRAWINGS[name]().svg())
    return [element.text or "" for element in tree.iter(f"{SVG}text")]


def outputs(model: torch.nn.Module, modules: list[torch.nn.Module], samples: int) -> list[tuple]:
    """The shape of what each module hands on, without the batch."""
    shapes = []
    for module in modules:
        module.register_forward_hook(
            lambda _, __, output: shapes.append(
                tuple((output[0] if isinstance(output, tuple) else output).shape[1:])
            )
        )
    with torch.no_grad():
        model.eval()(torch.randn(1, 1, samples))
    return shapes


@each_drawing
def test_the_committed_picture_is_the_drawn_one(name):
    path = repository_root() / "Images" / f"diagram_{name}.svg"
    assert path.read_text(encoding="utf-8") == diagrams.DRAWINGS[name]().svg(), (
        "run `python -m experiments.diagrams`"
    )


@each_drawing
def test_everything_is_inside_the_picture_and_letters_are_large(name):
    drawing = diagrams.DRAWINGS[name]()
    tree = ElementTree.fromstring(drawing.svg())
    for box in tree.iter(f"{SVG}rect"):
        left, top, width, height = (float(box.get(key, 0)) for key in ("x", "y", "width", "height"))
        assert left >= 0 and left + width <= WIDTH + 0.5
        assert top >= 0 and top + height <= drawing.height
    for text in tree.iter(f"{SVG}text"):
        size, anchor = float(text.get("font-size")), text.get("text-anchor")
        wide = 0.62 * size * len(text.text)  # DejaVu Sans, the widest of the usual letters
        left = float(text.get("x")) - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
        assert size >= 18 and left >= 0 and left + wide <= WIDTH, text.text


def test_a_drawing_says_in_words_what_it_shows():
    drawing = Drawing("Two < three", 100)
    drawing.box(10, 10, 100, 50, "a & b")
    tree = ElementTree.fromstring(drawing.svg())
    assert tree.find(f"{SVG}title").text == "Two < three"
    assert tree.find(f"{SVG}text").text == "a & b"


def test_wave_unet_has_the_shapes_of_the_network():
    model = WaveUNet(WaveUNetConfig(("a", "b", "c")))
    shapes = outputs(model, [*model.down, model.bottleneck], 6400)
    named = [f"{c} × T/{6400 // t}".removesuffix("/1") for c, t in shapes]
    shown = words("wave_unet")
    assert named[0] == "16 × T" and named[-1] == "112 × T/64"
    assert set(named) <= set(shown)


def test_conv_tasnet_has_the_shapes_of_the_network():
    model = ConvTasNet(ConvTasNetConfig(("a", "b", "c")))
    generator = model.network.mask_generator
    modules = [model.network.encoder, generator.input_conv, generator]
    features, narrow, masks = outputs(model, modules, 16_000)
    assert features[0] == 128 and narrow[0] == 48 and masks[:2] == (3, 128)
    assert 16_000 / features[1] == pytest.approx(16, rel=0.01)
    shown = words("conv_tasnet")
    assert {"128 × T/16", "48 × T/16", "3 × 128 × T/16"} <= set(shown)
    dilations = {layer.conv_layers[3].dilation[0] for layer in generator.conv_layers}
    assert dilations == {1, 2, 4, 8, 16, 32} and len(generator.conv_layers) == 12
    assert "gaps of 1, 2, 4, … 32 frames" in shown


def test_mask_net_has_the_shapes_of_the_network():
    config = MaskNetConfig(("a", "b", "c", "d"), window=8192, hop=2048, sample_rate=44100)
    model = MaskNet(config)
    modules = [model.partials, model.frame, model.recur, model.combine, model.gather, model.decide]
    shapes = outputs(model, modules, 44100)
    frames = shapes[0][-1]
    bins = len(model.analysis)
    assert shapes == [
        (32, bins, frames), (frames, 384), (frames, 384), (16, bins, frames), (32, bins, frames),
        (4, bins, frames),
    ]  # fmt: skip
    shown = words("mask_net")
    for shape in ("4097 × N", f"{bins} × N", f"32 × {bins} × N", "384 × N", f"16 × {bins} × N",
                  f"4 × {bins} × N", "4 × 4097 × N"):  # fmt: skip
        assert shape in shown


def test_ht_demucs_has_the_shapes_of_the_network():
    model = HTDemucs(HTDemucsConfig(("a", "b", "c", "d")))
    network = model.network
    shapes = outputs(model, [*network.encoder, *network.tencoder], 65_536)
    spectral = {f"{c} × {f} × N" for c, f, n in (shape for shape in shapes if len(shape) == 3)}
    temporal = {f"{c} × T/{65_536 // t}" for c, t in (shape for shape in shapes if len(shape) == 2)}
    assert len(spectral) == len(temporal) == 4
    assert spectral | temporal <= set(words("ht_demucs"))


def test_streaming_is_to_scale():
    (length, context) = re.findall(r"[\d.]+", " ".join(words("streaming")))[0:2]
    assert (length, context) == ("50", "2.9")


def test_score_net_has_the_shapes_of_the_network():
    model = ScoreNet(network())
    modules = [model.partials, model.see, model.follow[1], model.gather, model.decide]
    shapes = []
    for module in modules:
        module.register_forward_hook(lambda *call: shapes.append(tuple(call[2].shape)))
    notes = torch.tensor([[[[0.0, 1.0, 69.0]], [[0.0, 1.0, 60.0]]]])
    with torch.no_grad():
        model(torch.randn(1, 1, 44100), notes, torch.tensor([[1, 2]]))
    bins, frames = len(model.analysis), shapes[0][-1]
    wide = model.config.part_width
    channels = [32, wide, wide, wide, 1]
    assert [shape[1:] for shape in shapes] == [(count, bins, frames) for count in channels]
    assert [shape[0] for shape in shapes] == [1, 3, 3, 3, 3]  # two parts, and the rest
    shown = words("score_net")
    copies = model.gather.in_channels
    for shape in (f"{bins} × N", f"32 × {bins} × N", f"P × {wide} × {bins} × N", "4097 × N",
                  f"(P + 1) × {copies} × {bins} × N", f"(P + 1) × {bins} × N"):  # fmt: skip
        assert shape in shown
    assert f"from {model.see.in_channels} pictures" in shown
