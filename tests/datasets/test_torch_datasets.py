"""Examples depend on the seed and their number, in any order and any process."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from helpers.audio.track import Track
from helpers.datasets.mixing import Mixer, MixingConfig
from helpers.datasets.stem_bank import RenderedStem, StemBank, write_piece
from helpers.datasets.torch_datasets import MixtureDataset, TrackDataset

RATE = 4000
SOURCES = ("violin", "bassoon")


@pytest.fixture(scope="module")
def mixer(tmp_path_factory):
    """Mixtures of 0.25 s from two pieces of noise."""
    folder = tmp_path_factory.mktemp("bank")
    rng = np.random.default_rng(0)
    for piece in ("one", "two"):
        variants = [
            RenderedStem(
                name, "soundfont", voice, rng.normal(0.0, 0.1, (1, RATE)).astype(np.float32)
            )
            for voice, name in enumerate(SOURCES)
        ]
        write_piece(folder, piece, RATE, variants)
    return Mixer(StemBank(folder), SOURCES, MixingConfig(rooms=2), 0.25)


@pytest.fixture
def tracks():
    """A duet of 1.1 s and a solo of 0.5 s whose samples count on."""
    count = np.arange(2200, dtype=np.float32)[None]
    duet = Track("duet", 2000, {"bassoon": -count, "violin": 3 * count, "harp": count})
    return [duet, Track("solo", 2000, {"bassoon": count[:, :1000]})]


def test_an_example_is_a_mixture_and_its_stems(mixer):
    mixture, stems = MixtureDataset(mixer)[0]
    assert mixture.shape == (1, RATE // 4) and stems.shape == (2, 1, RATE // 4)
    assert mixture.dtype == stems.dtype == torch.float32
    assert torch.equal(mixture, stems.sum(0))


def test_an_example_is_the_same_in_any_order(mixer):
    forwards = [MixtureDataset(mixer, seed=3)[index][1] for index in range(5)]
    backwards = [MixtureDataset(mixer, seed=3)[index][1] for index in reversed(range(5))]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert torch.equal(one, other)


def test_an_example_is_the_same_in_any_process(mixer):
    dataset = MixtureDataset(mixer, seed=3, length=4)
    expected = [dataset[index][1] for index in range(4)]
    loaded = DataLoader(dataset, batch_size=None, num_workers=2)
    for one, (_, other) in zip(expected, loaded, strict=True):
        assert torch.equal(one, other)


def test_numbers_and_seeds_give_different_examples(mixer):
    stems = MixtureDataset(mixer, seed=3)[0][1]
    assert not torch.equal(stems, MixtureDataset(mixer, seed=3)[1][1])
    assert not torch.equal(stems, MixtureDataset(mixer, seed=4)[0][1])


def test_the_number_of_an_endless_set_may_be_large(mixer):
    assert len(MixtureDataset(mixer)) > 10**9
    assert len(MixtureDataset(mixer, length=7)) == 7
    assert MixtureDataset(mixer)[10**9][1].any()


def test_windows_cover_each_track_once(tracks):
    dataset = TrackDataset(tracks, ("violin", "bassoon"), 0.25)
    assert len(dataset) == 5 + 2
    whole = torch.cat([dataset[index][1] for index in range(5)], dim=-1)
    np.testing.assert_array_equal(whole[0, :, :2200], tracks[0].stems["violin"])
    np.testing.assert_array_equal(whole[1, :, :2200], tracks[0].stems["bassoon"])
    assert whole.shape == (2, 1, 2500) and not whole[..., 2200:].any()


def test_a_source_that_a_track_lacks_is_silent(tracks):
    mixture, stems = TrackDataset(tracks, ("violin", "bassoon"), 0.25)[6]
    assert not stems[0].any()
    np.testing.assert_array_equal(stems[1], tracks[1].stems["bassoon"][:, 500:])
    assert torch.equal(mixture, stems[1])


def test_the_mixture_of_a_window_is_the_sum_of_the_sources_asked_for(tracks):
    mixture, stems = TrackDataset(tracks, ("violin", "bassoon"), 0.25)[1]
    assert torch.equal(mixture, stems.sum(0))
    np.testing.assert_array_equal(mixture[0], 2 * np.arange(500, 1000))
