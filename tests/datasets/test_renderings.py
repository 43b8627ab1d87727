"""Takes of scores: who plays what, in which key and time; heard through renderers that listen."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from helpers.audio.track import Track
from helpers.datasets import renderings
from helpers.datasets.renderings import (
    RenderingConfig,
    chorale_variants,
    manifest,
    piece_variants,
    real_stems,
    render_variants,
    solo_stems,
)
from helpers.music.instruments import instrument
from helpers.music.performances import Performance
from helpers.music.random_pieces import piece_score
from helpers.music.scores import Note, Part, Score, corpus_score
from helpers.runtime import data_root
from helpers.synthesis.soundfonts import find_soundfonts

QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
RATE = 8000
STRICT = Performance(1.0, 0.0, 0.0, (1.0,), (0.0,), (0.0,), 0)
NAMES = ("bwv269", "bwv10.7", "bwv347", "bwv40.8", "bwv392")


def config(instruments=QUARTET, **asked) -> RenderingConfig:
    """Nothing is played but what is asked for, at a low rate."""
    nothing = {
        "soundfonts": (),
        "note_samples": 0,
        "tones": 0,
        "timbre_substitution": 0,
        "max_seconds": 10.0,
    }
    return RenderingConfig(instruments, RATE, **{**nothing, **asked})


@pytest.fixture
def heard(monkeypatch):
    """Every part that a renderer is given, as (renderer, soundfont or root, part); all silent."""
    parts = []

    def detecting(name):
        def build(source, *rest):
            def render(part, sample_rate):
                parts.append((name, source, part))
                return np.zeros((1, 8), np.float32)

            return SimpleNamespace(render=render)

        return build

    for name in ("FluidSynth", "Sampler", "Tones"):
        monkeypatch.setattr(renderings, name, detecting(name))
    monkeypatch.setattr(renderings, "find_soundfont", lambda name: Path(f"{name}.sf2"))
    return parts


def test_every_voice_is_played_in_every_way_by_the_name_of_its_home_instrument(heard):
    variants = list(
        chorale_variants(
            "bwv269", config(soundfonts=("a", "b"), tones=1, timbre_substitution=1), None
        )
    )
    assert [(variant.kind, variant.voice, variant.instrument) for variant in variants] == [
        (kind, voice, name)
        for kind in ("soundfont", "soundfont", "tones", "timbre_substitution")
        for voice, name in enumerate(QUARTET)
    ]


def test_a_voice_is_played_from_each_of_the_soundfonts_that_are_named(heard):
    list(chorale_variants("bwv269", config(soundfonts=("b", "a", "c")), None))
    assert [font.name for _, font, _ in heard[::4]] == ["b.sf2", "a.sf2", "c.sf2"]
    heard.clear()
    list(chorale_variants("bwv269", config(soundfonts=("b",)), None))
    assert [font.name for _, font, _ in heard] == ["b.sf2"] * 4


def test_a_foreign_take_is_never_played_by_the_home_instrument_and_never_out_of_range(heard):
    strangers, fonts = set(), set()
    for name in NAMES:
        variants = list(
            chorale_variants(name, config(soundfonts=("a", "b"), timbre_substitution=4), None)
        )
        fonts |= {font.stem for _, font, _ in heard[-16:]}
        for variant, (_, _, part) in zip(variants[8:], heard[-16:], strict=True):
            assert variant.instrument == QUARTET[variant.voice] != part.instrument
            player = instrument(part.instrument)
            pitches = [note.pitch for note in part.notes]
            assert player.low <= min(pitches) and max(pitches) <= player.high
            strangers.add(player.name)
    assert len(strangers) > 8 and fonts == {"a", "b"}


def test_all_takes_of_a_chorale_are_in_one_key_and_one_tempo(heard):
    for name in NAMES:
        heard.clear()
        variants = list(
            chorale_variants(
                name, config(soundfonts=("a", "b"), tones=1, timbre_substitution=1), None
            )
        )
        for first, other in zip(variants[:4] * 3, variants[4:], strict=True):
            assert first.voice == other.voice
        for (_, _, first), (_, _, other) in zip(heard[:4] * 3, heard[4:], strict=True):
            for one, two in zip(first.notes, other.notes, strict=False):
                assert one.onset == pytest.approx(two.onset, abs=0.16)  # both 75 ms at most
                assert one.pitch == pytest.approx(two.pitch, abs=0.6)  # both tuned by hand


def test_chorales_move_by_a_third_at_most(heard):
    moves = set()
    for name in NAMES:
        heard.clear()
        list(chorale_variants(name, config(tones=1), None))
        written = corpus_score(name, QUARTET).parts[0].notes[0].pitch
        moves.add(round(heard[0][2].notes[0].pitch - written))
    assert moves <= set(range(-4, 5)) and len(moves) > 1


def test_players_keep_to_the_manner_of_the_config(heard, monkeypatch):
    """The page, but for tempo, articulation, tuning and how loud each part is."""
    strict = {"timing": 0.0, "accent": 0.0}
    list(chorale_variants("bwv269", config(tones=1, **strict), None))
    page = [part for _, _, part in heard]
    assert all(len({note.velocity for note in part.notes}) == 1 for part in page)
    heard.clear()
    manner = {"swell": 40.0, "softness": 30.0, "asynchrony": (0.03, 0.05), "intonation": 9.0}
    list(chorale_variants("bwv269", config(tones=1, **strict, **manner), None))
    for part, (_, _, free) in zip(page, heard, strict=True):
        late = [two.onset - one.onset for one, two in zip(part.notes, free.notes, strict=False)]
        assert 0.005 < np.std(late) < 0.04
        assert len({note.velocity for note in free.notes}) > 3


def test_soft_notes_are_darker_by_a_tilt_and_recorded_ones_by_themselves(monkeypatch):
    """White noise, 9 dB per octave above 500 Hz darker at piano; 2 to 4 kHz are 2.5 octaves up."""
    noise = np.random.default_rng(0).normal(0.0, 0.1, (1, 4 * RATE)).astype(np.float32)
    player = SimpleNamespace(render=lambda part, sample_rate: noise)
    for name in ("Tones", "Sampler"):
        monkeypatch.setattr(renderings, name, lambda *asked: player)
    monkeypatch.setattr(renderings, "_within_notes", lambda *asked: True)
    monkeypatch.setattr(RenderingConfig, "perform", lambda self, rng, n: STRICT)
    change = {}
    for velocity in (renderings.PIANO, renderings.FORTE, 120):
        score = Score("one", (Part("violin", (Note(0.0, 4.0, 69.0, velocity),)),))
        asked = config(("violin",), tones=1, note_samples=1, darkening=9.0)
        for variant in render_variants(score, asked, Path("notes"), np.random.default_rng(0)):
            spectrum, whole = (np.abs(np.fft.rfft(x[0])) ** 2 for x in (variant.stem, noise))
            band = slice(2800 * 4, 2900 * 4)
            ratio = 10 * np.log10(spectrum[band].sum() / whole[band].sum())
            change[variant.kind, velocity] = ratio
    dark = -9.0 * np.log2(2850 / 500)
    assert change["tones", renderings.PIANO] == pytest.approx(dark, abs=0.3)
    for others in (("tones", renderings.FORTE), ("tones", 120), ("notes", renderings.PIANO)):
        assert change[others] == pytest.approx(0.0, abs=0.01)


def test_nothing_starts_after_the_longest_time(heard):
    list(chorale_variants("bwv269", config(tones=1, max_seconds=3.0), None))
    ends = [part.notes[-1].onset for _, _, part in heard]
    assert max(ends) < 3.0 and min(ends) > 1.0


def test_a_take_is_a_function_of_name_and_seed():
    def stems(name, seed):
        return [
            variant.stem for variant in chorale_variants(name, config(tones=1, seed=seed), None)
        ]

    once, again = stems("bwv269", 1), stems("bwv269", 1)
    assert all(np.array_equal(one, other) for one, other in zip(once, again, strict=True))
    for other in (stems("bwv269", 2), stems("bwv10.7", 1)):
        assert not any(np.array_equal(one, two) for one, two in zip(once, other, strict=True))


def test_recorded_notes_play_only_what_was_recorded_within_a_whole_tone(heard, monkeypatch):
    """The clarinet was recorded everywhere, the saxophone on one note, the others not at all."""
    pitches = {"clarinet": range(40, 100), "saxophone": [60]}
    monkeypatch.setattr(renderings, "sampled_instruments", lambda root: pitches)
    monkeypatch.setattr(
        renderings,
        "load_note_samples",
        lambda root, name: [SimpleNamespace(pitch=pitch) for pitch in pitches[name]],
    )
    variants = list(chorale_variants("bwv269", config(note_samples=2), Path("notes")))
    assert [(variant.kind, variant.voice) for variant in variants] == [("notes", 1), ("notes", 1)]
    assert list(chorale_variants("bwv269", config(note_samples=2), None)) == []


@pytest.mark.skipif(
    "TimGM6mb" not in {font.stem for font in find_soundfonts()},
    reason="there is no soundfont: apt-get install timgm6mb-soundfont",
)
def test_a_soundfont_take_sounds_on_the_first_beat():
    variants = list(
        chorale_variants("bwv269", config(soundfonts=("TimGM6mb",), max_seconds=1.0), None)
    )
    for variant in variants:
        assert variant.stem.shape[0] == 1 and variant.stem.dtype == np.float32
        assert np.abs(variant.stem[:, : RATE // 2]).max() > 1e-3


def test_instruments_are_known_by_their_usual_names():
    assert RenderingConfig(("vn", "Cl", "tenor-sax", "fagott")).instruments == QUARTET


def test_takes_tell_which_score_they_play(heard):
    assert {
        variant.score
        for variant in render_variants(DUO, config(("violin", "piano"), tones=1), None)
    } == {DUO}
    (score,) = {variant.score for variant in chorale_variants("bwv269", config(tones=1), None)}
    assert score.title == "bwv269" and score.parts[0].instrument == "violin"


def test_a_random_piece_and_an_excerpt_are_played_by_the_ensemble(heard):
    asked = config(("violin", "piano"), soundfonts=("a",), seed=2)
    for name in ("random-00012", "haydn/opus74no1/movement1@0012.5-0020"):
        played = list(piece_variants(name, asked, None))
        assert [variant.instrument for variant in played] == ["violin", "piano"]
        assert {variant.score for variant in played} == {piece_score(name, ("violin", "piano"), 2)}
        assert all(part.notes for _, _, part in heard)


def test_excerpts_of_one_work_are_played_in_different_ways(heard):
    tempos = set()
    for name in ("random-00012", "random-00013"):
        heard.clear()
        list(piece_variants(name, config(("violin",), soundfonts=("a",)), None))
        score = piece_score(name, ("violin",))
        tempos.add(round(score.parts[0].seconds / heard[0][2].seconds, 2))
    assert len(tempos) == 2


def test_the_manifest_changes_with_every_byte_of_a_soundfont(tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.synthesis.soundfonts.FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(renderings, "fluidsynth_version", lambda: "2.3.1")
    asked = config(soundfonts=("grand",))
    made = []
    for content in (b"a", b"a", b"b"):
        (tmp_path / "grand.sf2").write_bytes(content)
        made.append(manifest(asked, None))
    assert made[0] == made[1] != made[2]
    assert made[0]["soundfonts"] == {"grand": hashlib.sha256(b"a").hexdigest()}
    assert made[0] | {"soundfonts": {}} == made[2] | {"soundfonts": {}}
    assert made[0]["rendering"]["seed"] == 0
    assert {"python", "numpy", "music21", "pyfluidsynth", "fluidsynth"} <= set(made[0]["versions"])


def test_the_manifest_changes_with_the_recorded_notes_and_refuses_a_folder_without(tmp_path):
    header = "instrument,pitch,length,dynamic,file\n"
    made = []
    for rows in ("", "oboe,A4,1,forte,a.mp3\n"):
        (tmp_path / "index.csv").write_text(header + rows)
        made.append(manifest(config(note_samples=1), tmp_path)["notes"])
    assert made[0] != made[1] != manifest(config(), None)["notes"]
    with pytest.raises(ValueError, match="none: it has no index.csv"):
        manifest(config(note_samples=1), tmp_path / "none")


def test_an_unknown_instrument_and_an_empty_ensemble_are_refused():
    with pytest.raises(KeyError, match="did you mean 'violin'"):
        RenderingConfig(("violine", "clarinet", "saxophone", "bassoon"))
    with pytest.raises(ValueError, match="no instruments"):
        RenderingConfig(())


def test_a_chorale_for_a_trio_is_refused():
    with pytest.raises(ValueError, match="bwv269: it has 4 parts and 3 instruments"):
        list(chorale_variants("bwv269", config(QUARTET[:3], tones=1), None))


def test_foreign_takes_without_a_soundfont_are_refused():
    with pytest.raises(ValueError, match="timbre substitution needs a soundfont"):
        config(tones=1, timbre_substitution=1)


def test_a_missing_soundfont_is_refused_by_name(monkeypatch):
    monkeypatch.setattr("helpers.synthesis.soundfonts.FOLDERS", ())
    with pytest.raises(ValueError, match="^TimGM6mb: .*timgm6mb-soundfont"):
        next(chorale_variants("bwv269", config(soundfonts=("TimGM6mb",)), None))


#: A violin over chords of the whole keyboard.
DUO = Score(
    "duo",
    (
        Part("violin", (Note(0.0, 1.0, 76), Note(1.0, 1.0, 74))),
        Part("piano", (Note(0.0, 2.0, 40), Note(0.0, 2.0, 64), Note(2.0, 1.0, 80))),
    ),
)


def test_any_score_is_played_in_every_way_at_its_own_pitch(heard):
    asked = config(("violin", "piano"), soundfonts=("a",), tones=1, timbre_substitution=1)
    every = list(render_variants(DUO, asked, None))
    assert [(variant.kind, variant.voice, variant.instrument) for variant in every] == [
        (kind, voice, name)
        for kind in ("soundfont", "tones", "timbre_substitution")
        for voice, name in enumerate(("violin", "piano"))
    ]
    for (_, _, part), written in zip(heard, DUO.parts * 3, strict=True):
        played, scored = (sorted(note.pitch for note in p.notes) for p in (part, written))
        assert played == pytest.approx(scored, abs=0.4)


def test_takes_of_a_score_are_a_function_of_its_title_and_the_seed():
    def stem(title, seed):
        asked = config(("violin", "piano"), tones=1, seed=seed)
        return next(render_variants(replace(DUO, title=title), asked, None)).stem

    np.testing.assert_array_equal(stem("duo", 1), stem("duo", 1))
    assert not np.array_equal(stem("duo", 1), stem("duo", 2))
    assert not np.array_equal(stem("duo", 1), stem("duet", 1))


def test_only_keyboards_play_the_chords_of_a_keyboard_and_none_beyond_their_range(heard):
    asked = config(("violin", "piano"), soundfonts=("a",), timbre_substitution=9)
    timbre_substitution = [
        t for t in render_variants(DUO, asked, None) if t.kind == "timbre_substitution"
    ]
    strangers = [part.instrument for _, _, part in heard[2:]]
    found = {
        name
        for name, variant in zip(strangers, timbre_substitution, strict=True)
        if variant.voice == 1
    }
    assert found == {"harpsichord", "organ"}
    lowest = Part("piano", (Note(0.0, 1.0, 21), Note(0.0, 1.0, 108)))
    wide = replace(DUO, parts=(DUO.parts[0], lowest))
    assert {
        t.voice for t in render_variants(wide, asked, None) if t.kind == "timbre_substitution"
    } == {0}


def test_a_voice_that_rests_throughout_has_takes_without_sound():
    """Its file of takes goes on with the next one; a mixture hears silence."""
    resting = replace(DUO, parts=(DUO.parts[0], Part("piano", ())))
    played = list(render_variants(resting, config(("violin", "piano"), tones=1), None))
    assert [variant.stem.shape[-1] > 0 for variant in played] == [True, False]


def test_a_solo_is_mixed_down_and_resampled(tmp_path):
    folder = tmp_path / "solo_violin"
    folder.mkdir()
    both = np.stack([np.full(16000, 0.2), np.full(16000, 0.4)], axis=1)
    soundfile.write(folder / "a.wav", both, 2 * RATE, subtype="FLOAT")
    (variant,) = solo_stems("violin", tmp_path, RATE)
    assert (variant.instrument, variant.kind, variant.voice) == ("violin", "solo", None)
    assert variant.stem.shape == (1, 8000)
    assert variant.stem[0, 2000:6000] == pytest.approx(0.3, abs=1e-3)
    assert list(solo_stems("bassoon", tmp_path, RATE)) == []


def test_a_recording_gives_its_stems_in_the_order_of_the_voices():
    stems = {name: np.full((1, 10), i, np.float32) for i, name in enumerate(reversed(QUARTET))}
    variants = list(real_stems("piece", {"piece": Track("piece", RATE, stems)}, QUARTET))
    assert [(variant.instrument, variant.kind, variant.voice) for variant in variants] == [
        (name, "real", voice) for voice, name in enumerate(QUARTET)
    ]
    assert [variant.stem[0, 0] for variant in variants] == [3.0, 2.0, 1.0, 0.0]


@pytest.mark.real_audio
def test_recorded_notes_play_the_winds_of_the_quartet():
    notes = data_root() / "philharmonia_notes"
    variants = list(chorale_variants("bwv269", config(note_samples=1, max_seconds=2.0), notes))
    assert {variant.instrument for variant in variants} == {"clarinet", "saxophone", "bassoon"}
    assert all(np.abs(variant.stem).max() > 1e-3 for variant in variants)


@pytest.mark.real_audio
def test_recorded_solos_are_there_at_the_rate_asked_for():
    (first, *others) = solo_stems("clarinet", data_root(), RATE)
    assert first.stem.shape[1] > RATE and len(others) > 5
