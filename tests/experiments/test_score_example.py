"""The rendered quartet of chapter 8, and its measures."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.score_example import example, note_tensor, quality
from helpers.audio.levels import rms
from helpers.audio.track import Track
from helpers.music.scores import Note, Part, Score


def test_the_quartet_is_played_in_another_time_than_it_is_written_by_equal_players():
    piece = example(4.0, sample_rate=11_025)
    assert list(piece.track.stems) == ["violin-1", "violin-2", "viola", "cello"]
    assert all(rms(stem) == pytest.approx(0.05, rel=0.01) for stem in piece.track.stems.values())
    for written, played in zip(piece.score.parts, piece.played.parts, strict=True):
        assert [note.pitch for note in written.notes] == [note.pitch for note in played.notes]
    onsets = [[n.onset for n in s.parts[0].notes] for s in (piece.score, piece.played)]
    assert np.std(np.subtract(*onsets)) > 0.05


def test_the_rest_is_a_part_without_notes():
    parts = (Part("violin", (Note(0.0, 1.0, 69.0), Note(1.0, 1.0, 70.0))), Part("cello", ()))
    notes = note_tensor(Score("duo", parts))
    assert notes.shape == (1, 3, 2, 3)
    assert notes[0, 0].tolist() == [[0.0, 1.0, 69.0], [1.0, 2.0, 70.0]]
    assert (notes[0, 1:, :, 1] <= notes[0, 1:, :, 0]).all()


def test_quality_is_si_sdr_by_stem_and_its_mean():
    noise = np.random.default_rng(0).normal(size=(4, 1, 40_000)).astype(np.float32)
    track = Track("two", 8000, {"violin": noise[0], "cello": noise[1]})
    estimates = {"violin": noise[0] + 0.1 * noise[2], "cello": noise[1] + noise[3]}
    table = quality({"noisy": estimates}, track)
    assert list(table.columns) == ["violin", "cello", "mean"]
    assert table.loc["noisy"].to_numpy() == pytest.approx([20.0, 0.0, 10.0], abs=0.2)
