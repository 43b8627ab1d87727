"""Mixtures drawn from a bank of noises: what is drawn, its levels and its effects."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from helpers.augmentation.effects import Gain
from helpers.datasets.mixing import NOMINAL_RMS, Mixer, MixingConfig, StemSegment, normalise_rms
from helpers.datasets.stem_bank import RenderedStem, StemBank, write_piece

RATE = 4000
SOURCES = ("violin", "clarinet", "bassoon")
SECONDS = 0.25
KINDS = {"soundfont": 1.0, "tones": 1.0, "timbre_substitution": 1.0, "solo": 1.0, "real": 1.0}
PLAIN = MixingConfig(
    real_share=0.0, inactive=0.0, variant_weights=KINDS, reverb=0.0, compression=0.0, rooms=2
)


def noise(seed: int, length: int = RATE) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.1, (1, length)).astype(np.float32)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Three pieces in three kinds, a duet, a solo and a recording."""
    folder = tmp_path_factory.mktemp("bank")
    for number, piece in enumerate(("one", "two", "three")):
        variants = [
            RenderedStem(name, kind, voice, noise(100 * number + 10 * voice + len(kind)))
            for voice, name in enumerate(SOURCES)
            for kind in ("soundfont", "tones", "timbre_substitution")
        ]
        write_piece(folder, piece, RATE, variants)
    duet = [RenderedStem(name, "soundfont", i, noise(i)) for i, name in enumerate(SOURCES[:2])]
    write_piece(folder, "duet", RATE, duet)
    write_piece(folder, "violin", RATE, [RenderedStem("violin", "solo", None, noise(7, 700))])
    real = [RenderedStem(name, "real", i, noise(i + 20)) for i, name in enumerate(SOURCES)]
    write_piece(folder, "recording", RATE, real)
    return StemBank(folder)


@pytest.fixture
def mixer(bank):
    """A mixer of `bank` with a config."""
    return lambda config: Mixer(bank, SOURCES, config, SECONDS)


def draws(mixer: Mixer, count: int = 200) -> list[list[StemSegment | None]]:
    rng = np.random.default_rng(0)
    return [mixer.draw(rng) for _ in range(count)]


def test_the_same_draw_makes_the_same_numbers(mixer):
    mixing = mixer(replace(PLAIN, reverb=1.0, compression=1.0, inactive=0.2))
    once, again = (mixing.draw(np.random.default_rng(4)) for _ in range(2))
    assert once == again
    np.testing.assert_array_equal(mixing.make(once), mixing.make(again))
    assert once != mixing.draw(np.random.default_rng(5))


def test_a_draw_can_be_made_by_another_mixer_later(mixer):
    drawn = mixer(PLAIN).draw(np.random.default_rng(4))
    other = mixer(replace(PLAIN, coherent=0.0, gain=0.0, inactive=1.0))
    np.testing.assert_array_equal(mixer(PLAIN).make(drawn), other.make(drawn))


def test_a_stem_is_its_segment_through_its_effects_in_order(mixer, bank):
    mixing = mixer(PLAIN)
    drawn = mixing.draw(np.random.default_rng(0))
    for segment, stem in zip(drawn, mixing.make(drawn), strict=True):
        expected = bank.read(segment.variant, segment.offset, mixing.samples)
        for effect in segment.effects:
            expected = effect.apply(normalise_rms(expected), RATE)
        np.testing.assert_array_equal(stem, expected)


def test_stems_without_effects_are_the_segments_at_one_level(mixer, bank):
    mixing = mixer(PLAIN)
    bare = [replace(e, effects=(Gain(0.0),)) for e in mixing.draw(np.random.default_rng(0))]
    for segment, stem in zip(bare, mixing.make(bare), strict=True):
        assert np.sqrt(np.mean(stem**2)) == pytest.approx(NOMINAL_RMS, rel=1e-5)
        window = bank.read(segment.variant, segment.offset, mixing.samples)
        assert np.corrcoef(stem[0], window[0])[0, 1] == pytest.approx(1.0)


