"""The training materials of all weights are in the table, and the table is complete."""

from __future__ import annotations

import dataclasses
import json
import re

import licences as script
import pytest

from helpers import runtime
from helpers.datasets.stem_folders import solos
from helpers.files import file_sha256
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig
from helpers.music.instruments import instrument
from helpers.recipes.schema import NOTES as NOTES_FOLDER
from helpers.recipes.schema import read_recipe
from helpers.synthesis.note_index import indexed_notes, note_players
from helpers.synthesis.soundfonts import DOWNLOADS, PACKAGES, SoundfontError, find_soundfont
from helpers.training.checkpoints import available_models, save_model
from helpers.training.licences import (
    COUNTED,
    NOTES,
    fits,
    learned_from,
    licence,
    materials,
    timbres,
)

SMALL = WaveUNet(WaveUNetConfig(sources=("violin", "bassoon"), levels=2, width=4))
CARDS = available_models()
RECIPES = sorted((runtime.repository_root() / "recipes").glob("*.toml"))
RENDERED_ONLY = {"use_note_samples": False, "use_solos": False}
each_row = pytest.mark.parametrize("row", materials().values(), ids=lambda row: row.name)


def no_card(start):
    raise LookupError(start)


def names(**recipe):
    """The materials of a recipe for a violin with one soundfont and these changes."""
    rendering = {"instruments": ["violin"], "soundfonts": ["FluidR3_GM"]}
    rendering |= {"note_samples": 0, "tones": 0} | recipe.pop("rendering", {})
    recipe = {**RENDERED_ONLY, "scores": ["random"], "rendering": rendering, **recipe}
    return learned_from({"recipe": recipe}, no_card)


@each_row
def test_every_row_has_a_licence_and_a_source(row):
    assert row.title and row.licence and row.source
    assert row.note or row.fits
    assert row.kind in {"soundfont", "notes", "solos", "recordings", "scores", "tones"}
    assert bool(row.file) == bool(row.sha256)
    assert not row.sha256 or re.fullmatch("[0-9a-f]{64}", row.sha256)
    assert row.kind != "soundfont" or row.version and row.sha256


@pytest.mark.parametrize(
    "row", [row for row in materials().values() if row.file], ids=lambda row: row.name
)
def test_the_sha256_is_that_of_the_file(row):
    if row.kind == "soundfont":
        try:
            file = find_soundfont(row.name)
        except SoundfontError:
            pytest.skip(f"{row.name} is not installed")
        if row.name in PACKAGES and "/usr/share/sounds" not in str(file):
            pytest.skip(f"{row.name} is not Debian's")
    else:
        root = runtime.data_root()
        folder = row.name.partition("/")[0]
        if root is None or not (root / folder / row.file).is_file():
            pytest.skip(f"{row.name} is missing")
        file = root / folder / row.file
    assert file_sha256(file) == row.sha256


def test_all_soundfonts_that_divisi_names_are_in_the_table():
    assert {*PACKAGES, *DOWNLOADS} <= set(materials())
    assert set(COUNTED) <= set(PACKAGES)


def test_the_collections_are_those_that_recipes_read():
    assert materials()[NOTES].kind == "notes"
    assert NOTES == NOTES_FOLDER


@pytest.mark.real_audio
def test_the_solos_are_those_of_the_data_folder():
    root = runtime.data_root()
    if root is None:
        pytest.skip("DIVISI_DATA is not set to a folder")
    found = {
        (file.relative_to(root).parts[0], name) for name, files in solos(root).items()
        for file in files
    }  # fmt: skip
    rows = [row for row in materials().values() if row.kind == "solos"]
    assert found == {(row.name, name) for row in rows for name in row.instruments}


@pytest.mark.real_audio
def test_the_players_of_recorded_notes_are_those_of_the_data_folder():
    root = runtime.data_root()
    rows = {row.name: row for row in materials().values() if row.kind == "notes"}
    collections = sorted({name.partition("/")[0] for name in rows})
    for player in note_players([root / name for name in collections]):
        row = rows[player.relative_to(root).as_posix()]
        found = {note.instrument for note in indexed_notes(player)}
        assert set(row.instruments) in (found, set())  # none: too few notes to play a part


@pytest.mark.parametrize("name", CARDS)
def test_every_card_has_its_materials_and_licence(name):
    assert CARDS[name]["learned_from"] and set(CARDS[name]["learned_from"]) <= set(materials())
    assert CARDS[name]["licence"] == licence(CARDS[name]["learned_from"])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_learns_from_rows_of_the_table(path):
    made = {"recipe": script.tomllib.loads(path.read_text(encoding="utf-8"))}
    assert set(learned_from(made, script.card_of)) <= set(materials())


def test_cards_and_page_are_as_the_script_writes_them():
    stale = [path for path, text in script.fresh_texts().items() if path.read_text("utf-8") != text]
    assert not stale, "run `make licences`"


def test_a_recipe_in_a_card_has_the_same_materials_as_its_file():
    (path,) = (path for path in RECIPES if path.stem == "chamber")
    written = json.loads(json.dumps(dataclasses.asdict(read_recipe(path))))
    in_file = script.tomllib.loads(path.read_text(encoding="utf-8"))
    found = learned_from({"recipe": written}, script.card_of)
    assert found == learned_from({"recipe": in_file}, script.card_of)
    too_few_notes = "more_notes/tinysol_two"  # in the folder that was used, but it plays no part
    assert {*found, too_few_notes} == set(CARDS["chamber"]["learned_from"])


