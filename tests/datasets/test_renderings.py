"""The variants of a score: instruments, keys and times, with silent renderers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from helpers.audio.track import Track
from helpers.datasets import renderings
from helpers.datasets.real_pieces import RealPiece, solo_stems, track_stems
from helpers.datasets.renderings import (
    RenderingConfig,
    render_chorale,
    render_ensemble,
    render_excerpt,
    render_random_piece,
    render_variants,
)
from helpers.datasets.stem_bank import RenderedStem
from helpers.datasets.stem_folders import solos
from helpers.music.arrangements import Excerpt, arrangement
from helpers.music.instruments import instrument
from helpers.music.random_pieces import RandomPiece
from helpers.music.scores import Note, Part, Score, corpus_score
from helpers.runtime import data_root
from helpers.synthesis.soundfonts import find_soundfonts

QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
RATE = 8000
NAMES = ("bwv269", "bwv10.7", "bwv347", "bwv40.8", "bwv392")


def config(instruments=QUARTET, **chosen) -> RenderingConfig:
    """Only the `chosen` variants, at a low rate."""
    nothing = {
        "soundfonts": (),
        "note_samples": 0,
        "tones": 0,
        "timbre_substitution": 0,
        "max_seconds": 10.0,
    }
    return RenderingConfig(instruments, RATE, **{**nothing, **chosen})


def variants_of(score: Score, chosen: RenderingConfig) -> list[RenderedStem]:
    return list(render_variants(score, chosen, None, np.random.default_rng(0)))


@pytest.fixture
def rendered(monkeypatch):
    """Silent renderers; what they render, as (renderer, soundfont or root, part)."""
    parts = []

    def recorder(name):
        def build(source, *rest):
            def render(part, sample_rate):
                parts.append((name, source, part))
                return np.zeros((1, 8), np.float32)

            playable = {"clarinet"}
            return SimpleNamespace(render=render, can_play=lambda part: part.instrument in playable)

        return build

    for name in ("FluidSynth", "Sampler", "Tones"):
        monkeypatch.setattr(renderings, name, recorder(name))
    monkeypatch.setattr(renderings, "note_players", lambda root: [root])
    monkeypatch.setattr(renderings, "player_of", lambda players, *_: players[0])
    monkeypatch.setattr(renderings, "find_soundfont", lambda name: Path(f"{name}.sf2"))
    return parts


def test_every_voice_has_every_kind_of_variant_under_its_own_instrument(rendered):
    variants = list(
        render_chorale(
            "bwv269", config(soundfonts=("a", "b"), tones=1, timbre_substitution=1), None
        )
    )
    assert [(variant.kind, variant.voice, variant.instrument) for variant in variants] == [
        (kind, voice, name)
        for kind in ("soundfont", "soundfont", "tones", "timbre_substitution")
        for voice, name in enumerate(QUARTET)
    ]


def test_a_voice_has_a_variant_from_each_soundfont(rendered):
    list(render_chorale("bwv269", config(soundfonts=("b", "a", "c")), None))
    assert [font.name for _, font, _ in rendered[::4]] == ["b.sf2", "a.sf2", "c.sf2"]
    rendered.clear()
    list(render_chorale("bwv269", config(soundfonts=("b",)), None))
    assert [font.name for _, font, _ in rendered] == ["b.sf2"] * 4


def test_a_substituted_timbre_is_another_instrument_within_its_range(rendered):
    substitutes, fonts = set(), set()
    for name in NAMES:
        variants = list(
            render_chorale(name, config(soundfonts=("a", "b"), timbre_substitution=4), None)
        )
        fonts |= {font.stem for _, font, _ in rendered[-16:]}
        for variant, (_, _, part) in zip(variants[8:], rendered[-16:], strict=True):
            assert variant.instrument == QUARTET[variant.voice] != part.instrument
            player = instrument(part.instrument)
            pitches = [note.pitch for note in part.notes]
            assert player.low <= min(pitches) and max(pitches) <= player.high
            substitutes.add(player.name)
    assert len(substitutes) > 8 and fonts == {"a", "b"}


def test_all_variants_of_a_chorale_have_one_key_and_one_tempo(rendered):
    for name in NAMES:
        rendered.clear()
        variants = list(
            render_chorale(
                name, config(soundfonts=("a", "b"), tones=1, timbre_substitution=1), None
            )
        )
        for first, other in zip(variants[:4] * 3, variants[4:], strict=True):
            assert first.voice == other.voice
        for (_, _, first), (_, _, other) in zip(rendered[:4] * 3, rendered[4:], strict=True):
            for one, two in zip(first.notes, other.notes, strict=False):
                assert one.onset == pytest.approx(two.onset, abs=0.16)  # both 75 ms at most
                assert one.pitch == pytest.approx(two.pitch, abs=0.6)  # both tuned by hand


def test_chorales_move_by_a_third_at_most(rendered):
    moves = set()
    for name in NAMES:
        rendered.clear()
        list(render_chorale(name, config(tones=1), None))
        written = corpus_score(name, QUARTET).parts[0].notes[0].pitch
        moves.add(round(rendered[0][2].notes[0].pitch - written))
    assert moves <= set(range(-4, 5)) and len(moves) > 1


def test_no_note_starts_after_max_seconds(rendered):
    list(render_chorale("bwv269", config(tones=1, max_seconds=3.0), None))
    ends = [part.notes[-1].onset for _, _, part in rendered]
    assert max(ends) < 3.0 and min(ends) > 1.0


def test_a_variant_is_a_function_of_name_and_seed():
    def stems(name, seed):
        return [variant.stem for variant in render_chorale(name, config(tones=1, seed=seed), None)]

    once, again = stems("bwv269", 1), stems("bwv269", 1)
    assert all(np.array_equal(one, other) for one, other in zip(once, again, strict=True))
    for other in (stems("bwv269", 2), stems("bwv10.7", 1)):
        assert not any(np.array_equal(one, two) for one, two in zip(once, other, strict=True))


def test_takes_of_recorded_notes_have_different_players_and_the_expression_of_the_config(
    monkeypatch, tmp_path
):
    built = []

    def recorder(player, seed, *limits):
        built.append((player.name, *limits))
        silence = np.zeros((1, 8), np.float32)
        return SimpleNamespace(render=lambda *_: silence, can_play=lambda _: True)

    folder = tmp_path / "notes"
    folder.mkdir()
    rows = "".join(f"violin,A4,F,a.wav,{name}\n" for name in "ab")
    (folder / "index.csv").write_text(f"instrument,pitch,dynamic,file,set\n{rows}")
    monkeypatch.setattr(renderings, "Sampler", recorder)
    monkeypatch.setattr("helpers.synthesis.sampler.Sampler.can_play", lambda *_: True)
    chosen = config(
        ("violin", "piano"), note_samples=3, vibrato_depth=20.0, onset_noise=0.1, release=0.2
    )
    list(render_variants(DUO, chosen, [folder], np.random.default_rng(0)))
    assert {limits for _, *limits in map(tuple, built) for limits in [tuple(limits)]} == {
        (20.0, 0.1, 0.2)
    }
    for voice in (0, 1):
        first, second, third = (name for name, *_ in built[voice::2])
        assert {first, second} == {"a", "b"} and third == first


def test_recorded_notes_render_only_voices_in_their_range(rendered):
    variants = list(render_chorale("bwv269", config(note_samples=2), Path("notes")))
    assert [(variant.kind, variant.voice) for variant in variants] == [("notes", 1), ("notes", 1)]
    assert list(render_chorale("bwv269", config(note_samples=2), None)) == []


@pytest.mark.skipif(
    "TimGM6mb" not in {font.stem for font in find_soundfonts()},
    reason="there is no soundfont: apt-get install timgm6mb-soundfont",
)
def test_a_soundfont_variant_sounds_on_the_first_beat():
    variants = list(
        render_chorale("bwv269", config(soundfonts=("TimGM6mb",), max_seconds=1.0), None)
    )
    for variant in variants:
        assert variant.stem.shape[0] == 1 and variant.stem.dtype == np.float32
        assert np.abs(variant.stem[:, : RATE // 2]).max() > 1e-3


def test_instruments_are_known_by_their_usual_names():
    assert RenderingConfig(("vn", "Cl", "tenor-sax", "fagott")).instruments == QUARTET


def test_a_random_piece_and_an_excerpt_are_played_by_the_ensemble(rendered):
    chosen = config(("violin", "piano"), soundfonts=("a",), seed=2)
    excerpt = Excerpt("haydn/opus74no1/movement1", 12.5, 20.0)
    random = RandomPiece(12)
    for stems, score in (
        (render_random_piece(random, chosen, None), random.score(("violin", "piano"), 2)),
        (render_excerpt(excerpt, chosen, None), arrangement(excerpt, ("violin", "piano"))),
    ):
        rendered.clear()
        assert [stem.instrument for stem in stems] == ["violin", "piano"]
        for (_, _, part), written in zip(rendered, score.parts, strict=True):
            shift = np.diff(
                [sorted(n.pitch for n in notes) for notes in (written.notes, part.notes)], axis=0
            )
            assert np.ptp(shift) < 0.01 and -4.5 < shift[0, 0] < 4.5  # a third, and the tuning


def test_the_ensemble_of_an_excerpt_takes_the_place_of_the_instruments(rendered):
    excerpt = Excerpt("bwv269", 0.0, 10.0, ("flute", "bassoon"))
    stems = list(render_excerpt(excerpt, config(("violin", "piano"), soundfonts=("a",)), None))
    assert [stem.instrument for stem in stems] == ["flute", "bassoon"]


def test_shuffled_registers_give_a_named_ensemble_other_lines(rendered):
    heights = {0.0: [], 0.5: []}
    for shuffled, above in heights.items():
        chosen = config(QUARTET, soundfonts=("a",), shuffled_registers=shuffled)
        for end in (4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0):
            rendered.clear()
            excerpt = Excerpt("bwv269", 0.0, end, ("violin", "clarinet"))
            list(render_excerpt(excerpt, chosen, None))
            height = {p.instrument: np.mean([n.pitch for n in p.notes]) for _, _, p in rendered}
            above.append(height["violin"] > height["clarinet"])
    assert all(heights[0.0]) and 0 < np.mean(heights[0.5]) < 1


def test_an_ensemble_is_drawn_from_the_instruments_of_the_config(rendered):
    chosen = config((*QUARTET, "piano"), soundfonts=("a",))
    ensembles = {
        tuple(stem.instrument for stem in render_ensemble(excerpt, chosen, None))
        for excerpt in (Excerpt("bwv269", 0.0, end) for end in (5.0, 6.0, 7.0, 8.0))
    }
    assert len(ensembles) > 1
    assert all(set(names) <= {*QUARTET, "piano"} and len(names) > 1 for names in ensembles)


def test_pieces_are_played_in_different_tempos(rendered):
    tempos = set()
    for piece in (RandomPiece(12), RandomPiece(13)):
        rendered.clear()
        list(render_random_piece(piece, config(("violin",), soundfonts=("a",)), None))
        score = piece.score(("violin",))
        tempos.add(round(score.parts[0].seconds / rendered[0][2].seconds, 2))
    assert len(tempos) == 2


def test_an_unknown_instrument_and_an_empty_ensemble_are_refused():
    with pytest.raises(KeyError, match="did you mean 'violin'"):
        RenderingConfig(("violinne", "clarinet", "saxophone", "bassoon"))
    with pytest.raises(ValueError, match="instruments is empty"):
        RenderingConfig(())


def test_a_chorale_for_a_trio_is_refused():
    with pytest.raises(ValueError, match="bwv269: it has 4 parts and 3 instruments"):
        list(render_chorale("bwv269", config(QUARTET[:3], tones=1), None))


def test_timbre_substitution_without_a_soundfont_is_refused():
    with pytest.raises(ValueError, match="timbre substitution needs a soundfont"):
        config(tones=1, timbre_substitution=1)


def test_a_missing_soundfont_is_refused_by_name(monkeypatch):
    monkeypatch.setattr("helpers.synthesis.soundfonts.FOLDERS", ())
    with pytest.raises(ValueError, match="^TimGM6mb: .*timgm6mb-soundfont"):
        next(render_chorale("bwv269", config(soundfonts=("TimGM6mb",)), None))


#: A violin over chords of the whole keyboard.
DUO = Score(
    "duo",
    (
        Part("violin", (Note(0.0, 1.0, 76), Note(1.0, 1.0, 74))),
        Part("piano", (Note(0.0, 2.0, 40), Note(0.0, 2.0, 64), Note(2.0, 1.0, 80))),
    ),
)


def test_any_score_has_every_kind_of_variant_at_its_own_pitch(rendered):
    chosen = config(("violin", "piano"), soundfonts=("a",), tones=1, timbre_substitution=1)
    every = variants_of(DUO, chosen)
    assert [(variant.kind, variant.voice, variant.instrument) for variant in every] == [
        (kind, voice, name)
        for kind in ("soundfont", "tones", "timbre_substitution")
        for voice, name in enumerate(("violin", "piano"))
    ]
    for (_, _, part), written in zip(rendered, DUO.parts * 3, strict=True):
        played, scored = (sorted(note.pitch for note in p.notes) for p in (part, written))
        assert played == pytest.approx(scored, abs=0.4)


def test_only_keyboards_substitute_a_keyboard_within_their_range(rendered):
    chosen = config(("violin", "piano"), soundfonts=("a",), timbre_substitution=9)
    timbre_substitution = [t for t in variants_of(DUO, chosen) if t.kind == "timbre_substitution"]
    substitutes = [part.instrument for _, _, part in rendered[2:]]
    found = {
        name
        for name, variant in zip(substitutes, timbre_substitution, strict=True)
        if variant.voice == 1
    }
    assert found == {"harpsichord", "organ"}
    lowest = Part("piano", (Note(0.0, 1.0, 21), Note(0.0, 1.0, 108)))
    wide = replace(DUO, parts=(DUO.parts[0], lowest))
    assert {t.voice for t in variants_of(wide, chosen) if t.kind == "timbre_substitution"} == {0}


def test_a_voice_without_notes_has_empty_stems():
    resting = replace(DUO, parts=(DUO.parts[0], Part("piano", ())))
    played = variants_of(resting, config(("violin", "piano"), tones=1))
    assert [variant.stem.shape[-1] > 0 for variant in played] == [True, False]


def test_a_solo_is_mixed_down_and_resampled(tmp_path):
    folder = tmp_path / "solo_violin"
    folder.mkdir()
    both = np.stack([np.full(16000, 0.2), np.full(16000, 0.4)], axis=1)
    soundfile.write(folder / "a.wav", both, 2 * RATE, subtype="FLOAT")
    (stem,) = solo_stems(RealPiece("violin", "12ab", solos(tmp_path)["violin"]), RATE)
    assert (stem.instrument, stem.kind, stem.voice) == ("violin", "solo", None)
    assert stem.stem.shape == (1, 8000)
    assert stem.stem[0, 2000:6000] == pytest.approx(0.3, abs=1e-3)


def test_a_track_gives_its_stems_in_the_order_of_the_voices():
    stems = {name: np.full((1, 10), i, np.float32) for i, name in enumerate(reversed(QUARTET))}
    piece = RealPiece("piece", "12ab", Track("piece", RATE, stems))
    found = list(track_stems(piece, QUARTET))
    assert [(stem.instrument, stem.kind, stem.voice) for stem in found] == [
        (name, "real", voice) for voice, name in enumerate(QUARTET)
    ]
    assert [stem.stem[0, 0] for stem in found] == [3.0, 2.0, 1.0, 0.0]


@pytest.mark.real_audio
def test_recorded_notes_play_the_winds_of_the_quartet():
    notes = data_root() / "philharmonia_notes"
    variants = list(render_chorale("bwv269", config(note_samples=1, max_seconds=2.0), notes))
    assert {variant.instrument for variant in variants} == {"clarinet", "saxophone", "bassoon"}
    assert all(np.abs(variant.stem).max() > 1e-3 for variant in variants)
