"""Random melodies follow the rules of their singers and the seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.datasets.tone_melodies import ENSEMBLES, MAJOR, SINGERS, Melodies, draw_part


def test_an_example_is_a_function_of_seed_and_index():
    once, again = (Melodies(("soprano", "bass"), 0.5, seed=4) for _ in range(2))
    assert torch.equal(once[7][1], again[7][1])


def test_examples_and_seeds_differ():
    melodies = Melodies(("soprano", "bass"), 0.5, seed=4)
    other = Melodies(("soprano", "bass"), 0.5, seed=5)
    assert not torch.equal(melodies[0][1], melodies[1][1])
    assert not torch.equal(melodies[0][1], other[0][1])


@pytest.mark.parametrize("count", ENSEMBLES)
def test_mixture_is_the_sum_of_one_stem_for_each_singer(count):
    mixture, stems = Melodies(ENSEMBLES[count], 0.3, seed=0)[0]
    assert stems.shape == (count, 1, 2400)
    assert stems.dtype == torch.float32
    torch.testing.assert_close(mixture, stems.sum(0))


def test_every_example_is_filled_to_its_end():
    melodies = Melodies(("bass",), 0.5, seed=0)
    lengths = {melodies[index][1].shape[-1] for index in range(100)}
    assert lengths == {4000}


@pytest.mark.parametrize("singer", SINGERS)
def test_a_part_stays_in_its_range_and_key(singer):
    part = draw_part(singer, 60.0, key=2, tempo=120.0, rng=np.random.default_rng(0))
    pitches = [note.pitch for note in part.notes]
    assert SINGERS[singer].low <= min(pitches) and max(pitches) <= SINGERS[singer].high
    assert {(pitch - 2) % 12 for pitch in pitches} == set(MAJOR)


def test_a_part_is_monophonic():
    part = draw_part("alto", 30.0, key=0, tempo=90.0, rng=np.random.default_rng(1))
    ends = [note.onset + note.duration for note in part.notes]
    assert all(end <= after.onset + 1e-9 for end, after in zip(ends, part.notes[1:], strict=False))


def test_only_the_two_weakest_partials_of_the_bass_reach_the_soprano():
    bass, soprano = SINGERS["bass"], SINGERS["soprano"]
    partials = 2 ** (bass.high / 12) * np.arange(1, len(bass.timbre.harmonics) + 1)
    assert np.sum(partials >= 2 ** (soprano.low / 12)) == 2
    assert sorted(bass.timbre.harmonics, reverse=True) == list(bass.timbre.harmonics)


def test_a_track_is_the_example():
    melodies = Melodies(("soprano", "bass"), 0.5, seed=3)
    np.testing.assert_array_equal(melodies.track(2).mixture, melodies[2][0].numpy())
