"""Effects on signals whose answers are known: tones, clicks, noise and rooms."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.augmentation.effects import (
    Compression,
    Detune,
    Equaliser,
    Gain,
    Tilt,
)
from helpers.augmentation.rooms import Reverb, Room, room_positions

RATE = 22050
KINDS = (Gain, Tilt, Equaliser, Compression, Detune, Reverb)
ROOM = Room((9.0, 7.0, 4.0), 0.3, (4.0, 3.0, 1.5))


def tone(hertz: float, amplitude: float = 0.5, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[None]


def noise(channels: int = 1, samples: int = RATE) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(0.0, 0.1, (channels, samples)).astype(np.float32)


def click(at: int, samples: int = RATE) -> np.ndarray:
    stem = np.zeros((1, samples), np.float32)
    stem[0, at] = 1.0
    return stem


def middle(stem: np.ndarray) -> np.ndarray:
    """Without a quarter at each end, where filters begin and end."""
    quarter = stem.shape[-1] // 4
    return stem[..., quarter:-quarter]


def decibels(stem: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(middle(stem).astype(np.float64) ** 2)))


def pitch(stem: np.ndarray) -> float:
    """Frequency in Hz of the strongest partial."""
    window = middle(stem)[0] * np.hanning(middle(stem).shape[-1])
    size = 1 << 21
    return float(np.argmax(np.abs(np.fft.rfft(window, size))) * RATE / size)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_draws_the_same_effect(kind):
    once, again = (kind.draw(np.random.default_rng(5)) for _ in range(2))
    assert once == again
    assert once != kind.draw(np.random.default_rng(6))


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawn_effect_gives_the_same_bits_each_time(kind):
    effect, stem = kind.draw(np.random.default_rng(5)), noise()
    np.testing.assert_array_equal(effect.apply(stem, RATE), effect.apply(stem, RATE))


@pytest.mark.parametrize("kind", KINDS)
def test_apply_uses_no_global_randomness_and_keeps_its_input(kind):
    effect, stem = kind.draw(np.random.default_rng(5)), noise()
    state, kept = np.random.get_state()[1].copy(), stem.copy()  # noqa: NPY002
    effect.apply(stem, RATE)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.testing.assert_array_equal(stem, kept)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stem_keeps_its_shape_and_dtype(kind, channels):
    stem = noise(channels, 4001)
    changed = kind.draw(np.random.default_rng(5)).apply(stem, RATE)
    assert changed.shape == stem.shape
    assert changed.dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
def test_silence_stays_silent(kind):
    silence = np.zeros((1, 4000), np.float32)
    assert not kind.draw(np.random.default_rng(5)).apply(silence, RATE).any()


def test_a_gain_of_six_decibels_doubles_the_amplitude():
    assert Gain(20 * np.log10(2)).apply(noise(), RATE) == pytest.approx(2 * noise())


@pytest.mark.parametrize(("hertz", "change"), [(250, 0), (500, 0), (1000, -6), (2000, -12)])
def test_a_tilt_of_minus_six_lowers_each_octave_above_its_corner_by_six_decibels(hertz, change):
    stem = tone(hertz)
    tilted = Tilt(slope=-6.0, corner=500.0).apply(stem, RATE)
    assert decibels(tilted) - decibels(stem) == pytest.approx(change, abs=0.1)


def test_a_tilt_above_the_nyquist_frequency_changes_nothing():
    np.testing.assert_array_equal(Tilt(-6.0, 500.0).apply(noise(), 1000), noise())


@pytest.mark.parametrize(
    ("hertz", "change"), [(250, 6), (500, 3), (1000, 0), (2000, -5), (4000, -10)]
)
def test_an_equaliser_interpolates_its_gains_over_log_frequency(hertz, change):
    stem = tone(hertz)
    shaped = Equaliser((250.0, 1000.0, 4000.0), (6.0, 0.0, -10.0)).apply(stem, RATE)
    assert decibels(shaped) - decibels(stem) == pytest.approx(change, abs=0.1)


def test_an_equaliser_has_no_delay():
    shaped = Equaliser((250.0, 4000.0), (6.0, -6.0)).apply(click(3000), RATE)
    assert np.argmax(np.abs(shaped)) == 3000


def test_an_equaliser_does_not_wrap_around_the_end_of_a_stem():
    shaped = Equaliser((125.0, 500.0, 4000.0), (6.0, -6.0, 6.0)).apply(click(RATE - 1), RATE)
    assert np.abs(shaped[:, : RATE // 2]).max() < 1e-4


@pytest.mark.parametrize("ratio", [2.0, 4.0])
def test_a_compressor_divides_the_decibels_above_its_threshold_by_its_ratio(ratio):
    stem = tone(1000, amplitude=1.0)  # mean square -3.01 dB
    changed = Compression(threshold=-23.01, ratio=ratio).apply(stem, RATE)
    assert decibels(changed) == pytest.approx(-23.01 + 20.0 / ratio, abs=0.1)


def test_a_compressor_keeps_levels_below_its_threshold():
    stem = tone(1000, amplitude=0.05)
    np.testing.assert_array_equal(Compression(-20.0, 4.0).apply(stem, RATE), stem)


def test_a_compressor_applies_one_gain_to_both_channels():
    stem = np.concatenate([tone(1000, 1.0), tone(1000, 0.1)])
    changed = Compression(-23.0, 3.0).apply(stem, RATE)
    assert changed[1] == pytest.approx(0.1 * changed[0], abs=1e-6)


@pytest.mark.parametrize(("cents", "hertz"), [(100, 466.16), (0, 440.0), (-1200, 220.0)])
def test_detuning_shifts_the_pitch_by_its_cents(cents, hertz):
    assert pitch(Detune(cents).apply(tone(440.0, seconds=2.0), RATE)) == pytest.approx(
        hertz, abs=0.1
    )


def test_detuning_keeps_level_and_onset():
    stem = tone(440.0)
    detuned = Detune(20.0).apply(stem, RATE)
    assert decibels(detuned) == pytest.approx(decibels(stem), abs=0.05)
    assert np.argmax(np.abs(Detune(20.0).apply(click(0), RATE))) == 0


@pytest.mark.parametrize("seed", range(8))
def test_a_reverb_keeps_the_direct_sound_in_time_and_level(seed):
    reverb = Reverb.draw(np.random.default_rng(seed))
    distance = np.linalg.norm(np.subtract(reverb.source, reverb.room.microphone))
    nearest = min(np.minimum(reverb.source, np.subtract(reverb.room.size, reverb.source)))
    assert distance > 0.3 and nearest >= 0.3 - 1e-9  # so that no echo is within a few samples
    wet = reverb.apply(click(1000), RATE)[0]
    assert np.abs(wet[:1000]).max() < 1e-5
    assert wet[1000] == pytest.approx(1.0, abs=1e-3)
    assert np.abs(wet[1001:1004]).max() < 0.1  # a single sample, at whatever fraction it arrives


def test_delay_and_level_of_the_first_echo_follow_from_its_path_length():
    reverb = Reverb(ROOM, (6.0, 3.0, 1.5))  # 2 m away; via the floor sqrt(13) m
    wet = reverb.apply(click(0), RATE)[0]
    late = (np.sqrt(13.0) - 2.0) / 343.0 * RATE
    place = int(np.argmax(np.abs(wet[20:200]))) + 20
    assert place == pytest.approx(late, abs=1.0)
    echo = 2.0 / np.sqrt(13.0) * np.sqrt(1.0 - ROOM.absorption)
    assert wet[place - 3 : place + 4].sum() == pytest.approx(echo, abs=0.1)


def test_more_absorption_shortens_the_reverberation():
    dead = Room(ROOM.size, 0.6, ROOM.microphone)
    tails = [
        np.sum(Reverb(room, (6.0, 3.0, 1.5)).apply(click(0), RATE)[0, 1000:] ** 2)
        for room in (dead, ROOM)
    ]
    assert tails[0] < 0.3 * tails[1]


@pytest.mark.parametrize("seed", range(20))
def test_drawn_positions_are_inside_the_room(seed):
    reverb = Reverb.draw(np.random.default_rng(seed), ROOM)
    assert reverb.room == ROOM
    assert all(0.0 < place < wall for place, wall in zip(reverb.source, ROOM.size, strict=True))


def test_positions_differ_in_every_room():
    places = [reverb for number in range(20) for reverb in room_positions(number)]
    assert len({reverb.room for reverb in places}) == 20
    reach = np.array([np.subtract(r.source, r.room.microphone) for r in places])
    directions = reach / np.linalg.norm(reach, axis=1, keepdims=True)
    likeness = np.abs(directions @ directions.T - np.eye(len(places)))
    assert likeness.max() < 1.0 - 1e-6  # no two of eighty are in one direction
    assert room_positions(3) == room_positions(3)
