"""Mixtures of players: two of one instrument in the order of their pitch, and `other`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.datasets.mixing import MixingConfig
from helpers.datasets.players import OTHER, PlayerDataset, PlayerMixer
from helpers.datasets.stem_bank import RenderedStem, StemBank, write_piece
from helpers.models import mask_net
from helpers.music.scores import Note
from helpers.recipes.schema import read_recipe
from helpers.runtime import repository_root
from helpers.training import conditioning

RATE, SECONDS = 4000, 1.0
SOURCES = ("violin", "violin-2", "cello", "piano", "saxophone", OTHER)
ALIASES = {"alto-saxophone": "saxophone"}
PLAIN = MixingConfig(
    coherent=1.0, inactive=0.0, players=(2, 4), reverb=0.0, compression=0.0, rooms=2,
    tilt=(0.0, 0.0), equaliser=0.0, detune=0.0,
)  # fmt: skip
PIECES = {
    "quartet": {"violin": 60, "violin ": 72, "cello": 48, "harp": 65},
    "trios": {"violin": 70, "violin ": 62, "violin  ": 55},
    "duo": {"piano": 60, "alto-saxophone": 55},
}


def tone(pitch: float, seconds: float = 2.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return 0.1 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time)[None].astype(np.float32)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Pieces in which each player holds one tone."""
    folder = tmp_path_factory.mktemp("bank")
    for piece, players in PIECES.items():
        stems = [
            RenderedStem(name.strip(), "soundfont", i, tone(pitch), (Note(0.0, 2.0, pitch, 80),))
            for i, (name, pitch) in enumerate(players.items())
        ]
        write_piece(folder, piece, RATE, stems)
    return StemBank(folder)


def mixer(bank, sources=SOURCES, doubles=0.0, **changes) -> PlayerMixer:
    return PlayerMixer(bank, sources, replace(PLAIN, **changes), SECONDS, doubles, ALIASES)


def pitch_of(stem: np.ndarray) -> float:
    """The MIDI pitch of the strongest frequency."""
    spectrum = np.abs(np.fft.rfft(stem[0] * np.hanning(stem.shape[-1]), 1 << 17))
    return 69 + 12 * np.log2(np.argmax(spectrum) * RATE / (1 << 17) / 440)


def heard(mixing: PlayerMixer, piece: str) -> dict[str, int]:
    """The pitch of each source in mixtures of a piece."""
    found: dict[str, int] = {}
    for seed in range(60):
        drawn = mixing.draw(np.random.default_rng(seed))
        if drawn.segments[0].variant.piece == piece:
            for name, stem in zip(mixing.sources, mixing.make(drawn), strict=True):
                if stem.any():
                    pitch = round(pitch_of(stem))
                    assert found.setdefault(name, pitch) == pitch
    return found


def test_the_first_of_two_players_is_the_higher_one_and_what_is_no_source_is_other(bank):
    expected = {"violin": 72, "violin-2": 60, "cello": 48, OTHER: 65}
    assert heard(mixer(bank), "quartet") == expected


def test_a_third_player_does_not_play(bank):
    assert len(heard(mixer(bank), "trios")) == 2


def test_an_instrument_counts_as_the_source_of_another_name(bank):
    assert heard(mixer(bank), "duo") == {"piano": 60, "saxophone": 55}


def test_without_other_an_instrument_that_is_no_source_does_not_play(bank):
    assert set(heard(mixer(bank, SOURCES[:-1]), "quartet")) == {"violin", "violin-2", "cello"}


