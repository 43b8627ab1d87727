"""Passages of solos with their notes, from a folder that the test makes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiments import scored_pieces
from experiments.scored_pieces import RATE, ScoredTrack, notes_heard, passage
from helpers.audio.track import Track
from helpers.music.scores import Note, Part, Score


def test_the_notes_of_a_passage_lie_where_they_sound_and_at_their_pitch(tmp_path):
    time = np.arange(8 * RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 440 * 2 ** (20 / 1200) * time) * ((time > 4) & (time < 5))
    soundfile.write(tmp_path / "someone_piece.mp3", tone, RATE)
    (tmp_path / "someone_piece_notes.csv").write_text("onset,offset,pitch,velocity\n0,1,69,64\n")
    (tmp_path / "someone_piece_alignment.csv").write_text("start,end\n2.5,3.5\n")
    sound, (note,) = passage(tmp_path, "someone_piece", 1.0, late=1.5)
    assert (note.onset, note.duration) == (3.0, 1.0)
    assert note.pitch == pytest.approx(69.2, abs=0.02)
    levels = np.abs(sound[0, : 7 * RATE]).reshape(7, RATE).max(axis=1)
    assert np.argmax(levels) == 3
    assert passage(tmp_path, "someone_piece", 6.0, late=1.5)[1] == ()


def test_of_two_notes_of_equal_length_one_is_heard():
    time = np.arange(4 * RATE) / RATE
    tone = 0.3 * sum(np.sin(2 * np.pi * 442 * k * time) / k for k in (1, 2, 3)) * (time < 2)
    track = Track("tone", RATE, {"violin": tone[None].astype(np.float32)})
    notes = (Note(0.0, 2.0, 69.08), Note(2.0, 2.0, 71.08))
    heard = notes_heard(ScoredTrack(track, Score("tone", (Part("violin", notes),))))
    assert heard == pytest.approx(0.5, abs=0.05)


@pytest.mark.skipif("DIVISI_DATA" not in os.environ, reason="needs the solos in DIVISI_DATA")
@pytest.mark.parametrize("player", scored_pieces.PLAYERS)
def test_the_notes_of_the_two_violinists_are_heard_in_their_sound(player):
    from helpers.audio.resampling import resample
    from helpers.music.pitch_features import RATE as FEATURE_RATE
    from helpers.music.pitch_features import agreement, sound_features

    folder = Path(os.environ["DIVISI_DATA"]) / "solo_violin"
    sound, notes = passage(folder, player, 45.0, scored_pieces.PLAYERS[player])
    table = np.array([(n.onset, n.onset + n.duration, n.pitch) for n in notes]).T
    features = sound_features(resample(sound[0], RATE, FEATURE_RATE), 0.0)
    assert agreement(features, tuple(table), 0.0, scored_pieces.SECONDS)[0] > 0.8
