"""The ingredients of the ablation: expressive performances, vibrato, the recording chain."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import signal

from experiments import ingredients
from experiments.ingredients import (
    FORTE,
    PIANO,
    Brightness,
    ExpressivePerformance,
    RealismMixing,
    RealismRendering,
    Vibrato,
)
from helpers.augmentation.recording_chain import Codec, Microphone, Noise
from helpers.datasets import manifests, renderings
from helpers.datasets.mixing import Mixer, MixingConfig, StemSegment
from helpers.datasets.renderings import RenderingConfig, render_variants
from helpers.datasets.stem_bank import RenderedStem, StemBank, write_piece
from helpers.datasets.torch_datasets import MixtureDataset
from helpers.music.performances import Performance
from helpers.music.scores import Note, Part, Score

RATE = 22050
SOURCES = ("violin", "clarinet", "bassoon")
OFF = RealismMixing(rooms=2)
ON = replace(OFF, vibrato=1.0, microphone=1.0, noise=1.0, codec=1.0)
LIMITS = {"asynchrony": (0.027, 0.049), "swell": 40.0, "softness": 30.0, "intonation": 9.0}
SCORE_ONLY = {"soundfonts": (), "note_samples": 0, "tones": 1, "timbre_substitution": 0}


def chorale(seconds: float = 600.0, parts: int = 2) -> Score:
    """Notes of half a second, the same rhythm in all parts."""
    notes = tuple(Note(time, 0.5, 60.0, 80) for time in np.arange(1.0, seconds, 0.5))
    return Score("long", tuple(Part("violin", notes) for _ in range(parts)))


def strict(parts: int = 2, **changes) -> ExpressivePerformance:
    """As written, but for `changes`."""
    still = (0.0,) * parts
    return ExpressivePerformance(1.0, 0.0, 0.0, (1.0,) * parts, still, still, 3, **changes)


def numbers(score: Score, name: str) -> np.ndarray:
    """One entry of all notes, (parts, notes)."""
    return np.array([[getattr(note, name) for note in part.notes] for part in score.parts])


def test_a_strict_performance_is_the_score():
    assert strict().apply(chorale(20.0)) == chorale(20.0)


@pytest.mark.parametrize("spread", [0.027, 0.049])
def test_onsets_of_two_players_differ_by_the_asynchrony_with_mean_zero(spread):
    page = chorale()
    late = numbers(strict(asynchrony=spread).apply(page), "onset") - numbers(page, "onset")
    assert np.std(late[0] - late[1]) == pytest.approx(spread, rel=0.1)
    assert np.std(late, axis=1) == pytest.approx([spread / np.sqrt(2)] * 2, rel=0.15)
    assert np.abs(late.mean(axis=1)).max() < 0.2 * spread
    assert abs(np.corrcoef(late)[0, 1]) < 0.2


def test_three_quarters_of_a_delay_remain_at_the_next_note():
    page = chorale(2000.0)
    late = numbers(strict(asynchrony=0.04).apply(page), "onset") - numbers(page, "onset")
    assert np.corrcoef(late[0][1:], late[0][:-1])[0, 1] == pytest.approx(0.75, abs=0.05)


def test_no_onset_moves_by_more_than_three_standard_deviations():
    page = chorale(2000.0)
    late = numbers(strict(asynchrony=0.04).apply(page), "onset") - numbers(page, "onset")
    assert np.abs(late).max() <= 3 * 0.04 / np.sqrt(2) + 1e-9


def test_all_parts_swell_by_at_least_half_of_the_drawn_velocity():
    played = numbers(strict(swell=40.0).apply(chorale()), "velocity")
    reach = np.ptp(played, axis=1)
    assert np.all((reach >= 18) & (reach <= 40))
    assert np.corrcoef(played)[0, 1] > 0.99
    falls = np.diff(np.sign(np.diff(played[0]))) < 0
    assert 600 / 8.0 - 5 <= falls.sum() <= 600 / 3.0  # phrases of three to eight seconds


def test_softness_is_subtracted_from_every_velocity():
    assert np.all(numbers(strict(softness=30.0).apply(chorale(20.0)), "velocity") == 50)


def test_intonation_spreads_pitches_from_note_to_note():
    cents = 100 * (numbers(strict(intonation=10.0).apply(chorale()), "pitch") - 60.0)
    assert np.std(cents, axis=1) == pytest.approx([10.0, 10.0], rel=0.1)
    assert np.abs(cents.mean(axis=1)).max() < 1.0


def test_the_ingredients_change_no_other_draw_of_a_performance():
    plain = RenderingConfig(SOURCES, **SCORE_ONLY).performance(np.random.default_rng(3), 2)
    rng = np.random.default_rng(3)
    drawn = RealismRendering(SOURCES, **SCORE_ONLY, **LIMITS).performance(rng, 2)
    assert Performance(**{name: getattr(drawn, name) for name in vars(plain)}) == plain
    assert 0.027 <= drawn.asynchrony <= 0.049
    assert 0.0 < drawn.swell < 40.0 and 0.0 < drawn.softness < 30.0


def test_soft_notes_are_darker_by_a_tilt_and_recorded_ones_unchanged(monkeypatch):
    """White noise, 9 dB per octave above 500 Hz darker at piano; 2 to 4 kHz are 2.5 octaves up."""
    noise = np.random.default_rng(0).normal(0.0, 0.1, (1, 4 * RATE)).astype(np.float32)
    renderer = SimpleNamespace(render=lambda *_: noise, can_play=lambda _: True)
    for name in ("Tones", "Sampler"):
        monkeypatch.setattr(renderings, name, lambda *_: renderer)
    monkeypatch.setattr(renderings, "note_players", lambda root: [root])
    monkeypatch.setattr(renderings, "player_of", lambda players, *_: players[0])
    as_written = Performance(1.0, 0.0, 0.0, (1.0,), (0.0,), (0.0,), 0)
    monkeypatch.setattr(RealismRendering, "performance", lambda *_: as_written)
    config = RealismRendering(("violin",), RATE, **{**SCORE_ONLY, "note_samples": 1}, darkening=9.0)
    change = {}
    for velocity in (PIANO, FORTE, 120):
        score = Score("one", (Part("violin", (Note(0.0, 4.0, 69.0, velocity),)),))
        for stem in render_variants(score, config, Path("notes"), np.random.default_rng(0)):
            spectrum, whole = (np.abs(np.fft.rfft(x[0])) ** 2 for x in (stem.stem, noise))
            band = slice(2800 * 4, 2900 * 4)
            change[stem.kind, velocity] = 10 * np.log10(spectrum[band].sum() / whole[band].sum())
    assert change["tones", PIANO] == pytest.approx(-9.0 * np.log2(2850 / 500), abs=0.3)
    for others in (("tones", FORTE), ("tones", 120), ("notes", PIANO)):
        assert change[others] == pytest.approx(0.0, abs=0.01)


def test_the_manifest_depends_on_the_code_of_the_ingredients(monkeypatch):
    read = []
    monkeypatch.setattr(manifests, "code_sha256", lambda modules: read.extend(modules))
    manifests.manifest(RealismRendering(SOURCES, **SCORE_ONLY), None)
    assert Path(inspect.getfile(ingredients)) in read


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """One piece of three noises."""
    folder = tmp_path_factory.mktemp("bank")
    rng = np.random.default_rng(0)
    stems = [
        RenderedStem(name, "soundfont", voice, rng.normal(0, 0.1, (1, RATE)).astype(np.float32))
        for voice, name in enumerate(SOURCES)
    ]
    write_piece(folder, "one", RATE, stems)
    return StemBank(folder)


def drawn(bank: StemBank, config: MixingConfig, seed: int) -> list[StemSegment | None]:
    return Mixer(bank, SOURCES, config, 0.25).draw(np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(10))
def test_the_ingredients_change_no_other_draw_of_a_mixture(bank, seed):
    plain = MixingConfig(rooms=2)
    for before, now in zip(drawn(bank, plain, seed), drawn(bank, ON, seed), strict=True):
        assert (before is None) == (now is None)
        if before:
            assert isinstance(now.effects[0], Vibrato)
            assert before == replace(now, effects=now.effects[1:], common=())


def test_all_stems_of_a_mixture_share_a_recording_chain_that_differs_between_mixtures(bank):
    chains = []
    for seed in range(5):
        (common,) = {segment.common for segment in drawn(bank, ON, seed) if segment}
        assert [type(effect) for effect in common] == [Microphone, Noise, Codec]
        chains.append(common)
    assert len(set(chains)) == 5


def test_shares_of_common_effects_are_kept():
    config = replace(OFF, microphone=0.7, noise=0.2)
    rng = np.random.default_rng(0)
    kinds = [{type(effect) for effect in config.common_effects(rng)} for _ in range(600)]
    shares = [np.mean([kind in some for some in kinds]) for kind in (Microphone, Noise, Codec)]
    assert shares == pytest.approx([0.7, 0.2, 0.0], abs=0.06)


def test_an_inactive_source_is_silent_behind_microphone_noise_and_codec(bank):
    mixer = Mixer(bank, SOURCES, replace(ON, inactive=0.5), 0.25)
    rng = np.random.default_rng(0)
    for mixture in (mixer.draw(rng) for _ in range(10)):
        for segment, stem in zip(mixture, mixer.make(mixture), strict=True):
            assert (segment is None) == (not stem.any())


def test_the_mixture_is_the_sum_of_its_stems_bit_for_bit(bank):
    dataset = MixtureDataset(Mixer(bank, SOURCES, ON, 0.25))
    for mixture, stems in (dataset[index] for index in range(5)):
        assert torch.equal(mixture, stems.sum(0))


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[None]


def decibels(stem: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(stem[:, RATE // 4 : -RATE // 4].astype(np.float64) ** 2)))


@pytest.mark.parametrize("effect", [Vibrato(5.0, 20.0, 1.0), Brightness((0.1, 0.5), (0.0, -6.0))])
def test_an_effect_keeps_shape_type_and_silence(effect):
    for channels in (1, 2):
        silence = np.zeros((channels, 5000), np.float32)
        changed = effect.apply(silence, RATE)
        assert changed.dtype == np.float32
        np.testing.assert_array_equal(changed, silence)


def test_vibrato_is_drawn_from_the_generator():
    once, again = (Vibrato.draw(np.random.default_rng(5)) for _ in range(2))
    assert once == again != Vibrato.draw(np.random.default_rng(6))


def test_brightness_is_interpolated_between_tilts():
    stem = tone(1000.0, seconds=4.0)
    changed = Brightness((1.0, 3.0), (0.0, -6.0)).apply(stem, RATE)  # an octave above 500 Hz
    for time, change in ((0.5, 0.0), (1.95, -3.0), (3.5, -6.0)):
        window = slice(round(time * RATE), round((time + 0.1) * RATE))
        got = 10 * np.log10(np.mean(changed[0, window] ** 2) / np.mean(stem[0, window] ** 2))
        assert got == pytest.approx(change, abs=0.15)


def test_brightness_without_times_changes_nothing():
    np.testing.assert_array_equal(Brightness((), ()).apply(tone(440.0), RATE), tone(440.0))


def test_a_vibrato_swings_the_pitch_by_its_cents_at_its_rate():
    swung = Vibrato(hertz=5.0, cents=30.0, phase=0.0).apply(tone(1000.0, seconds=2.0), RATE)[0]
    turns = np.unwrap(np.angle(signal.hilbert(swung.astype(np.float64)))) / (2 * np.pi)
    cents = 1200 * np.log2(np.diff(turns)[RATE // 2 : -RATE // 2] * RATE / 1000.0)
    assert cents.max() == pytest.approx(30.0, abs=1.0)
    assert cents.min() == pytest.approx(-30.0, abs=1.0)
    spectrum = np.abs(np.fft.rfft(cents * np.hanning(len(cents)), 1 << 18))
    assert np.argmax(spectrum) * RATE / (1 << 18) == pytest.approx(5.0, abs=0.2)


def test_a_vibrato_of_no_cents_is_the_stem_itself():
    assert Vibrato(5.0, 0.0, 1.0).apply(tone(440.0), RATE) == pytest.approx(tone(440.0), abs=1e-6)


def test_a_vibrato_keeps_the_level_of_high_tones():
    stem = tone(6000.0)
    changed = Vibrato(5.0, 20.0, 0.0).apply(stem, RATE)
    assert decibels(changed) == pytest.approx(decibels(stem), abs=1.5)