def test_order_counts_in_the_segment_alone(tmp_path):
    """Two violins change places after the first second."""
    swap = np.concatenate([tone(60, 1.0), tone(72, 1.0)], axis=1)
    notes = (Note(0.0, 1.0, 60, 80), Note(1.0, 1.0, 72, 80))
    back = np.concatenate([tone(72, 1.0), tone(60, 1.0)], axis=1)
    stems = [
        RenderedStem("violin", "soundfont", 0, swap, notes),
        RenderedStem("violin", "soundfont", 1, back, tuple(reversed(notes))),
    ]
    stems[1] = replace(stems[1], notes=(Note(0.0, 1.0, 72, 80), Note(1.0, 1.0, 60, 80)))
    write_piece(tmp_path, "two", RATE, stems)
    mixing = mixer(StemBank(tmp_path), SOURCES[:2])
    for seed in range(12):
        drawn = mixing.draw(np.random.default_rng(seed))
        means = [mixing._mean_pitch(segment) for segment in drawn.segments]
        assert means == sorted(means, reverse=True)


def test_the_stems_sum_to_the_mixture_and_the_same_draw_makes_the_same_numbers(bank):
    data = PlayerDataset(mixer(bank, ambience=1.0, reverb=1.0), seed=3, conditioned=True)
    mixture, stems, active = data[5]
    np.testing.assert_array_equal(mixture, stems.sum(0))
    np.testing.assert_array_equal(stems, data[5][1])
    assert active[-1] and (active[:-1] == stems[:-1].flatten(1).any(1)).all()


def test_ambience_is_in_other_at_its_level(bank):
    mixing = mixer(bank, ambience=1.0)
    for seed in range(30):
        drawn = mixing.draw(np.random.default_rng(seed))
        loud, quiet = mixing.make(drawn), mixing.make(replace(drawn, ambience=None))
        np.testing.assert_array_equal(loud[:-1], quiet[:-1])
        added = loud[-1] - quiet[-1]
        if added.any():
            level = 10 * np.log10(np.mean(added**2) / np.mean(quiet.sum(0) ** 2))
            assert level == pytest.approx(drawn.ambience.level, abs=0.01)
    assert all(mixer(bank).draw(np.random.default_rng(i)).ambience is None for i in range(30))


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_a_featured_instrument_plays_in_its_share(bank, coherent):
    mixing = mixer(bank, coherent=coherent, players=(2, 2), featured={"piano": 0.6})
    draws = [mixing.draw(np.random.default_rng(seed)) for seed in range(300)]
    piano = [any(s.variant.instrument == "piano" for s in drawn.segments) for drawn in draws]
    by_chance = 1 / 3 if coherent else 2 / 5  # of three pieces, of five instruments
    assert np.mean(piano) == pytest.approx(0.6 + 0.4 * by_chance, abs=0.07)


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_a_featured_second_player_comes_with_the_first(bank, coherent):
    mixing = mixer(bank, coherent=coherent, players=(2, 3), featured={"violin-2": 1.0})
    for seed in range(60):
        assert {0, 1} <= set(mixing.draw(np.random.default_rng(seed)).sources)


def test_unrelated_stems_have_two_of_one_instrument_in_their_share(bank):
    mixing = mixer(bank, doubles=0.5, coherent=0.0, players=(4, 4))
    draws = [mixing.draw(np.random.default_rng(seed)) for seed in range(300)]
    twice = [1 in drawn.sources for drawn in draws]
    violins = 4 / 5  # a mixture without one has nobody to double
    assert np.mean(twice) == pytest.approx(0.5 * violins, abs=0.08)
    assert all(len(set(drawn.sources)) == len(drawn.sources) for drawn in draws)


def test_one_player_is_alone_in_the_share_of_solos_and_any_instrument_is(bank):
    mixing = mixer(bank, solos=0.25, coherent=0.8, featured={"piano": 0.5})
    draws = [mixing.draw(np.random.default_rng(seed)) for seed in range(600)]
    alone = [drawn.sources for drawn in draws if len(drawn.segments) == 1]
    assert len(alone) / len(draws) == pytest.approx(0.25, abs=0.05)
    counts = [alone.count((source,)) / len(alone) for source in (0, 2, 3, 4, 5)]
    assert counts == pytest.approx([0.2] * 5, abs=0.08)  # featured does not count