def test_the_gain_decides_the_level(mixer):
    mixing = mixer(replace(PLAIN, compression=1.0, reverb=1.0))
    drawn = mixing.draw(np.random.default_rng(0))
    for segment, stem in zip(drawn, mixing.make(drawn), strict=True):
        rms = NOMINAL_RMS * 10 ** (segment.effects[-1].decibels / 20)
        assert np.sqrt(np.mean(stem**2)) == pytest.approx(rms, rel=1e-5)


def powers(stems: np.ndarray) -> np.ndarray:
    """The mean square of each stem."""
    return np.mean(stems[:, 0].astype(np.float64) ** 2, axis=1)


def test_the_balance_is_kept_if_stems_are_not_normalised(tmp_path):
    """Noise at 0, -20 and -40 dB; a room, filters and a compressor change no balance."""
    levels = 0.1 * 10.0 ** np.array([0.0, -1.0, -2.0])
    variants = [
        RenderedStem(name, "soundfont", voice, noise(voice) * np.float32(levels[voice] / 0.1))
        for voice, name in enumerate(SOURCES)
    ]
    write_piece(tmp_path, "one", RATE, variants)
    config = replace(
        PLAIN, normalise_stems=False, coherent=1.0, gain=0.0, reverb=1.0, compression=1.0
    )
    mixing = Mixer(StemBank(tmp_path), SOURCES, config, SECONDS)
    stems = mixing.make(mixing.draw(np.random.default_rng(0)))
    decibels = 10 * np.log10(powers(stems))
    assert decibels - decibels[0] == pytest.approx([0.0, -20.0, -40.0], abs=0.5)


def test_without_normalised_stems_the_mixture_is_normalised(mixer, bank):
    mixing = mixer(replace(PLAIN, normalise_stems=False))
    bare = [replace(e, effects=(Gain(0.0),)) for e in mixing.draw(np.random.default_rng(0))]
    variants = np.stack([bank.read(e.variant, e.offset, mixing.samples) for e in bare])
    factor = NOMINAL_RMS / np.sqrt(np.mean(variants.sum(axis=0) ** 2))
    stems = mixing.make(bare)
    np.testing.assert_allclose(stems, factor * variants, rtol=1e-4, atol=1e-8)
    assert np.sqrt(np.mean(stems.sum(axis=0) ** 2)) == pytest.approx(NOMINAL_RMS, rel=1e-4)


def test_gains_are_relative_to_the_kept_balance(mixer):
    mixing = mixer(replace(PLAIN, normalise_stems=False))
    drawn = mixing.draw(np.random.default_rng(0))
    plain = [replace(e, effects=(*e.effects[:-1], Gain(0.0))) for e in drawn]
    gains = [segment.effects[-1].decibels for segment in drawn]
    change = 10 * np.log10(powers(mixing.make(drawn)) / powers(mixing.make(plain)))
    assert change == pytest.approx(gains, abs=1e-3)


@pytest.mark.parametrize("normalise_stems", [True, False])
def test_silent_stems_make_a_silent_mixture(tmp_path, normalise_stems):
    silence = np.zeros((1, RATE), np.float32)
    variants = [RenderedStem(name, "soundfont", i, silence) for i, name in enumerate(SOURCES)]
    write_piece(tmp_path, "rest", RATE, variants)
    config = replace(PLAIN, normalise_stems=normalise_stems, coherent=1.0)
    mixing = Mixer(StemBank(tmp_path), SOURCES, config, SECONDS)
    assert not mixing.make(mixing.draw(np.random.default_rng(0))).any()


