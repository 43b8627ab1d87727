"""Mixtures with notes: the notes are where the sound is, whatever the effects."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.datasets.mixing import MixingConfig
from helpers.datasets.renderings import RenderingConfig, render_random_piece
from helpers.datasets.scored_mixtures import PartMixer, ScoredDataset
from helpers.datasets.stem_bank import StemBank, write_piece
from helpers.music.random_pieces import RandomPiece
from helpers.music.score_errors import ScoreErrors

RATE, SECONDS = 8000, 2.0
PLAYERS = ("violin", "flute", "cello")
DRY = {
    "reverb": 0.0, "compression": 0.0, "tilt": (0.0, 0.0), "equaliser": 0.0, "inactive": 0.0,
    "players": (2, 3),
}  # fmt: skip


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Three pieces of pure tones for three players."""
    folder = tmp_path_factory.mktemp("bank")
    config = RenderingConfig(
        PLAYERS, RATE, soundfonts=(), note_samples=0, tones=2, timbre_substitution=0
    )
    for number in range(3):
        piece = RandomPiece(number)
        write_piece(folder, piece, RATE, render_random_piece(piece, config, None))
    return StemBank(folder)


def heard_pitch(sound: np.ndarray, near: float) -> float:
    """The MIDI pitch with the strongest two partials within a semitone of `near`."""
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    pitches = near + np.arange(-100, 101) / 100
    bins = np.rint(440 * 2 ** ((pitches - 69) / 12) * size / RATE).astype(int)
    return float(pitches[np.argmax(np.log(spectrum[bins] + 1e-3))])


@pytest.mark.parametrize("detuning", [{"detune": 0.0}, {"detune": 15.0, "transpose_range": 1.0}])
def test_the_notes_are_those_that_are_heard(bank, detuning):
    mixer = PartMixer(bank, MixingConfig(coherent=0.5, **DRY, **detuning), SECONDS)
    errors = []
    for seed in range(12):
        segments = mixer.draw(np.random.default_rng(seed))
        stems = mixer.make(segments)
        for segment, stem in zip(segments, stems, strict=True):
            for onset, end, pitch in mixer.notes(segment):
                start, stop = int((onset + 0.05) * RATE), int((end - 0.05) * RATE)
                if start < 0 or stop > stem.shape[-1] or stop - start < 0.3 * RATE:
                    continue
                errors.append(heard_pitch(stem[0, start:stop], pitch) - pitch)
    assert len(errors) > 30
    assert np.median(np.abs(errors)) < 0.03
    assert np.mean(np.abs(errors) < 0.1) > 0.9


def test_an_example_is_what_the_network_takes(bank):
    dataset = ScoredDataset(PartMixer(bank, MixingConfig(**DRY), SECONDS), PLAYERS, ScoreErrors())
    for index in range(8):
        mixture, stems, notes, players = dataset[index]
        assert mixture.shape == (1, round(SECONDS * RATE))
        assert stems.shape == (4, *mixture.shape)
        torch.testing.assert_close(stems.sum(0), mixture)
        assert notes.shape[::2] == (3, 3)
        silent = stems[:3].square().sum((1, 2)) == 0
        assert (players[silent] == -1).all()
        assert ((players >= -1) & (players <= 3)).all()
    same = dataset[3], dataset[3]
    for first, second in zip(*same, strict=True):
        torch.testing.assert_close(first, second)


def test_a_player_that_the_score_lacks_is_in_the_rest(bank):
    dataset = ScoredDataset(PartMixer(bank, MixingConfig(**DRY), SECONDS), PLAYERS)
    rests = [stems[-1].square().sum() > 0 for _, stems, _, _ in map(dataset.__getitem__, range(60))]
    assert 2 < sum(rests) < 25


def test_noise_is_in_the_rest(bank):
    noisy, quiet = (
        ScoredDataset(PartMixer(bank, MixingConfig(**DRY, ambience=share), SECONDS), PLAYERS)
        for share in (1.0, 0.0)
    )
    for index in range(8):
        mixture, stems, notes, _ = noisy[index]
        torch.testing.assert_close(stems.sum(0), mixture)
        torch.testing.assert_close(stems[:-1], quiet[index][1][:-1])
        torch.testing.assert_close(notes, quiet[index][2])
        added = (stems[-1] - quiet[index][1][-1]).square().mean().sqrt()
        assert 1e-3 < added / quiet[index][0].square().mean().sqrt() < 1.1


def test_two_players_of_one_instrument(bank):
    config = MixingConfig(coherent=0.0, **DRY)
    mixer = PartMixer(bank, config, SECONDS, doubles=1.0)
    for seed in range(10):
        names = [s.variant.instrument for s in mixer.draw(np.random.default_rng(seed))]
        assert names[0] == names[1]
    with pytest.raises(ValueError, match="no piece with 4 parts"):
        PartMixer(bank, MixingConfig(**{**DRY, "players": (4, 5)}), SECONDS)
