"""The second development set: its table, its tracks, and that none of its files trains."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from experiments.second_set import tracks
from helpers import runtime
from helpers.audio.levels import rms
from helpers.datasets.development_set import clips, held_out_files
from helpers.music.instruments import find_instrument, read_name
from helpers.recipes.schema import read_recipe
from helpers.recipes.stem_banks import _solo_files


def ensembles() -> dict[str, set[str]]:
    found = defaultdict(set)
    for clip in clips():
        found[clip.ensemble].add(clip.stem)
    return dict(found)


def test_it_has_duos_two_players_of_one_instrument_trios_with_piano_and_quartets():
    found = ensembles()
    assert len(found) >= 8 and min(map(len, found.values())) >= 2
    assert {"violin-1", "violin-2"} in found.values()
    assert sum(len(stems) == 3 and "piano" in stems for stems in found.values()) >= 3
    assert {"violin-1", "violin-2", "viola", "cello"} in found.values()


def test_its_stems_are_instruments_and_two_of_a_kind_are_numbered():
    for stems in ensembles().values():
        names = [find_instrument(stem).name for stem in stems]
        assert all((names.count(find_instrument(s).name) > 1) == bool(read_name(s).number)
                   for s in stems)  # fmt: skip


def test_no_two_stems_of_an_ensemble_play_the_same_file_at_the_same_time():
    for name in ensembles():
        own = [clip for clip in clips() if clip.ensemble == name]
        for clip in own:
            others = [c for c in own if c.file == clip.file and c.stem != clip.stem]
            assert not any(abs(c.at - clip.at) < clip.seconds for c in others)


@pytest.mark.real_audio
def test_a_track_is_the_sum_of_clips_at_their_levels():
    (duo,) = tracks(runtime.data_root(), ["violin duo"])
    assert list(duo.stems) == ["violin-1", "violin-2"] and duo.seconds == pytest.approx(9.0)
    for stem, level in zip(duo.stems.values(), (-26, -27), strict=True):
        assert 20 * np.log10(rms(stem)) == pytest.approx(level, abs=0.1)
    assert np.array_equal(duo.mixture, sum(duo.stems.values()))


@pytest.mark.real_audio
@pytest.mark.parametrize("name", ["chamber", "ensemble"])
def test_none_of_its_files_trains_nor_a_solo_of_two_of_its_players(name):
    root = runtime.data_root()
    recipe = read_recipe(runtime.repository_root() / "recipes" / f"{name}.toml")
    files = {file for each in _solo_files(recipe).values() for file in each}
    held_out = held_out_files(root)
    assert all(file.is_file() for file in held_out)
    assert files and not files & held_out
    assert any(file.name.startswith("john-garner") for file in files)
    assert not any(file.name.startswith("minji-kim") for file in files)
    phrases = {f.parent.name for f in files if f.parent.parent.name == "philharmonia_phrases"}
    assert phrases and "clarinet" not in phrases
