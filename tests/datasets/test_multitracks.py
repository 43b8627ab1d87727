"""Published pieces train by instrument, all players of it together; what is held out never does."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.datasets.multitracks import multitrack_stems, training_pieces

RATE = 8000
QUARTET = {"Violin_1": 0.125, "Violin_2": 0.25, "Viola": 0.0625, "Cello": 0.03125}


def lay_out(folder: Path, sounds: dict[str, float], samples: int = 800) -> Path:
    """Stereo FLAC files that hold a constant each."""
    folder.mkdir(parents=True)
    for name, sound in sounds.items():
        soundfile.write(folder / f"{name}.flac", np.full((samples, 2), sound), RATE, "PCM_24")
    return folder


def variants(pieces, name, *instruments, rate=RATE):
    found = multitrack_stems(name, pieces, instruments, rate)
    return {variant.instrument: variant for variant in found}


def test_all_violins_of_a_piece_are_one_take(tmp_path):
    lay_out(tmp_path / "ensembleset" / "anitrasdance" / "Mix_1", QUARTET)
    pieces = training_pieces(tmp_path / "ensembleset", ["violin", "cello"])
    (name,) = pieces
    assert name == "anitrasdance/Mix_1/anitrasdance"
    found = variants(pieces, name, "violin", "flute", "cello")
    assert [(variant.kind, variant.voice) for variant in found.values()] == [
        ("real", 0),
        ("real", 2),
    ]
    np.testing.assert_allclose(found["violin"].stem, np.full((1, 800), 0.375), atol=2**-20)
    np.testing.assert_allclose(found["cello"].stem, 0.03125, atol=2**-20)


def test_players_that_end_early_are_silent_from_there_on_and_silent_ones_have_no_take(tmp_path):
    folder = lay_out(tmp_path / "piece", {"Violin_1": 0.25, "Cello": 0.0})
    soundfile.write(folder / "Violin_2.flac", np.full((500, 2), 0.25), RATE, "PCM_24")
    pieces = training_pieces(tmp_path, ["violin", "cello"])
    found = variants(pieces, "piece/piece", "violin", "cello")
    assert list(found) == ["violin"]
    np.testing.assert_allclose(found["violin"].stem[0, :500], 0.5, atol=2**-20)
    np.testing.assert_allclose(found["violin"].stem[0, 500:], 0.25, atol=2**-20)


def test_takes_have_the_rate_of_the_recipe(tmp_path):
    lay_out(tmp_path / "piece", {"Violin": 0.25, "Cello": 0.25})
    pieces = training_pieces(tmp_path, ["violin"])
    assert variants(pieces, "piece/piece", "violin", rate=4000)["violin"].stem.shape == (1, 400)


def test_both_quartets_of_a_folder_of_cadenzawoodwind_train(tmp_path):
    names = ("Flute", "Oboe", "Clarinet", "Sax", "Bassoon")
    lay_out(tmp_path / "CadenzaWoodwind" / "minuet", dict.fromkeys(names, 0.1))
    pieces = training_pieces(tmp_path, ["clarinet", "saxophone", "oboe"])
    players = [set(variants(pieces, name, "clarinet", "saxophone", "oboe")) for name in pieces]
    assert players == [{"clarinet", "oboe"}, {"saxophone", "oboe"}]


def test_songs_that_synthsod_keeps_for_evaluation_and_test_do_not_train(tmp_path):
    root = tmp_path / "SynthSOD"
    for song in ("a", "b", "c"):
        lay_out(root / "SynthSOD_data" / song / "Tree", QUARTET)
    for split, song in (("train", "a"), ("evaluation", "b"), ("test", "c")):
        listed = {"songs": {"0": {"song_name": song, "duration": 0.1}}}
        (root / f"SynthSOD_metadata_{split}.json").write_text(json.dumps(listed))
    assert [piece.name for piece in training_pieces(root, ["viola"]).values()] == ["a"]


def test_a_list_of_songs_that_is_none_is_refused_by_name(tmp_path):
    lay_out(tmp_path / "SynthSOD_data" / "a" / "Tree", QUARTET)
    (tmp_path / "SynthSOD_metadata_test.json").write_text('["a"]')
    with pytest.raises(ValueError, match="SynthSOD_metadata_test.json: it does not list songs"):
        training_pieces(tmp_path, ["viola"])


def test_hymns_that_are_kept_for_measuring_do_not_train(tmp_path):
    for piece in ("Bach_AchGottUndHerr", "nun bitten wir", "Wachet auf"):
        lay_out(tmp_path / piece, QUARTET)
    names = {piece.name for piece in training_pieces(tmp_path, ["violin"]).values()}
    assert names == {"Wachet auf"}


def test_a_corpus_that_measures_is_refused(tmp_path):
    lay_out(tmp_path / "URMP" / "12_Spring_vn_vc", {"AuSep_1_vn_12": 0.1, "AuSep_2_vc_12": 0.1})
    with pytest.raises(ValueError, match="urmp is kept for measuring"):
        training_pieces(tmp_path, ["violin"])


def test_pieces_without_the_instruments_are_left_out_and_none_is_an_error(tmp_path):
    lay_out(tmp_path / "strings", QUARTET)
    lay_out(tmp_path / "winds", {"Flute": 0.1, "Oboe": 0.1})
    assert list(training_pieces(tmp_path, ["oboe"])) == ["winds/winds"]
    with pytest.raises(ValueError, match="no piece here may train one of tuba"):
        training_pieces(tmp_path, ["tuba"])
