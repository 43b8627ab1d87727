"""A DC offset is removed, whatever its course; recordings without one keep every bit."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from helpers.audio.audio import load
from helpers.audio.offset import NEGLIGIBLE, Offset, without_offset
from helpers.audio.recordings import examine
from helpers.evaluation.metrics import si_sdr
from helpers.inference.stem_files import separate_recording
from helpers.runtime import data_root
from helpers.training.checkpoints import load_model

RATE = 8000


def music(seconds: float = 5.0, channels: int = 2) -> np.ndarray:
    """Two low tones, C2 and G2."""
    time = np.arange(round(seconds * RATE)) / RATE
    tones = [0.2 * np.sin(2 * np.pi * 65.4 * time), 0.1 * np.sin(2 * np.pi * 98.0 * time)]
    return np.stack([tones[0] + tones[1], tones[0] - tones[1]][:channels]).astype(np.float32)


def decibels(error: np.ndarray, signal: np.ndarray) -> float:
    return 10 * np.log10(np.square(error).mean() / np.square(signal).mean())


@pytest.mark.parametrize("offset", [0.3, -0.3, 0.05])
def test_a_constant_offset_is_removed(offset):
    cleaned = without_offset(music() + np.float32(offset), RATE)
    assert cleaned.dtype == np.float32
    assert abs(cleaned.mean()) < 1e-4
    assert decibels(cleaned - music(), music()) < -40


def test_a_constant_is_silence_without_its_offset():
    assert np.abs(without_offset(np.full((1, 20_000), 0.3, np.float32), RATE)).max() < 1e-7


def test_channels_have_offsets_of_their_own():
    audio = music() + np.array([[0.2], [-0.1]], np.float32)
    assert decibels(without_offset(audio, RATE) - music(), music()) < -40


def test_an_offset_that_drifts_is_followed():
    drift = np.linspace(-0.2, 0.2, 10 * RATE).astype(np.float32)
    audio = music(10) + drift
    away_from_the_ends = slice(RATE, -RATE)
    error = (without_offset(audio, RATE) - music(10))[:, away_from_the_ends]
    assert decibels(error, music(10)) < -40


def test_digital_silence_in_front_of_an_offset_stays_silence():
    audio = np.concatenate([np.zeros((2, 5 * RATE), np.float32), music() + np.float32(0.3)], axis=1)
    cleaned = without_offset(audio, RATE)
    assert np.abs(cleaned[:, : 4 * RATE]).max() == 0
    assert decibels(cleaned[:, 6 * RATE :] - music()[:, RATE:], music()) < -40


def test_what_has_no_offset_keeps_every_bit():
    np.testing.assert_array_equal(without_offset(music(), RATE), music())
    slight = music() + np.float32(10 ** ((NEGLIGIBLE - 3) / 20) * music().std())
    np.testing.assert_array_equal(without_offset(slight, RATE), slight)
    for samples in (1, 50, RATE - 1):  # a few periods need not sum to zero
        short = music()[:, :samples]
        np.testing.assert_array_equal(without_offset(short, RATE), short)
    np.testing.assert_array_equal(without_offset(np.zeros((1, 20_000), np.float32), RATE), 0)


@pytest.mark.parametrize("size", [1, 999, 8000, 65_536])
def test_blocks_of_any_size_give_the_same_numbers(size):
    audio = music(1.3) + np.float32(0.3)
    offset = Offset(RATE, 2)
    pieces = [audio[:, start : start + size] for start in range(0, audio.shape[1], size)]
    for piece in pieces:
        offset.update(piece)
    cleaned = np.concatenate(list(offset.removed(pieces)), axis=1)
    np.testing.assert_allclose(cleaned, without_offset(audio, RATE), atol=1e-7)


def test_a_recording_is_examined_and_read_without_its_offset(tmp_path):
    soundfile.write(tmp_path / "plain.wav", music().T, RATE, "FLOAT")
    soundfile.write(tmp_path / "offset.wav", music().T + 0.3, RATE, "FLOAT")
    plain, offset = examine(tmp_path / "plain.wav"), examine(tmp_path / "offset.wav")
    assert plain.offset is None and plain.warnings == ()
    assert offset.offset is not None and offset.warnings == ()
    assert offset.level.peak == pytest.approx(plain.level.peak, abs=1e-3)
    assert offset.level.energy == pytest.approx(plain.level.energy, rel=1e-3)
    read = np.concatenate(list(offset.blocks()), axis=1)
    assert decibels(read - music(), music()) < -40
    np.testing.assert_array_equal(np.concatenate(list(plain.blocks()), axis=1), music())
    assert load(tmp_path / "offset.wav")[0].mean() == pytest.approx(0.3, abs=1e-3)


def test_a_recording_of_nothing_but_an_offset_is_silent(tmp_path):
    soundfile.write(tmp_path / "flat.wav", np.full(20_000, 0.25), RATE, "FLOAT")
    assert "flat.wav: is silent, and so are its stems." in examine(tmp_path / "flat.wav").warnings


@pytest.mark.real_audio
def test_an_offset_costs_no_player_and_no_decibel(tmp_path):
    excerpt = data_root() / "bach10_excerpts" / "02-excerpt03"
    samples = slice(0, 8 * 44_100)
    mixture = load(excerpt / "mix.flac")[0][:, samples] * 0.5
    model, qualities = load_model("chamber"), []
    for offset in (0.0, 0.3):
        soundfile.write(tmp_path / "mix.wav", mixture.T + offset, 44_100, "PCM_24")
        (tmp_path / str(offset)).mkdir()
        done = separate_recording(examine(tmp_path / "mix.wav"), model, tmp_path / str(offset))
        qualities.append(
            {
                name: si_sdr(
                    load(done.folder / f"{name}.wav")[0][0],
                    load(excerpt / f"{name}.flac")[0][0, samples],
                )
                for name in done.sources
            }
        )
    assert set(qualities[0]) == set(qualities[1]) == {"violin", "clarinet", "saxophone", "bassoon"}
    for name, quality in qualities[0].items():
        assert qualities[1][name] == pytest.approx(quality, abs=0.1)
