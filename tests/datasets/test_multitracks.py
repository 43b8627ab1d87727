"""Training stems per instrument, all its players summed, and none of held-out recordings."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiments import fingerprints as table
from helpers.audio.audio import load
from helpers.audio.resampling import resample
from helpers.audio.track import AudioError
from helpers.datasets import fingerprints
from helpers.datasets.multitracks import multitrack_stems, training_pieces
from helpers.datasets.own_stems import own_tracks
from helpers.datasets.real_pieces import RealPiece, solo_stems
from helpers.datasets.stem_folders import find_tracks, solos
from helpers.runtime import data_root

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


def test_all_violins_of_a_piece_are_one_stem(tmp_path):
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


def test_shorter_players_are_padded_and_silent_instruments_have_no_stem(tmp_path):
    folder = lay_out(tmp_path / "piece", {"Violin_1": 0.25, "Cello": 0.0})
    soundfile.write(folder / "Violin_2.flac", np.full((500, 2), 0.25), RATE, "PCM_24")
    pieces = training_pieces(tmp_path, ["violin", "cello"])
    found = variants(pieces, "piece/piece", "violin", "cello")
    assert list(found) == ["violin"]
    np.testing.assert_allclose(found["violin"].stem[0, :500], 0.5, atol=2**-20)
    np.testing.assert_allclose(found["violin"].stem[0, 500:], 0.25, atol=2**-20)


def test_stems_have_the_rate_of_the_recipe(tmp_path):
    lay_out(tmp_path / "piece", {"Violin": 0.25, "Cello": 0.25})
    pieces = training_pieces(tmp_path, ["violin"])
    assert variants(pieces, "piece/piece", "violin", rate=4000)["violin"].stem.shape == (1, 400)


def test_both_quartets_of_a_folder_of_cadenzawoodwind_are_used(tmp_path):
    names = ("Flute", "Oboe", "Clarinet", "Sax", "Bassoon")
    lay_out(tmp_path / "CadenzaWoodwind" / "minuet", dict.fromkeys(names, 0.1))
    pieces = training_pieces(tmp_path, ["clarinet", "saxophone", "oboe"])
    players = [set(variants(pieces, name, "clarinet", "saxophone", "oboe")) for name in pieces]
    assert players == [{"clarinet", "oboe"}, {"saxophone", "oboe"}]


def test_songs_that_synthsod_lists_for_evaluation_and_test_are_left_out(tmp_path):
    root = tmp_path / "SynthSOD"
    for song in ("a", "b", "c"):
        lay_out(root / "SynthSOD_data" / song / "Tree", QUARTET)
    for split, song in (("train", "a"), ("evaluation", "b"), ("test", "c")):
        listed = {"songs": {"0": {"song_name": song, "duration": 0.1}}}
        (root / f"SynthSOD_metadata_{split}.json").write_text(json.dumps(listed))
    assert [piece.name for piece in training_pieces(root, ["viola"]).values()] == ["a"]


def test_a_damaged_list_of_songs_is_refused_by_name(tmp_path):
    lay_out(tmp_path / "SynthSOD_data" / "a" / "Tree", QUARTET)
    (tmp_path / "SynthSOD_metadata_test.json").write_text('["a"]')
    with pytest.raises(ValueError, match="SynthSOD_metadata_test.json: it does not list songs"):
        training_pieces(tmp_path, ["viola"])


def test_hymns_of_bach10_are_left_out(tmp_path):
    for piece in ("Bach_AchGottUndHerr", "nun bitten wir", "Wachet auf"):
        lay_out(tmp_path / piece, QUARTET)
    names = {piece.name for piece in training_pieces(tmp_path, ["violin"]).values()}
    assert names == {"Wachet auf"}


def test_a_held_out_corpus_is_refused(tmp_path):
    lay_out(tmp_path / "URMP" / "12_Spring_vn_vc", {"AuSep_1_vn_12": 0.1, "AuSep_2_vc_12": 0.1})
    with pytest.raises(ValueError, match="urmp, which is kept for evaluation"):
        training_pieces(tmp_path, ["violin"])


def test_pieces_without_the_instruments_are_left_out_and_none_is_an_error(tmp_path):
    lay_out(tmp_path / "strings", QUARTET)
    lay_out(tmp_path / "winds", {"Flute": 0.1, "Oboe": 0.1})
    assert list(training_pieces(tmp_path, ["oboe"])) == ["winds/winds"]
    with pytest.raises(ValueError, match="no piece for training has any of tuba"):
        training_pieces(tmp_path, ["tuba"])


# Held-out recordings are recognised by their sound


def copy_of(piece, folder: Path, start: int = 5000) -> Path:
    """A copy with other names, level, sample rate and beginning."""
    folder.mkdir(parents=True)
    for stem, path in piece.stems.items():
        audio, rate = load(path, channels=1)
        audio = 0.3 * resample(audio[0, start:], rate, 32_000)
        soundfile.write(folder / f"Piece 3 {stem}.wav", audio, 32_000, "PCM_16")
    return folder.parent


def assert_refused(root: Path, instruments, recording: str) -> None:
    pieces = training_pieces(root, instruments)  # no folder name is that of a corpus
    with pytest.raises(AudioError, match=f"is the recording {recording}.*kept for evaluation"):
        for name in pieces:
            list(multitrack_stems(name, pieces, instruments, 44_100))
    with pytest.raises(AudioError, match=f"is the recording {recording}"):
        own_tracks(root, instruments, 44_100, 4.0)


def noisy_melody(seed: int) -> np.ndarray:
    """Six seconds of bands of noise that change five times a second, at 22,050 Hz."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.uniform(0, 1, (30, 12)), 22_050 // 5, axis=0)
    time = np.arange(len(levels))[:, None] / 22_050
    tones = np.sin(2 * np.pi * rng.uniform(200, 3500, 12) * time)
    return (0.05 * (levels * tones).sum(axis=1)).astype(np.float32)


