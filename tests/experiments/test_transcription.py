"""The measures and the truth of the study of transcription, where the answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.note_truth import corrected
from experiments.transcription import by_register, scores
from helpers.music.scores import Note
from tests.transcription.melodies import RATE, melody, played


def test_chords_are_given_from_high_to_low():
    chords = [Note(start, 1.0, float(p)) for start in (0.0, 1.0) for p in (76, 64, 48)]
    given = by_register(chords, ["cello", "violin", "viola"])
    assert {name: [n.pitch for n in notes] for name, notes in given.items()} == {
        "violin": [76.0, 76.0], "viola": [64.0, 64.0], "cello": [48.0, 48.0],
    }  # fmt: skip


def test_a_single_note_goes_to_the_player_of_the_nearest_register():
    given = by_register([Note(0.0, 1.0, 40.0)], ["violin", "cello"])
    assert not given["violin"] and len(given["cello"]) == 1


def test_a_late_note_a_wrong_pitch_and_a_missed_note_do_not_count():
    pytest.importorskip("mir_eval")
    truth = melody((0.0, 1.0, 60), (1.0, 2.0, 62), (2.0, 3.0, 64), (3.0, 4.0, 65))
    found = [truth[0], replace(truth[1], onset=1.06), replace(truth[2], pitch=65.0)]
    values = scores(found, truth)
    assert values["note precision"] == pytest.approx(1 / 3)
    assert values["note recall"] == pytest.approx(1 / 4)
    assert values["note F1"] == pytest.approx(2 / 7)
    assert set(scores([], truth).values()) == {0.0}
    short = [replace(note, duration=0.5) for note in truth]
    assert scores(short, truth)["note F1"] == 1 and scores(short, truth)["note F1, ends"] == 0


def test_the_notes_of_an_imprecise_alignment_are_where_they_are_heard():
    truth = melody((0.3, 0.8, 67), (0.8, 1.3, 69), (1.3, 1.8, 64))
    sound = np.pad(played(truth), (0, RATE // 2))
    late = [replace(note, onset=note.onset + 0.12) for note in truth]
    unheard = Note(2.2, 0.1, 72.0)
    found = corrected(sound, RATE, [*late, unheard])
    assert [note.pitch for note in found] == [67.0, 69.0, 64.0]
    onsets = [note.onset for note in found]
    assert onsets == pytest.approx([note.onset for note in truth], abs=0.05)
