"""One target against the rest: any number of stems, the target absent, once or twice."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from helpers.audio.track import AudioError
from helpers.datasets.mixing import Mixer, MixingConfig
from helpers.datasets.real_pieces import RealPiece, all_stems
from helpers.datasets.stem_bank import RenderedStem, StemBank, write_piece
from helpers.datasets.stem_folders import find_tracks, source_name
from helpers.datasets.variable_sources import TargetDataset, VariableMixer, target_pieces

RATE = 4000
SECONDS = 0.5
PLAIN = MixingConfig(
    coherent=1.0, inactive=0.0, normalise_stems=False, gain=0.0, tilt=(0.0, 0.0), equaliser=0.0,
    detune=0.0, reverb=0.0, compression=0.0,
)  # fmt: skip
PIECES = {  # the level of each stem, a constant
    "absent": {"guitar": 0.5, "voice": 0.25},
    "once": {"theremin": 0.125, "guitar": 0.5},
    "twice": {"theremin_1": 0.0625, "theremin_2": 0.25, "drum-set": 0.5, "bass guitar": 0.25},
}


@pytest.fixture
def folder(tmp_path):
    """The pieces as folders of files, mono and stereo."""
    for piece, stems in PIECES.items():
        for place, (name, level) in enumerate(stems.items()):
            path = tmp_path / "band" / piece / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            samples = np.full((2 * RATE, 1 + place % 2), level)
            soundfile.write(path, samples, RATE, "FLOAT")
    return tmp_path / "band"


@pytest.fixture
def bank(folder, tmp_path):
    """The bank of all pieces."""
    bank = tmp_path / "bank"
    bank.mkdir()
    for piece in find_tracks(folder, any_names=True):
        write_piece(bank, piece.name, RATE, all_stems(RealPiece(piece.name, "0", piece), RATE))
    return StemBank(bank)


def dataset(bank, share=0.8, seed=0, **settings):
    config = MixingConfig(**{**vars(PLAIN), **settings})
    return TargetDataset(VariableMixer(bank, "theremin", config, SECONDS), "theremin", share, seed)


def ratios(example):
    """(target, rest) relative to the mixture, whose level is normalised."""
    mixture, stems = example
    return tuple(round(float(stem.mean() / mixture.mean()), 3) for stem in stems)


def test_names_of_one_source():
    names = ["Theremin_2", "theremin", "Vl. II", "violin-1", "12"]
    assert [source_name(name) for name in names] == [
        "theremin", "theremin", "violin", "violin", "12",
    ]  # fmt: skip


def test_all_stems_of_the_target_together_are_the_target(bank):
    found = {ratios(dataset(bank, share=1.0)[index]) for index in range(40)}
    once, twice = 0.125 / 0.625, 0.3125 / 1.0625
    assert found == {(round(once, 3), round(1 - once, 3)), (round(twice, 3), round(1 - twice, 3))}


def test_the_target_sounds_in_the_stated_share_and_is_silent_in_the_others(bank):
    examples = dataset(bank, share=0.7)
    silent = [not examples[index][1][0].any() for index in range(300)]
    assert np.mean(silent) == pytest.approx(0.3, abs=0.07)
    assert all(examples[index][0].any() for index in range(300))


def test_the_mixture_is_the_sum_and_the_example_follows_from_seed_and_index(bank):
    examples, again = dataset(bank, gain=6.0), dataset(bank, gain=6.0)
    for index in (0, 7, 123_456_789):
        mixture, stems = examples[index]
        assert mixture.shape == (1, 2000) and stems.shape == (2, 1, 2000)
        torch.testing.assert_close(mixture, stems.sum(0))
        torch.testing.assert_close(stems, again[index][1], rtol=0, atol=0)
    assert not torch.equal(examples[0][1], dataset(bank, gain=6.0, seed=1)[0][1])


def test_chunks_are_drawn_with_replacement_from_anywhere_in_a_piece(bank):
    mixer = VariableMixer(bank, "theremin", PLAIN, SECONDS)
    offsets = [mixer.draw(np.random.default_rng(seed))[0].offset for seed in range(300)]
    assert min(offsets) < 300 and max(offsets) > 5700 and len(set(offsets)) > 250


def test_in_a_random_mix_the_rest_comes_from_any_piece(bank):
    mixer = VariableMixer(bank, "theremin", MixingConfig(**{**vars(PLAIN), "coherent": 0.0}), 0.5)
    pieces = set()
    for seed in range(100):
        drawn = mixer.draw(np.random.default_rng(seed))
        pieces.add(tuple(dict.fromkeys(segment.variant.piece for segment in drawn)))
    assert {("once", "absent"), ("twice", "once"), ("once", "twice")} <= pieces


def test_players_limit_how_many_stems_sound(bank):
    mixer = VariableMixer(bank, "theremin", MixingConfig(**{**vars(PLAIN), "players": (2, 2)}), 0.5)
    for seed in range(50):
        rest = [
            segment
            for segment in mixer.draw(np.random.default_rng(seed))
            if segment.variant.instrument != "theremin"
        ]
        assert len(rest) == 1


def test_a_rest_of_the_target_does_not_count_as_its_sound(tmp_path):
    theremin = np.zeros((1, 4 * RATE), np.float32)
    theremin[:, : RATE // 2] = 0.5
    stems = [RenderedStem("theremin", "real", 0, theremin)]
    stems.append(RenderedStem("guitar", "real", 1, np.full((1, 4 * RATE), 0.5, np.float32)))
    write_piece(tmp_path, "piece", RATE, stems)
    examples = dataset(StemBank(tmp_path), share=1.0)
    assert all(examples[index][1][0].any() for index in range(50))


def test_rendered_mixtures_of_ensembles_have_a_target_too(tmp_path):
    names = ("violin", "cello", "flute")
    for piece, players in {"duo": names[:2], "trio": names, "other": names[1:]}.items():
        level = {"violin": 0.1, "cello": 0.2, "flute": 0.4}
        stems = [
            RenderedStem(name, "soundfont", voice, np.full((1, RATE), level[name], np.float32))
            for voice, name in enumerate(players)
        ]
        write_piece(tmp_path, piece, RATE, stems)
    config = MixingConfig(**{**vars(PLAIN), "players": (2, 3)})
    mixer = Mixer(StemBank(tmp_path), names, config, SECONDS)
    examples = TargetDataset(mixer, "violin", 0.5)
    found = {ratios(examples[index]) for index in range(100)}
    assert found == {(0.333, 0.667), (0.143, 0.857), (0.0, 1.0)}


def test_a_bank_without_the_target_is_refused(bank):
    with pytest.raises(ValueError, match="no stem of harp"):
        VariableMixer(bank, "harp", PLAIN, SECONDS)
    with pytest.raises(ValueError, match="no stem of harp"):
        TargetDataset(VariableMixer(bank, "theremin", PLAIN, SECONDS), "harp", 0.5)


def test_a_target_that_is_always_alone_gives_no_example_without_it(tmp_path):
    stems = [RenderedStem("theremin", "real", 0, np.full((1, RATE), 0.5, np.float32))]
    write_piece(tmp_path, "piece", RATE, stems)
    with pytest.raises(ValueError, match="is without the theremin"):
        dataset(StemBank(tmp_path), share=0.0)[0]


def test_one_piece_with_the_target_is_held_out(folder):
    training, validating = target_pieces(folder, "theremin")
    assert set(training) == {"absent", "once"} and set(validating) == {"twice"}


def test_a_target_in_too_few_pieces_is_refused_with_what_there_is(folder):
    with pytest.raises(AudioError, match="none of its 3 pieces has a stem of harp.*bass-guitar"):
        target_pieces(folder, "harp")
    with pytest.raises(AudioError, match="1 of its 3 pieces has a stem of voice"):
        target_pieces(folder, "voice")
