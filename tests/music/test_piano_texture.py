"""A pianist breaks chords, doubles octaves and holds notes with the pedal."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.music import piano_texture
from helpers.music.arrangements import Excerpt
from helpers.music.ensembles import ensemble_score
from helpers.music.piano_texture import FIGURES, with_piano_texture
from helpers.music.scores import Note, Part

CHORALE = Excerpt("bwv10.7", 0.0, 12.0)
CHORD = tuple(Note(0.0, 1.2, pitch) for pitch in (48, 55, 64))


def piano(texture: float, seed: int, figures: float = 0.0) -> tuple[Note, ...]:
    rng = np.random.default_rng(seed)
    score = ensemble_score(
        rng, CHORALE, ("violin", "piano"), piano_texture=texture, piano_figures=figures
    )
    return score.parts[1].notes


def test_a_pianist_adds_octaves_and_holds_notes_with_the_pedal_within_the_range():
    more, longer = [], []
    for seed in range(40):
        plain, played = piano(0.0, seed), piano(0.5, seed)
        struck = {(note.onset, note.pitch) for note in played}
        assert {(note.onset, note.pitch) for note in plain} <= struck
        assert len(struck) == len(played)
        assert all(21 <= note.pitch <= 108 and note.duration > 0 for note in played)
        more.append(len(played) > len(plain))
        lengths = {(note.onset, note.pitch): note.duration for note in played}
        longer.append(any(lengths[n.onset, n.pitch] > n.duration + 1e-9 for n in plain))
    assert 0.3 < np.mean(more) < 0.7
    assert 0.3 < np.mean(longer) < 0.7


@pytest.mark.parametrize("figures", [0.0, 1.0])
def test_no_key_is_struck_while_it_sounds(figures):
    for seed in range(10):
        free = {}
        for note in piano(1.0, seed, figures):
            assert note.onset >= free.get(note.pitch, 0.0) - 1e-9
            free[note.pitch] = note.onset + note.duration


def test_figures_keep_the_harmony_and_the_length_of_the_part():
    for seed in range(40):
        plain, played = piano(0.0, seed), piano(0.0, seed, figures=1.0)
        assert all(21 <= note.pitch <= 108 and note.duration > 0 for note in played)
        assert min(n.onset for n in played) == pytest.approx(min(n.onset for n in plain))
        end = max(n.onset + n.duration for n in plain)
        assert max(n.onset + n.duration for n in played) <= end + 1e-9
        for note in played:
            middle = note.onset + note.duration / 2
            sounding = {n.pitch % 12 for n in plain if n.onset <= middle < n.onset + n.duration}
            assert note.pitch % 12 in sounding


@pytest.mark.parametrize(("figure", "expected"), [
    (0, [[48], [64], [55], [64], [48], [64]]),
    (1, [[48], [55], [64], [60], [48], [55]]),
    (4, [[48], [55, 64], [55, 64], [48], [55, 64], [55, 64]]),
    (6, [[48, 55, 64]] * 6),
])  # fmt: skip
def test_a_chord_is_played_as_the_figure_says(monkeypatch, figure, expected):
    monkeypatch.setattr(piano_texture, "FIGURES", FIGURES[figure : figure + 1])
    monkeypatch.setattr(piano_texture, "STEP", (0.2, 0.2))
    monkeypatch.setattr(piano_texture, "_upper_line", lambda notes: [])
    rng = np.random.default_rng(0)
    played = with_piano_texture(rng, Part("piano", CHORD), 0.0, figures=1.0).notes
    strokes = sorted({note.onset for note in played})
    assert np.diff(strokes) == pytest.approx([0.2] * 5)
    assert [[n.pitch for n in played if n.onset == time] for time in strokes] == expected


def test_the_upper_line_stays_above_half_of_the_figures():
    melody = (Note(0.0, 0.6, 72), Note(0.6, 0.6, 74))
    part = Part("piano", (*CHORD, *melody))
    played = [
        with_piano_texture(np.random.default_rng(seed), part, 0.0, 1.0).notes for seed in range(60)
    ]
    assert 0.3 < np.mean([set(melody) <= set(notes) for notes in played]) < 0.7


def test_other_instruments_play_what_is_written():
    part = Part("violin", CHORD)
    assert with_piano_texture(np.random.default_rng(0), part, 1.0, 1.0) == part