def ending(seed: int, level: float) -> np.ndarray:
    """A second of noise at -20 dBFS, then a quarter of a second at `level` relative to it."""
    stem = noise(seed)
    stem[:, -RATE // 4 :] *= 10 ** (level / 20)
    return stem


@pytest.mark.parametrize("normalise_stems", [True, False])
@pytest.mark.parametrize(("level", "expected"), [(-20.0, 0.0), (-73.0, -73.0)])
def test_the_end_of_a_release_stays_quiet(tmp_path, level, expected, normalise_stems):
    """Failed before: a window at -93 dBFS was raised to the level of a full stem."""
    stems = [RenderedStem(name, "soundfont", i, ending(i, level)) for i, name in enumerate(SOURCES)]
    write_piece(tmp_path, "one", RATE, stems)
    bank = StemBank(tmp_path)
    config = replace(PLAIN, normalise_stems=normalise_stems)
    segments = [StemSegment(v, v.length - RATE // 4, (Gain(0.0),)) for v in bank.variants]
    made = Mixer(bank, SOURCES, config, SECONDS).make(segments)
    whole = made.sum(axis=0) if not normalise_stems else made[0]
    decibels = 20 * np.log10(np.sqrt(np.mean(whole**2)) / NOMINAL_RMS)
    # the RMS of the whole stem is 1.2 dB lower than that of its loud part; 30 dB are allowed
    assert decibels == pytest.approx(expected + (31.2 if expected else 0.0), abs=0.5)


def test_silence_is_not_amplified():
    silence = np.zeros((1, 100), np.float32)
    np.testing.assert_array_equal(normalise_rms(silence), silence)


def test_coherent_mixes_are_of_one_piece_at_one_offset(mixer):
    pieces = set()
    for drawn in draws(mixer(replace(PLAIN, coherent=1.0))):
        assert len({(segment.variant.piece, segment.offset) for segment in drawn}) == 1
        assert [segment.variant.instrument for segment in drawn] == list(SOURCES)
        assert drawn[0].offset <= RATE - SECONDS * RATE
        pieces.add(drawn[0].variant.piece)
    assert pieces == {"one", "two", "three"}  # the duet lacks a bassoon


def test_a_bank_of_a_trio_serves_its_duos_in_any_order(bank):
    variant_weights = {"soundfont": 1.0, "timbre_substitution": 1.0}
    config = replace(PLAIN, coherent=1.0, variant_weights=variant_weights)
    voices = {"bassoon": 2, "violin": 0}
    duo = Mixer(bank, tuple(voices), config, SECONDS)
    mixtures = draws(duo)
    for drawn in mixtures:
        assert [segment.variant.instrument for segment in drawn] == list(voices)
        assert [segment.variant.voice for segment in drawn] == list(voices.values())
    assert {segment.variant.kind for drawn in mixtures for segment in drawn} == set(variant_weights)
    assert {drawn[0].variant.piece for drawn in mixtures} == {"one", "two", "three"}
    assert duo.make(mixtures[0]).shape == (2, 1, duo.samples)


def test_random_mixes_are_of_any_pieces_without_substituted_timbres(mixer):
    mixtures = draws(mixer(replace(PLAIN, coherent=0.0)))
    for drawn in mixtures:
        assert [segment.variant.instrument for segment in drawn] == list(SOURCES)
        assert not any(segment.variant.kind == "timbre_substitution" for segment in drawn)
    assert any(len({segment.variant.piece for segment in drawn}) == 3 for drawn in mixtures)
    assert {drawn[0].variant.kind for drawn in mixtures} == {"soundfont", "tones", "solo"}


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_a_kind_without_weight_is_never_drawn(mixer, coherent):
    variant_weights = {"soundfont": 1.0, "tones": 0.0}
    for drawn in draws(mixer(replace(PLAIN, coherent=coherent, variant_weights=variant_weights))):
        assert {segment.variant.kind for segment in drawn} == {"soundfont"}


def test_kinds_are_drawn_by_their_weights(mixer):
    config = replace(PLAIN, coherent=1.0, variant_weights={"soundfont": 3.0, "tones": 1.0})
    variant_weights = [
        segment.variant.kind for drawn in draws(mixer(config), 700) for segment in drawn
    ]
    assert np.mean([kind == "soundfont" for kind in variant_weights]) == pytest.approx(
        0.75, abs=0.03
    )


@pytest.mark.parametrize(
    ("share", "variant_weights"), [(1.0, {"real"}), (0.0, {"soundfont", "tones"})]
)
def test_the_share_of_real_recordings_is_kept(mixer, share, variant_weights):
    config = replace(
        PLAIN, coherent=1.0, real_share=share, variant_weights=KINDS | {"timbre_substitution": 0.0}
    )
    mixtures = draws(mixer(config))
    assert {segment.variant.kind for drawn in mixtures for segment in drawn} == variant_weights


def test_an_inactive_source_is_silent(mixer):
    mixing = mixer(replace(PLAIN, inactive=0.5))
    mixtures = draws(mixing, 30)
    for drawn in mixtures:
        for segment, stem in zip(drawn, mixing.make(drawn), strict=True):
            assert (segment is None) == (not stem.any())
    share = np.mean([segment is None for drawn in draws(mixing, 700) for segment in drawn])
    assert share == pytest.approx(0.5, abs=0.04)


def sounding(drawn: list[StemSegment | None]) -> list[str]:
    return [segment.variant.instrument for segment in drawn if segment]


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_the_number_of_active_sources_is_within_its_limits(mixer, coherent):
    mixing = mixer(replace(PLAIN, coherent=coherent, players=(1, 2)))
    mixtures = draws(mixing)
    assert {len(sounding(drawn)) for drawn in mixtures} == {1, 2}
    assert {name for drawn in mixtures for name in sounding(drawn)} == set(SOURCES)
    for drawn in mixtures[:20]:
        silent = [not stem.any() for stem in mixing.make(drawn)]
        assert silent == [segment is None for segment in drawn]


def test_a_piece_with_enough_instruments_is_mixed(mixer):
    pieces = Counter()
    for drawn in draws(mixer(replace(PLAIN, coherent=1.0, players=(2, 3)))):
        pieces[next(segment.variant.piece for segment in drawn if segment)] += 1
        if pieces["duet"] and drawn[0] and drawn[0].variant.piece == "duet":
            assert sounding(drawn) == ["violin", "clarinet"]
    assert set(pieces) == {"one", "two", "three", "duet"}


def test_effects_without_spread_change_nothing(mixer, bank):
    config = replace(PLAIN, coherent=1.0, gain=0.0, tilt=(0.0, 0.0), equaliser=0.0, detune=0.0)
    mixing = mixer(config)
    drawn = mixing.draw(np.random.default_rng(1))
    for segment, stem in zip(drawn, mixing.make(drawn), strict=True):
        window = normalise_rms(bank.read(segment.variant, segment.offset, mixing.samples))
        np.testing.assert_allclose(stem, window, atol=1e-4)


def test_a_mixture_is_transposed_as_a_whole(mixer):
    config = replace(PLAIN, transpose_range=0.5)
    moves = [{segment.effects[0] for segment in drawn} for drawn in draws(mixer(config), 100)]
    assert all(len(effects) == 1 for effects in moves)
    cents = [move.cents for effects in moves for move in effects]
    assert -50 <= min(cents) < -40 and 40 < max(cents) <= 50


def test_all_stems_of_a_mixture_are_in_one_room(mixer):
    rooms = set()
    for drawn in draws(mixer(replace(PLAIN, reverb=1.0)), 40):
        here = {effect.room for e in drawn for effect in e.effects if hasattr(effect, "room")}
        assert len(here) == 1
        rooms |= here
    assert len(rooms) == PLAIN.rooms


def test_short_variants_are_zero_padded(mixer, bank):
    solo = next(variant for variant in bank.variants if variant.kind == "solo")
    stems = mixer(PLAIN).make([StemSegment(solo, 0, ()), None, None])
    assert stems.shape == (3, 1, RATE * SECONDS)
    assert stems[0, :, :700].any() and not stems[0, :, 700:].any()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (replace(PLAIN, coherent=0.0, variant_weights={"solo": 1.0}), "no stem of clarinet"),
        (replace(PLAIN, coherent=1.0, variant_weights={"solo": 1.0}), "violin, clarinet, bassoon"),
        (
            replace(PLAIN, real_share=0.5, variant_weights={"soundfont": 1.0}),
            "violin, clarinet, bassoon",
        ),
    ],
)
def test_mixtures_that_the_bank_cannot_provide_are_refused(mixer, config, message):
    with pytest.raises(ValueError, match=message):
        mixer(config)


class Louder:
    """An effect that all stems share."""

    def apply(self, stems: np.ndarray, sample_rate: int) -> np.ndarray:
        return 2 * stems


class LouderMixing(MixingConfig):
    def common_effects(self, rng):
        return (Louder(),)


def test_a_subclass_adds_effects_of_the_whole_mixture(mixer):
    plain, louder = mixer(PLAIN), mixer(LouderMixing(**vars(PLAIN)))
    before, after = (m.make(m.draw(np.random.default_rng(1))) for m in (plain, louder))
    np.testing.assert_array_equal(after, 2 * before)
