"""What a player adds to recorded notes, with signals whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.music.scores import Note, Part
from helpers.synthesis.expression import Expression
from helpers.synthesis.sampler import Sampler
from tests.synthesis.test_sampler import RATE, tone, write_notes

HERTZ = 440.0


def pitch_curve(sound: np.ndarray, rate: int = RATE) -> np.ndarray:
    """Cents above HERTZ of a sine, sample by sample, from the phase of its analytic signal."""
    spectrum = np.fft.fft(sound.astype(np.float64) + 1e-9)
    spectrum[len(sound) // 2 :] = 0.0
    phase = np.unwrap(np.angle(np.fft.ifft(spectrum)))
    steps = np.maximum(np.diff(phase), 1e-9)
    return 1200 * np.log2(steps * rate / (2 * np.pi) / HERTZ)


def test_vibrato_grows_to_its_depth_at_its_rate_and_keeps_the_mean_pitch():
    manner = Expression(vibrato=40.0, rate=5.0, delay=0.2, growth=0.6)
    sine = np.sin(2 * np.pi * HERTZ * np.arange(3 * RATE) / RATE)
    curve = pitch_curve(manner.with_vibrato(sine, 0.0, RATE, np.random.default_rng(1)))
    still, whole = curve[4410:8000], curve[RATE : 2 * RATE]
    assert np.abs(still).max() < 5.0  # the edges of the transform
    depth = (np.percentile(whole, 99.5) - np.percentile(whole, 0.5)) / 2
    assert depth == pytest.approx(40.0, rel=0.45)  # deviates by 15 % from note to note
    assert whole.mean() == pytest.approx(0.0, abs=1.0)
    rates = np.arange(3.0, 8.0, 0.05)
    waves = np.exp(2j * np.pi * rates[:, None] * np.arange(RATE) / RATE)
    assert rates[np.argmax(np.abs(waves @ whole))] == pytest.approx(5.0, abs=0.15)
    early = curve[round(0.3 * RATE) : round(0.5 * RATE)]
    assert np.ptp(early) < 0.6 * np.ptp(whole)


def test_without_vibrato_a_note_is_the_same_object():
    sound = np.zeros(10, np.float32)
    assert Expression().with_vibrato(sound, 0.0, RATE, np.random.default_rng(0)) is sound


def test_onset_noise_lies_in_its_band_and_dies_away():
    manner = Expression(noise=0.1, colour=3000.0, decay=0.05)
    bursts = [manner.onset_noise(RATE, np.random.default_rng(i)) for i in range(20)]
    assert len(bursts[0]) == round(0.3 * RATE)
    peak = np.sqrt(np.mean([np.square(b[441:882]) for b in bursts]))
    assert peak == pytest.approx(0.1 * np.exp(-0.3), rel=0.15)
    assert np.sqrt(np.mean([np.square(b[-2000:]) for b in bursts])) < 0.05 * peak
    power = np.mean([np.abs(np.fft.rfft(b)) ** 2 for b in bursts], axis=0)
    hertz = np.fft.rfftfreq(len(bursts[0]), 1 / RATE)
    inside = power[(hertz > 1200) & (hertz < 7500)].sum() / power.sum()
    assert inside > 0.75


def test_limits_are_upper_limits_and_clarinets_have_no_vibrato():
    rng = np.random.default_rng(0)
    manners = [Expression.draw(rng, "violin", 30.0, 0.1, 0.3) for _ in range(200)]
    for name, limit in (("vibrato", 30.0), ("noise", 0.1), ("release", 0.3)):
        values = [getattr(manner, name) for manner in manners]
        assert 0.0 <= min(values) < 0.1 * limit and 0.9 * limit < max(values) <= limit
    assert Expression.draw(rng, "clarinet", 30.0).vibrato == 0.0


@pytest.fixture
def violin(tmp_path, monkeypatch):
    monkeypatch.setenv("DIVISI_CACHE", str(tmp_path / "cache"))
    time = np.arange(2 * RATE) / RATE
    ringing = tone(69, 2.0) * np.where(time > 1.0, np.exp(-6 * (time - 1.0)), 1.0)
    write_notes(tmp_path / "a", [(["violin", "69", "", "F", "a.wav", "0", ""], ringing)])
    return tmp_path / "a"


def rendered(root, **limits) -> np.ndarray:
    part = Part("violin", (Note(0.5, 0.8, 69.0), Note(1.6, 0.8, 69.0)))
    return Sampler(root, 4, **limits).render(part, RATE)[0]


def test_zero_limits_change_no_bit_and_each_limit_changes_what_it_says(violin):
    plain = rendered(violin)
    assert np.array_equal(plain, rendered(violin, vibrato=0.0, noise=0.0, release=0.0))
    longer = rendered(violin, release=0.5)
    assert len(longer) > len(plain)
    at = slice(round(1.5 * RATE), round(1.55 * RATE))
    assert np.abs(plain[at]).max() < 1e-4 < np.abs(longer[at]).max()
    noisy = rendered(violin, noise=0.3)
    assert np.array_equal(noisy[: RATE // 2 - 10], plain[: RATE // 2 - 10])
    assert np.abs(noisy - plain)[RATE // 2 : round(0.6 * RATE)].max() > 0.02 * np.abs(plain).max()
    swinging = rendered(violin, vibrato=50.0)
    note = slice(round(0.7 * RATE), round(1.2 * RATE))
    assert np.ptp(pitch_curve(swinging[note])[4410:-4410]) > 15.0
    assert np.ptp(pitch_curve(plain[note])[4410:-4410]) < 3.0
