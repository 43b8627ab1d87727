"""Which recorded notes, solos and players a recipe uses, on a small folder of recordings."""

from __future__ import annotations

import pytest

from helpers.recipes.entries import RecipeError
from helpers.recipes.schema import read_recipe
from helpers.recipes.stem_banks import _solo_files, collections, note_sources

HEADER = "instrument,pitch,length,dynamic,file,set\n"
INDEXES = {
    "philharmonia_notes": "clarinet,A4,1,F,a.wav,\n",
    "grand_piano": "piano,60,1,F,a.wav,\n",
    "passages": "clarinet,A4,phrase,F,p.wav,\nviolin,A4,phrase,F,q.wav,\nbassoon,A4,1,F,r.wav,\n",
    "more_notes": "saxophone,A4,1,F,a.wav,bearsax_baritone\nguitar,A4,1,F,b.wav,martin_guitar\n"
    "violin,A4,1,F,c.wav,mine\n",
}
USES = ("use_note_samples = false\nuse_solos = false", "use_note_samples = true\nuse_solos = true")


@pytest.fixture
def data(tmp_path, monkeypatch):
    root = tmp_path / "data"
    for name, rows in INDEXES.items():
        (root / name).mkdir(parents=True)
        (root / name / "index.csv").write_text(HEADER + rows)
    monkeypatch.setenv("DIVISI_DATA", str(root))
    return root


def names(recipe, data, *listed: str):
    """note_sources of a recipe with these collections, relative to the folder."""
    line = f"\nnote_collections = {list(listed)}" if listed else ""
    made = read_recipe(recipe((USES[0], USES[1] + line)))
    return made, [source.relative_to(data).as_posix() for source in note_sources(made)]


def test_a_recipe_uses_the_philharmonia_where_it_names_nothing(recipe, data):
    made, sources = names(recipe, data)
    assert sources == ["philharmonia_notes"] == collections(made)


def test_all_takes_every_folder_but_no_set_without_terms(recipe, data):
    made, sources = names(recipe, data, "all")
    assert sources == [
        "grand_piano", "more_notes/bearsax_baritone", "more_notes/mine", "passages",
        "philharmonia_notes",
    ]  # fmt: skip
    assert collections(made) == [  # of the instruments of the recipe
        "more_notes/bearsax_baritone", "more_notes/mine", "passages", "philharmonia_notes",
    ]  # fmt: skip


def test_a_set_without_terms_is_used_where_it_is_named(recipe, data):
    named = ("more_notes", "more_notes/martin_guitar")
    assert names(recipe, data, *named)[1] == [
        "more_notes/bearsax_baritone", "more_notes/mine", "more_notes/martin_guitar",
    ]  # fmt: skip


def test_phrases_of_the_collections_are_solos(recipe, data):
    made, _ = names(recipe, data, "passages")
    assert _solo_files(made) == {
        "violin": [data / "passages" / "q.wav"],
        "clarinet": [data / "passages" / "p.wav"],
    }
    assert _solo_files(names(recipe, data)[0]) == {}


def test_a_collection_that_is_missing_is_named(recipe, data):
    with pytest.raises(RecipeError, match="tiny: .*harps: there is no index.csv"):
        names(recipe, data, "harps")
