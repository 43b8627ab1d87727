"""Chains of effects: what was drawn before is drawn as before, and one microphone hears all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.augmentation.chains import common_effects, stem_effects
from helpers.augmentation.effects import Compression, Detune, Equaliser, Gain, Tilt, Vibrato
from helpers.augmentation.recording_chain import Codec, Microphone, Noise
from helpers.datasets.mixing import Mixer, MixingConfig, StemSegment
from helpers.datasets.stem_bank import RenderedStem, StemBank, write_piece
from helpers.datasets.torch_datasets import MixtureDataset

RATE = 4000
SOURCES = ("violin", "clarinet", "bassoon")
OFF = MixingConfig(rooms=2)
ON = replace(OFF, vibrato=1.0, microphone=1.0, noise=1.0, codec=1.0)
COMMON = (Microphone, Noise, Codec)
STEM = {"detune": 8.0, "tilt": (-9.0, 3.0), "equaliser": 4.0, "compression": 0.3, "gain": 3.0}


def common(config: MixingConfig) -> dict[str, float]:
    return {name: getattr(config, name) for name in ("microphone", "noise", "codec")}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """One piece of three noises."""
    folder = tmp_path_factory.mktemp("bank")
    rng = np.random.default_rng(0)
    variants = [
        RenderedStem(name, "soundfont", voice, rng.normal(0, 0.1, (1, RATE)).astype(np.float32))
        for voice, name in enumerate(SOURCES)
    ]
    write_piece(folder, "one", RATE, variants)
    return StemBank(folder)


def drawn(bank: StemBank, config: MixingConfig, seed: int) -> list[StemSegment | None]:
    return Mixer(bank, SOURCES, config, 0.25).draw(np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(5))
def test_the_effects_that_there_were_are_drawn_as_they_were(seed):
    """The order of the draws is written out here once more."""
    rng = np.random.default_rng(seed)
    old = [Detune.draw(rng, 8.0), Tilt.draw(rng, -9.0, 3.0), Equaliser.draw(rng, 4.0)]
    old += [Compression.draw(rng)] if rng.random() < 0.3 else []
    old.append(Gain.draw(rng, 3.0))
    after = rng.random()
    for config, more in ((OFF, []), (ON, [Vibrato])):
        again = np.random.default_rng(seed)
        effects = stem_effects(again, (), vibrato=config.vibrato, **STEM)
        assert common_effects(again, **common(config)) or config is OFF
        assert again.random() == after
        assert [effect for effect in effects if isinstance(effect, Vibrato)] == list(
            effects[: len(more)]
        )
        assert list(effects[len(more) :]) == old


@pytest.mark.parametrize("seed", range(10))
def test_new_effects_change_neither_takes_nor_places_nor_old_effects(bank, seed):
    for before, now in zip(drawn(bank, OFF, seed), drawn(bank, ON, seed), strict=True):
        assert (before is None) == (now is None)
        if before:
            assert isinstance(now.effects[0], Vibrato)
            assert before == replace(now, effects=now.effects[1:], common=())


def test_every_stem_of_a_mixture_is_heard_by_one_microphone_and_another_mixture_by_another(bank):
    common = []
    for seed in range(5):
        (common,) = {segment.common for segment in drawn(bank, ON, seed) if segment}
        assert [type(effect) for effect in common] == list(COMMON)
        common.append(common)
    assert len(set(common)) == 5


def test_shares_of_common_effects_are_kept():
    config = replace(OFF, microphone=0.7, noise=0.2)
    rng = np.random.default_rng(0)
    variant_weights = [
        {type(effect) for effect in common_effects(rng, **common(config))} for _ in range(600)
    ]
    shares = [np.mean([kind in here for here in variant_weights]) for kind in COMMON]
    assert shares == pytest.approx([0.7, 0.2, 0.0], abs=0.06)


def test_what_all_stems_go_through_comes_last(bank):
    mixing = Mixer(bank, SOURCES, replace(ON, inactive=0.0), 0.25)
    mixture = mixing.draw(np.random.default_rng(1))
    stems = mixing.make([replace(segment, common=()) for segment in mixture])
    for effect in mixture[0].common:
        stems = effect.apply(stems, RATE)
    np.testing.assert_array_equal(mixing.make(mixture), stems)


def test_an_absent_instrument_is_silent_behind_microphone_noise_and_codec(bank):
    mixing = Mixer(bank, SOURCES, replace(ON, inactive=0.5), 0.25)
    rng = np.random.default_rng(0)
    for mixture in (mixing.draw(rng) for _ in range(10)):
        for segment, stem in zip(mixture, mixing.make(mixture), strict=True):
            assert (segment is None) == (not stem.any())


def test_the_mixture_is_the_sum_of_its_stems_bit_for_bit(bank):
    dataset = MixtureDataset(Mixer(bank, SOURCES, ON, 0.25))
    for mixture, stems in (dataset[index] for index in range(5)):
        assert torch.equal(mixture, stems.sum(0))
