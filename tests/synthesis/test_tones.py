"""Synthetic tones: pitch, level, envelope and the silence above Nyquist."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.music.scores import Note, Part
from helpers.synthesis import tones
from helpers.synthesis.tones import LEVEL, N, Timbre, Tones

#: Amplitudes of the first harmonics of textbook waveforms (all as sines).
WAVEFORMS = {
    "sine": (1.0,),
    "triangle": tuple(k % 2 * (-1.0) ** (k // 2) / k**2 for k in range(1, N + 1)),
    "square": tuple(k % 2 / k for k in range(1, N + 1)),
    "sawtooth": tuple(1.0 / k for k in range(1, N + 1)),
}
RATE = 22050
STEADY = Timbre(harmonics=WAVEFORMS["sine"], sustain=1.0, attack=0.01, release=0.01)


def play(timbre: Timbre, *notes: Note, rate: int = RATE) -> np.ndarray:
    return Tones(timbre).render(Part("violin", notes), rate)


def spectrum(sound: np.ndarray, rate: int = RATE) -> tuple[np.ndarray, np.ndarray]:
    """Hertz and amplitudes of the middle of a sound, padded to tenths of a hertz."""
    middle = sound[0, len(sound[0]) // 4 : 3 * len(sound[0]) // 4]
    window = np.hanning(len(middle))
    size = 10 * rate
    return np.arange(size // 2 + 1) / 10, np.abs(np.fft.rfft(middle * window, size)) / window.sum()


@pytest.mark.parametrize(("pitch", "hertz"), [(69, 440.0), (69.5, 452.9), (57, 220.0)])
def test_note_sounds_at_its_pitch(pitch, hertz):
    bins, amplitudes = spectrum(play(STEADY, Note(0.0, 2.0, pitch)))
    assert bins[np.argmax(amplitudes)] == pytest.approx(hertz, abs=0.1)


def test_sawtooth_has_harmonics_that_fall_as_one_over_k():
    timbre = replace(STEADY, harmonics=WAVEFORMS["sawtooth"])
    _, amplitudes = spectrum(play(timbre, Note(0.0, 2.0, 57)))
    peaks = amplitudes[2200 * np.arange(1, 11)]
    assert peaks / peaks[0] == pytest.approx(1 / np.arange(1, 11), rel=1e-3)


def test_square_has_no_even_harmonics():
    timbre = replace(STEADY, harmonics=WAVEFORMS["square"])
    _, amplitudes = spectrum(play(timbre, Note(0.0, 2.0, 57)))
    assert amplitudes[2200 * np.arange(2, 11, 2)].max() < 1e-4 * amplitudes[2200]


def test_nothing_aliases():
    timbre = replace(STEADY, harmonics=WAVEFORMS["sawtooth"])
    hertz, amplitudes = spectrum(play(timbre, Note(0.0, 2.0, 100)))
    away = np.abs(hertz / 2637.02 - np.rint(hertz / 2637.02)) * 2637.02 > 20
    assert amplitudes[away].max() < 1e-4 * amplitudes.max()


def test_note_above_nyquist_is_silent():
    assert not play(STEADY, Note(0.0, 0.5, 127), rate=8000).any()


@pytest.mark.parametrize("waveform", WAVEFORMS)
def test_every_waveform_has_the_same_level(waveform):
    sound = play(replace(STEADY, harmonics=WAVEFORMS[waveform]), Note(0.0, 2.0, 45, 80))
    level = np.sqrt(np.mean(sound[0, RATE // 2 : RATE] ** 2))
    assert level == pytest.approx(LEVEL, rel=0.01)


def test_half_the_velocity_is_a_quarter_of_the_amplitude():
    loud, soft = (np.abs(play(STEADY, Note(0.0, 1.0, 69, v))).max() for v in (100, 50))
    assert soft == pytest.approx(loud / 4, rel=1e-3)


def test_vibrato_swings_by_its_depth_around_the_pitch():
    timbre = replace(STEADY, vibrato_depth=50.0, vibrato_rate=5.0)
    sound = play(timbre, Note(0.0, 3.0, 69))[0]
    rising = np.flatnonzero((sound[:-1] < 0) & (sound[1:] >= 0))
    crossings = rising + sound[rising] / (sound[rising] - sound[rising + 1])
    cents = 1200 * np.log2(RATE / np.diff(crossings) / 440)[300:-20]
    assert cents.max() == pytest.approx(50, abs=2)
    assert cents.min() == pytest.approx(-50, abs=2)


def test_dulling_lets_high_harmonics_decay_first():
    timbre = replace(STEADY, harmonics=(1.0, 1.0, 1.0), dulling=1.0)
    _, amplitudes = spectrum(play(timbre, Note(0.0, 2.0, 57)))
    first, second, third = amplitudes[[2200, 4400, 6600]]
    assert second / first == pytest.approx(np.exp(-1.0), rel=0.02)  # the window's middle: 1 s
    assert third / first == pytest.approx(np.exp(-2.0), rel=0.06)


def test_sound_begins_and_ends_in_silence_and_without_a_click():
    sound = play(STEADY, Note(0.5, 1.0, 69))[0]
    assert not sound[: RATE // 2].any()
    assert np.abs(sound[-3:]).max() < 1e-3 * np.abs(sound).max()
    slope = np.abs(np.diff(sound))
    assert slope.max() == pytest.approx(slope[RATE : RATE + 1000].max(), rel=0.01)


def test_overlapping_notes_add_up():
    notes = Note(0.0, 1.0, 60), Note(0.25, 0.5, 64)
    both = play(STEADY, *notes)
    first = play(STEADY, notes[0])
    rest = both[:, : first.shape[1]] - first
    hertz, amplitudes = spectrum(rest)
    assert hertz[np.argmax(amplitudes)] == pytest.approx(329.6, abs=0.5)


def test_the_same_seed_draws_the_same_timbre():
    first, again, other = (Timbre.draw(np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert first == again != other
    notes = Note(0.0, 0.5, 60), Note(0.5, 0.5, 62)
    assert np.array_equal(play(first, *notes), play(again, *notes))


def test_part_without_notes_has_no_samples():
    assert play(STEADY).shape == (1, 0)


def test_a_note_longer_than_a_block_has_no_seam(monkeypatch):
    timbre = Timbre.draw(np.random.default_rng(5))
    timbre = replace(timbre, vibrato_depth=20.0, breath=0.01)
    whole = play(timbre, Note(0.0, 2.0, 60))
    monkeypatch.setattr(tones, "LONG", 3001)
    np.testing.assert_array_equal(play(timbre, Note(0.0, 2.0, 60)), whole)
