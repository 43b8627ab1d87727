"""Models that are saved, damaged and loaded."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import math
import os
import time

import pytest
import torch

from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig
from helpers.training.checkpoints import (
    CheckpointError,
    available_models,
    load_model,
    save_model,
)
from helpers.training.conditioning import condition_on, with_config
from tests.training.tiny import separator

SOURCES = ("violin", "bassoon")


def small_model(**changes):
    config = {"sources": SOURCES, "levels": 2, "width": 4, "normalisation": "batch", **changes}
    return WaveUNet(WaveUNetConfig(**config)).eval()


@pytest.fixture
def saved(tmp_path):
    """(model, path of its weights, path of its card)"""
    model = small_model()
    return model, *save_model(model, tmp_path, "wave-1.2", {"steps": 3, "data": ["tönes"]})


def change(path, **entries):
    card = json.loads(path.read_text())
    path.write_text(json.dumps({**card, **entries}))


def test_a_loaded_model_separates_like_the_saved_one(saved):
    model, weights, card = saved
    mixture = torch.randn(1, 1, 500)
    with torch.no_grad():
        expected = model(mixture)
        for path in (weights, card, str(weights), card.with_suffix("")):
            loaded = load_model(path)
            assert torch.equal(loaded(mixture), expected)
    assert not loaded.training
    assert loaded.config == model.config
    assert loaded.sources == SOURCES
    assert loaded.card["provenance"] == {"steps": 3, "data": ["tönes"]}
    assert loaded.card["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert loaded.card["architecture"] == "wave_unet.WaveUNet"


def test_another_configuration_keeps_the_weights(saved):
    model, weights, _ = saved
    other = load_model(weights, segment_seconds=3.0)
    assert other.segment_seconds == 3.0 != model.segment_seconds
    assert other.card["sources"] == list(SOURCES)
    mixture = torch.randn(1, 1, 500)
    with torch.no_grad():
        assert torch.equal(other(mixture), model(mixture))
    assert with_config(model) is model


def test_a_model_without_fundamentals_keeps_all_its_other_weights():
    config = MaskNetConfig(("violin", "piano"), width=4, pitch_channels=2, hidden=8, layers=1,
                           fundamentals=True)  # fmt: skip
    model = MaskNet(config).eval()
    other = with_config(model, fundamentals=False).eval()
    assert {*model.state_dict()} - {*other.state_dict()} == {"played.weight", "played.bias"}
    mixture = torch.randn(1, 1, 8192)
    with torch.no_grad():
        assert torch.equal(other(mixture), model(mixture))


def test_a_model_without_conditioning_stays_as_it_is(saved):
    model, _, _ = saved
    assert condition_on(model, SOURCES[:1]) is model


def test_a_conditioned_model_keeps_its_card_and_has_only_the_active_sources(tmp_path):
    config = MaskNetConfig(
        ("violin", "horn", "piano"), width=4, pitch_channels=2, hidden=8, layers=1
    )
    weights, _ = save_model(MaskNet(config), tmp_path, "trio", {})
    trio = load_model(weights)
    duo = condition_on(trio, ("piano", "violin"))
    assert duo.sources == ("piano", "violin")
    assert duo.card == trio.card
    assert not duo.training
    with pytest.raises(ValueError, match="'oboe' is no source"):
        condition_on(trio, ("oboe",))


def test_a_card_holds_names_that_are_not_utf8(tmp_path, saved):
    provenance = {"command": "divisi finetune \udcff é"}
    weights, _ = save_model(saved[0], tmp_path / "b", "b", provenance)
    assert load_model(weights).card["provenance"] == provenance


def test_half_weights_take_half_the_space_and_load_as_float32(tmp_path):
    model = small_model(width=16, levels=4)
    whole, _ = save_model(model, tmp_path, "whole", {})
    half, _ = save_model(model, tmp_path, "half", {}, half=True)
    assert half.stat().st_size < 0.55 * whole.stat().st_size
    loaded = load_model(half)
    mixture = torch.randn(1, 1, 500)
    with torch.no_grad():
        torch.testing.assert_close(loaded(mixture), model(mixture), atol=1e-2, rtol=0.0)
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}


def test_a_name_means_a_model_of_the_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("DIVISI_CHECKPOINTS", str(tmp_path / "Checkpoints"))
    save_model(small_model(), tmp_path / "Checkpoints", "chorale-quartet", {})
    assert load_model("chorale-quartet").sources == SOURCES
    assert [*available_models()] == ["chorale-quartet"]
    assert available_models()["chorale-quartet"]["sources"] == [*SOURCES]
    with pytest.raises(CheckpointError, match="did you mean 'chorale-quartet'"):
        load_model("choral-quartett")
    with pytest.raises(CheckpointError, match="there are: chorale-quartet"):
        load_model("xyzzy")


def test_only_what_is_open_for_writing_is_flushed(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: os.write(descriptor, b""))
    save_model(small_model(), tmp_path, "wave", {})


def test_a_folder_without_models_lists_none(tmp_path):
    assert available_models(tmp_path / "nowhere") == {}
    with pytest.raises(CheckpointError, match="no model is saved there"):
        load_model(tmp_path / "nowhere" / "wave")


def test_one_changed_bit_is_noticed(saved):
    _, weights, _ = saved
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"wave-1.2.safetensors: .*sha256"):
        load_model(weights)


def test_bytes_that_are_no_weights_are_refused(saved):
    _, weights, card = saved
    weights.write_bytes(b"not weights")
    change(card, sha256=hashlib.sha256(b"not weights").hexdigest())
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_model(weights)


def test_a_missing_file_of_the_pair_is_refused_by_name(saved):
    _, weights, card = saved
    text = card.read_text()
    card.unlink()
    with pytest.raises(CheckpointError, match=r"wave-1.2.json: this file is missing"):
        load_model(weights)
    card.write_text(text)
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"wave-1.2.safetensors: .*No such file"):
        load_model(weights)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"architecture": "wave_unet.WaveUNet"}', "\x00", "9" * 6000, "[" * 100_000],
    ids=lambda text: text[:9],
)
def test_an_incomplete_card_is_refused_by_name(saved, text):
    _, weights, card = saved
    card.write_text(text)
    with pytest.raises(CheckpointError, match=r"wave-1.2.json: "):
        load_model(weights)


@pytest.mark.parametrize(
    ("entry", "value"),
    [("licence", 3), ("licence", None), ("learned_from", 3), ("learned_from", [{}])],
)
def test_terms_that_are_no_text_are_refused_by_name(saved, entry, value):
    _, _, card = saved
    change(card, **{entry: value})
    with pytest.raises(CheckpointError, match=rf"wave-1.2.json: '{entry}' is no"):
        load_model(card)
    with pytest.warns(UserWarning, match=rf"wave-1.2.json: '{entry}' is no"):
        assert available_models(card.parent) == {}


@pytest.mark.parametrize(
    "architecture",
    [
        "os.system",
        "..training.trainer.fit",
        "wave_unet.torch",
        "wave_unet.WaveUNetConfig",
        "wave_unet.Other",
        "nothing.WaveUNet",
        "WaveUNet",
    ],
)
def test_only_a_model_of_this_package_is_built(saved, architecture):
    _, weights, card = saved
    change(card, architecture=architecture)
    with pytest.raises(CheckpointError, match=r"wave-1.2.json: the architecture"):
        load_model(weights)


def test_a_config_that_does_not_fit_is_refused(saved):
    _, weights, card = saved
    config = json.loads(card.read_text())["config"]
    change(card, config={**config, "heads": 3})
    with pytest.raises(CheckpointError, match="config does not fit .*heads"):
        load_model(weights)
    change(card, config={**config, "levels": 3})
    with pytest.raises(CheckpointError, match="weights do not fit"):
        load_model(weights)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("segment_seconds", 0),
        ("segment_seconds", math.nan),
        ("segment_seconds", "2"),
        ("levels", 2.0),
        ("levels", True),
        ("width", 10**9),
        ("sample_rate", -8000),
    ],
)
def test_a_number_out_of_range_in_a_card_is_refused(saved, name, value):
    _, weights, card = saved
    config = json.loads(card.read_text())["config"]
    change(card, config={**config, name: value})
    with pytest.raises(CheckpointError, match=rf"wave-1.2.json: .*{name} is .* from .* to "):
        load_model(weights)


@pytest.mark.parametrize(
    "sources",
    [
        ["../violin", "bassoon"], ["violin", 3], ["CON", "b"], ["violin", "Violin"], [], [""],
        ["violin", "residual"], ["\ud800", "b"], ["\u00e9", "e\u0301"], ["/etc/passwd", "b"],
        ["conout$", "b"], ["a\x1b[2J", "b"], [["violin"], "b"], ["\u4e00" * 100, "b"],
    ],
)  # fmt: skip
def test_sources_that_could_not_be_files_are_refused(saved, sources):
    _, weights, card = saved
    change(card, sources=sources)
    with pytest.raises(CheckpointError, match=r"wave-1.2.json: .*sources?.* must be a "):
        load_model(weights)


@pytest.mark.parametrize(
    "module", ["conv_tasnet", "ht_demucs", "mask_inference", "mask_net", "wave_unet"]
)
def test_every_number_of_a_model_has_limits(module):
    module = importlib.import_module(f"helpers.models.{module}")
    (config,) = [each for name, each in vars(module).items() if name.endswith("Config")]
    numbers = {f.name for f in dataclasses.fields(config) if f.type in ("int", "float")}
    assert numbers == module.LIMITS.keys()


def test_sources_that_were_renamed_in_the_card_are_refused(saved):
    _, weights, card = saved
    change(card, sources=["bassoon", "violin"])
    with pytest.raises(CheckpointError, match="'sources' differs"):
        load_model(weights)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"segment_seconds": 0.05}, "segment_seconds is 0.05; it must be 0.1 or more"),
        ({"segment_seconds": 3600.0, "sample_rate": 384_000}, "numbers; a card may have"),
        ({"width": 1024, "levels": 16}, "weights do not fit"),
    ],
)
def test_sizes_that_would_take_all_time_or_memory_are_refused(saved, changes, words):
    _, weights, card = saved
    text = json.loads(card.read_text())
    rate = {"sample_rate": changes.get("sample_rate", text["sample_rate"])}
    change(card, config={**text["config"], **changes}, **rate)
    began = time.process_time()
    with pytest.raises(CheckpointError, match=rf"wave-1.2.*{words}"):
        load_model(weights)
    assert time.process_time() - began < 5


def test_a_step_of_one_sample_is_refused(tmp_path):
    config = MaskNetConfig(SOURCES, width=4, pitch_channels=2, hidden=8, layers=1)
    weights, card = save_model(MaskNet(config), tmp_path, "mask", {})
    change(card, config={**json.loads(card.read_text())["config"], "hop": 1})
    with pytest.raises(CheckpointError, match=r"mask.json: .* numbers; a card may have"):
        load_model(weights)


@pytest.mark.parametrize("value", ["-1", "0", "NaN", "1e999", "9" * 4000, "true", '"8000"'])
def test_a_sample_rate_out_of_range_is_refused(saved, value):
    _, weights, card = saved
    card.write_text(card.read_text().replace('"sample_rate": 8000', f'"sample_rate": {value}'))
    with pytest.raises(CheckpointError, match=r"wave-1.2.json: .*sample_rate"):
        load_model(weights)


def test_a_card_without_end_is_refused(tmp_path):
    (tmp_path / "wave.json").symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match=r"wave.json: .* more than"):
        load_model(tmp_path / "wave.json")


@pytest.mark.parametrize(
    "provenance", [3, [], {"recipe": 3}, {"recipe": {"rendering": 3}}, {"recipe": {"export": []}}]
)
def test_a_training_that_is_no_table_is_refused(saved, provenance):
    _, weights, card = saved
    change(card, provenance=provenance)
    with pytest.raises(CheckpointError, match=r"wave-1.2.json: '\w+' is not a table"):
        load_model(weights)


def test_an_earlier_and_a_present_name_of_one_field_are_refused(tmp_path):
    config = MaskNetConfig(SOURCES, width=4, pitch_channels=2, hidden=8, layers=1)
    weights, card = save_model(MaskNet(config), tmp_path, "mask", {})
    change(card, config={**json.loads(card.read_text())["config"], "memory": 8})
    with pytest.raises(CheckpointError, match="'memory' and 'chunk_frames' are one"):
        load_model(weights)


@pytest.mark.parametrize("name", ["../wave", "", "nul", "a/b", "/tmp/wave"])
def test_a_model_is_saved_under_a_plain_name_only(tmp_path, name):
    with pytest.raises(CheckpointError, match="not valid for a file"):
        save_model(small_model(), tmp_path / "out", name, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sources", [("../../x", "b"), ("violin", "VIOLIN"), ("residual", "b")])
def test_a_model_whose_stems_could_not_be_written_is_not_saved(tmp_path, sources):
    with pytest.raises(CheckpointError, match="WaveUNet: 'sources' must be"):
        save_model(small_model(sources=sources), tmp_path / "out", "wave", {})
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_numbers_are_not_saved(tmp_path):
    model = small_model()
    parameter = next(model.parameters())
    parameter.data[0] = 1e30
    with pytest.raises(CheckpointError, match="not all finite in float16"):
        save_model(model, tmp_path, "wave", {}, half=True)
    parameter.data[0] = torch.nan
    with pytest.raises(CheckpointError, match="not all finite in float32"):
        save_model(model, tmp_path, "wave", {})
    assert [*tmp_path.iterdir()] == []


def test_a_class_from_elsewhere_cannot_be_saved(tmp_path):
    with pytest.raises(CheckpointError, match="TinySeparator cannot be saved"):
        save_model(separator(), tmp_path, "tiny", {})


def test_a_failed_save_leaves_the_older_model_whole(saved, monkeypatch):
    _, weights, _ = saved
    before = weights.read_bytes()

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        save_model(small_model(), weights.parent, "wave-1.2", {})
    monkeypatch.undo()
    assert weights.read_bytes() == before
    load_model(weights)
    assert len([*weights.parent.iterdir()]) == 2