def test_chamber_free_learns_only_from_materials_that_fit_mit():
    (path,) = (path for path in RECIPES if path.stem == "chamber-free")
    recipe = script.tomllib.loads(path.read_text(encoding="utf-8"))
    found = learned_from({"recipe": recipe}, no_card)
    assert fits(found) and licence(found) == "MIT"
    assert "GeneralUser" in found


def test_recorded_notes_follow_from_the_collections_and_instruments_of_a_recipe():
    def notes(instruments: list[str], collections: list[str]) -> list[str]:
        found = names(
            use_note_samples=True,
            note_collections=collections,
            rendering={"note_samples": 1, "instruments": instruments},
        )
        return [name for name in found if materials()[name].kind == "notes"]

    assert notes(["violin", "piano"], ["salamander_piano"]) == ["salamander_piano"]
    assert notes(["cello"], ["more_notes"]) == [
        "more_notes/bigcat_cello",
        "more_notes/winer_bassoon_cello",
    ]
    assert "more_notes/martin_guitar" not in notes(["guitar"], ["all"])
    assert notes(["guitar"], ["more_notes/martin_guitar"]) == ["more_notes/martin_guitar"]
    assert notes(["tuba"], ["all"]) == [
        "philharmonia_more",
        "philharmonia_phrases",
        "more_notes/war_tuba",
    ]


def test_timbres_count_the_same_players_once():
    names = [row.name for row in timbres("violin")]
    assert "FluidR3_GM" in names and "MuseScore_General_Lite" not in names
    assert len([name for name in names if name.startswith("philharmonia")]) == 1
    assert [row.name for row in timbres("harpsichord")] == ["FluidR3_GM"]
    assert all(instrument(n).name == n for row in materials().values() for n in row.instruments)


def test_the_materials_of_a_recipe_follow_from_its_fields():
    assert names() == ["FluidR3_GM"]
    assert names(scores=["works"]) == ["FluidR3_GM", "music21"]
    assert names(rendering={"tones": 1}) == ["FluidR3_GM", "tones"]
    assert names(use_note_samples=True) == ["FluidR3_GM"]
    assert names(use_note_samples=True, rendering={"note_samples": 1}) == ["FluidR3_GM", NOTES]
    assert names(use_solos=True) == ["FluidR3_GM", "medley_solos", "solo_violin"]
    assert names(corpora=["/data/synthsod"]) == ["FluidR3_GM", "synthsod"]
    assert names(rendering={"soundfonts": 3}) == list(COUNTED)
    assert names(scores=[]) == []


def test_missing_collections_are_no_training_material():
    recipe = {"rendering": {"instruments": ["violin"], "tones": 0}, "scores": ["random"]}
    assert learned_from({"recipe": recipe, "collections": []}, no_card) == list(COUNTED)
    assert NOTES in learned_from({"recipe": recipe}, no_card)


def test_weights_inherit_the_materials_of_their_start():
    cards = {"old": {"learned_from": ["Merlin"]}, "tones": {"learned_from": ["tones"]}}
    made = {"start_from": "old", "interpolate": {"tones": 0.1}, "rendering": {"instruments": []}}
    made |= {**RENDERED_ONLY, "scores": []}
    assert learned_from({"recipe": made}, cards.__getitem__) == ["Merlin", "tones"]
    assert learned_from({"recipe": made}, no_card) == ["tones", "old"]


def test_the_licence_names_materials_under_other_terms():
    assert licence(["FluidR3_GM", "tones"]) == "MIT"
    assert licence(["FluidR3_GM", "TimGM6mb"]).startswith("MIT; ")
    assert licence(["FluidR3_GM", "TimGM6mb"]).endswith(": TimGM6mb (GPL-2.0-only)")
    assert "elsewhere (terms not known here)" in licence(["elsewhere"])
    assert licence([]) == "not stated"


def test_the_card_of_a_saved_model_has_its_materials(tmp_path):
    _, first = save_model(SMALL, tmp_path, "first", {"learned_from": ["TimGM6mb"]})
    card = json.loads(first.read_text())
    assert card["learned_from"] == ["TimGM6mb"] and "GPL-2.0-only" in card["licence"]
    recipe = {**RENDERED_ONLY, "scores": [], "rendering": {"instruments": ["violin"]}}
    made = {"recipe": {**recipe, "start_from": str(first)}, "recordings": ["mine"]}
    _, second = save_model(SMALL, tmp_path, "second", made)
    assert json.loads(second.read_text())["learned_from"] == ["TimGM6mb", "own recordings"]
    _, third = save_model(SMALL, tmp_path, "third", {"steps": 3})
    assert json.loads(third.read_text())["licence"] == "not stated"


def test_a_missing_start_does_not_prevent_saving(tmp_path):
    recipe = {**RENDERED_ONLY, "scores": [], "rendering": {"instruments": ["violin"]}}
    gone = {"recipe": {**recipe, "start_from": str(tmp_path / "gone.safetensors")}}
    _, path = save_model(SMALL, tmp_path, "kept", gone)
    assert json.loads(path.read_text())["learned_from"] == ["gone"]