def test_some_of_the_players_of_a_piece_play_in_the_share_of_subsets(bank):
    mixing = mixer(bank, subsets=0.4)
    sizes: dict[str, list[int]] = {}
    for seed in range(600):
        segments = mixing.draw(np.random.default_rng(seed)).segments
        sizes.setdefault(segments[0].variant.piece, []).append(len(segments))
    assert set(sizes["duo"]) == set(sizes["trios"]) == {2}
    whole = [size == 4 for size in sizes["quartet"]]
    assert np.mean(whole) == pytest.approx(0.6, abs=0.08) and set(sizes["quartet"]) == {2, 3, 4}


def test_shares_of_solos_and_subsets_of_the_recipe_add_up():
    mixing = read_recipe(repository_root() / "recipes" / "ensemble.toml").mixing
    assert 0.05 <= mixing.solos <= 0.15 and 0.1 <= mixing.subsets <= 0.3


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two short recordings of a violin, a long one, and one of each of two saxophones."""
    folder = tmp_path_factory.mktemp("clips")
    for name, stems in {
        "violin": (tone(60, 0.4), 0.1 * tone(72, 0.4), tone(81, 2.0)),
        "saxophone": (tone(50, 2.0),),
        "alto-saxophone": (tone(55, 2.0),),
    }.items():
        write_piece(folder, name, RATE, [RenderedStem(name, "solo", None, s) for s in stems])
    return StemBank(folder)


def test_short_solos_are_joined_from_anywhere_on_and_equally_loud(clips):
    mixing = mixer(clips, coherent=0.0, solos=1.0)
    offsets = set()
    for seed in range(60):
        (segment,) = mixing.draw(np.random.default_rng(seed)).segments
        joined = bool(segment.following)
        assert joined == (segment.variant.length < mixing.samples)
        if joined:
            offsets.add(segment.offset)
            sound = mixing._window(segment)
            assert sound.shape == (1, mixing.samples)
            levels = [np.std(part) for part in np.split(sound[0], 5)]
            assert min(levels) > 0.7 * max(levels)
            found = {round(pitch_of(part)) for part in np.array_split(sound, 10, axis=1)}
            assert found >= {60, 72}
    assert len(offsets) > 10


def test_two_of_one_instrument_never_play_from_the_same_recording(clips):
    mixing = mixer(clips, coherent=0.0, doubles=1.0, players=(2, 2))
    for seed in range(100):
        first, second = mixing.draw(np.random.default_rng(seed)).segments
        assert first.variant != second.variant


def test_instruments_of_one_source_are_one_of_the_players_of_a_random_mix(clips):
    for sources in (SOURCES, (*SOURCES, "saxophone-2")):
        mixing = mixer(clips, sources, coherent=0.0, players=(2, 2))
        played = set()
        for seed in range(60):
            segments = mixing.draw(np.random.default_rng(seed)).segments
            played |= {segment.variant.instrument for segment in segments}
            assert len(segments) == 2
        assert played == {"violin", "saxophone", "alto-saxophone"}


def test_two_saxophones_are_two_players_of_one_source(clips):
    mixing = mixer(clips, (*SOURCES, "saxophone-2"), coherent=0.0, players=(2, 2), doubles=1.0)
    draws = [mixing.draw(np.random.default_rng(seed)).sources for seed in range(60)]
    assert {tuple(sorted(drawn)) for drawn in draws} == {(0, 1), (4, 6)}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"players": (5, 6)}, "no piece with 5 players"),
        ({"featured": {"tuba": 0.5}}, "no piece with tuba, which is featured"),
        ({"coherent": 0.5, "players": (2, 9), "variant_weights": {"solo": 1.0}}, "no piece with 2"),
    ],
)
def test_a_bank_that_lacks_players_is_refused(bank, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        mixer(bank, **changes)


def test_other_has_one_name():
    assert mask_net.OTHER == conditioning.OTHER == OTHER