def test_a_renamed_copy_of_a_held_out_recording_is_refused(tmp_path, monkeypatch):
    for number, name in enumerate(("violin", "cello")):
        (tmp_path / "duo").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "duo" / f"{name}.wav", noisy_melody(number), 22_050)
        (tmp_path / "own" / "duo").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "own/duo" / f"{name}.wav", noisy_melody(number + 2), 22_050)
    (held_out,) = find_tracks(tmp_path / "duo")
    table.write([held_out], tmp_path / "fingerprints.csv")
    monkeypatch.setattr(fingerprints, "TABLE", tmp_path / "fingerprints.csv")
    root = copy_of(held_out, tmp_path / "my-duos" / "first")
    assert_refused(root, ("violin", "cello"), "folder/duo/violin")
    (tmp_path / "solo_violin").mkdir()
    shutil.copy(root / "first" / "Piece 3 violin.wav", tmp_path / "solo_violin" / "étude.wav")
    with pytest.raises(AudioError, match="étude.wav: is the recording"):
        list(solo_stems(RealPiece("violin", "", solos(tmp_path)["violin"]), 22_050))
    (track,) = own_tracks(tmp_path / "own", ("violin", "cello"), 22_050, 4.0)
    assert track.instruments == ("violin", "cello")


def test_a_users_folder_called_my_piano_trios_is_used(tmp_path):
    root = tmp_path / "my-piano-trios"
    lay_out(root / "schubert", {"Violin": 0.1, "Cello": 0.1, "Piano": 0.1}, samples=40_000)
    players = ("violin", "cello", "piano")
    pieces = training_pieces(root, players)
    assert set(variants(pieces, "schubert/schubert", *players)) == set(players)
    assert own_tracks(root, players, RATE, 4.0)[0].instruments == players


@pytest.mark.real_audio
@pytest.mark.parametrize(
    ("folder", "recording"),
    [
        ("bach10_excerpts/01-excerpt05", "bach10/01-excerpt05/"),
        ("bach10_excerpts/10-excerpt02", "bach10/10-excerpt02/"),
        ("trios/brahms", "trios/brahms/"),
        ("urmp_excerpts/12", "urmp/12/"),
    ],
)
def test_renamed_copies_of_the_held_out_corpora_are_refused(tmp_path, folder, recording):
    (piece,) = find_tracks(data_root() / folder)
    for stem, path in piece.stems.items():
        audio, rate = load(path, channels=1)
        cut = resample(audio[0, rate // 3 :], rate, 22_050)
        assert fingerprints.held_out_recording(cut, 22_050) == f"{recording}{stem}"
    assert_refused(copy_of(piece, tmp_path / "mine" / "song"), piece.instruments, recording)


@pytest.mark.real_audio
def test_other_solos_are_not_mistaken_for_held_out_recordings():
    paths = sorted((data_root() / "solo_violin").glob("*.mp3"))
    for path in paths:
        audio, rate = load(path, channels=1)
        assert fingerprints.held_out_recording(audio[0], rate) is None
    assert paths
