"""Folders of stems are read as tracks, in each layout that a corpus is published in."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.audio.track import AudioError
from helpers.audio.wav import save
from helpers.datasets.registry import corpus
from helpers.datasets.stem_folders import find_tracks, solos, unique_names
from helpers.runtime import data_root


def noise(seed: int, channels: int = 1, samples: int = 900) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.2, 0.2, (channels, samples)).astype(np.float32)


def lay_out(folder: Path, files: dict[str, np.ndarray], rate: int = 8000) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, audio in files.items():
        kind = {"wav": ("WAV", "FLOAT"), "flac": ("FLAC", "PCM_24")}[name.rsplit(".", 1)[1]]
        soundfile.write(folder / name, audio.T, rate, format=kind[0], subtype=kind[1])
    return folder


# Any folder of stems


def test_any_folder_of_stems_is_a_track(tmp_path):
    lay_out(tmp_path / "Duo in G", {"violin.wav": noise(1), "cello.wav": noise(2)})
    (piece,) = find_tracks(tmp_path)
    track = piece.load()
    assert (track.name, track.instruments, track.sample_rate) == (
        "Duo in G", ("cello", "violin"), 8000,
    )  # fmt: skip
    np.testing.assert_array_equal(track.stems["violin"], noise(1))
    np.testing.assert_array_equal(track.mixture, noise(1) + noise(2))
    assert piece.corpus.name == "folder" and track.recording is None


@pytest.mark.parametrize("name", ["mix.wav", "mixture.flac", "MIX.wav", "Duo_MIX.wav"])
def test_file_named_mix_is_the_recording(tmp_path, name):
    mixture = noise(1) + noise(2)
    lay_out(tmp_path / "duo", {"violin.wav": noise(1), "cello.wav": noise(2), name: mixture})
    (piece,) = find_tracks(tmp_path)
    np.testing.assert_allclose(piece.load().recording, mixture, atol=2**-23)
    assert piece.instruments == ("cello", "violin")


def test_the_folder_of_a_piece_can_be_given_itself(tmp_path):
    folder = lay_out(tmp_path / "duo", {"violin.wav": noise(1), "cello.wav": noise(2)})
    assert [piece.name for piece in find_tracks(folder)] == ["duo"]


def test_two_players_of_one_instrument_are_numbered(tmp_path):
    files = {"Violin 1.wav": noise(1), "Violin 2.wav": noise(2), "Viola.wav": noise(3)}
    lay_out(tmp_path / "trio", files)
    (piece,) = find_tracks(tmp_path)
    assert piece.instruments == ("viola", "violin-1", "violin-2")
    np.testing.assert_array_equal(piece.load().stems["violin-2"], noise(2))


def test_numbers_in_names_count_for_more_than_their_order(tmp_path):
    files = {"A Violino II.wav": noise(1), "B Violino I.wav": noise(2), "Cello 1.wav": noise(3)}
    lay_out(tmp_path / "trio", files)
    (piece,) = find_tracks(tmp_path)
    assert piece.instruments == ("violin-2", "violin-1", "cello")
    assert [path.name for path in piece.players("violin")] == [
        "A Violino II.wav",
        "B Violino I.wav",
    ]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Violine", "violin"), ("Trio in G - Clarinet in Bb", "clarinet"), ("Fagott 1", "bassoon"),
        ("02 Kontrabass", "double-bass"), ("Tenorsaxophon", "saxophone"), ("Vl. II", "violin-2"),
        ("Basset Horn", "basset-horn"), ("alto", "alto"), ("Bass Guitar", "bass-guitar"),
        ("___", "___"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_other_languages_are_matched_and_others_kept(tmp_path, file, name, form):
    file = unicodedata.normalize(form, file)
    lay_out(tmp_path / "duo", {f"{file}.wav": noise(1), "piano.wav": noise(2), "mix.wav": noise(3)})
    assert set(find_tracks(tmp_path)[0].instruments) == {name, "piano"}


def test_unknown_instruments_keep_their_names(tmp_path):
    files = {"kick.wav": noise(1), "Ondes Martenot.wav": noise(2), "mix.wav": noise(1) + noise(2)}
    lay_out(tmp_path / "piece", files)
    assert find_tracks(tmp_path)[0].instruments == ("ondes-martenot", "kick")


def test_folders_that_are_no_pieces_are_ignored(tmp_path):
    lay_out(tmp_path / "piece", {"violin.wav": noise(1), "cello.wav": noise(2)})
    lay_out(tmp_path / "live", {"left.wav": noise(1), "right.wav": noise(2)})
    lay_out(tmp_path / "hashes", {"a27c7aa6638e.wav": noise(1), "0e68c3b9.wav": noise(2)})
    lay_out(tmp_path / "solo", {"violin.wav": noise(1)})
    lay_out(
        tmp_path / "notes",
        {"cello_A3_15_piano_normal.wav": noise(1), "cello_B3_1_forte_normal.wav": noise(2)},
    )
    (tmp_path / "piece" / "._violin.wav").write_bytes(b"what macOS puts into archives")
    (tmp_path / "piece" / "score.pdf").write_bytes(b"%PDF")
    assert [piece.name for piece in find_tracks(tmp_path)] == ["piece"]


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_folder_without_stems_is_refused_by_name(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match=f"^{folder}: .*stems"):
        find_tracks(tmp_path / folder)


# Loading


def test_stem_that_ends_early_is_silent_from_there_on(tmp_path):
    lay_out(tmp_path / "duo", {"violin.wav": noise(1), "cello.wav": noise(2, samples=500)})
    stems = find_tracks(tmp_path)[0].load().stems
    assert not stems["cello"][:, 500:].any()
    np.testing.assert_array_equal(stems["cello"][:, :500], noise(2, samples=500))


def test_mono_among_stereo_is_repeated_and_everything_can_be_mono(tmp_path):
    lay_out(tmp_path / "duo", {"violin.wav": noise(1, channels=2), "cello.wav": noise(2)})
    (piece,) = find_tracks(tmp_path)
    np.testing.assert_array_equal(piece.load().stems["cello"], np.repeat(noise(2), 2, axis=0))
    assert piece.load(channels=1).channels == 1


def test_different_rates_are_refused_unless_one_is_given(tmp_path):
    lay_out(tmp_path / "duo", {"violin.wav": noise(1)}, rate=8000)
    lay_out(tmp_path / "duo", {"cello.wav": noise(2)}, rate=16_000)
    (piece,) = find_tracks(tmp_path)
    with pytest.raises(AudioError, match=r"^duo: the files have different sample rates"):
        piece.load()
    assert piece.load(sample_rate=8000).sample_rate == 8000


def test_a_mixture_that_is_not_the_sum_is_warned_of(tmp_path):
    files = {"violin.wav": noise(1), "cello.wav": noise(2), "mix.wav": noise(1) + 0.9 * noise(2)}
    lay_out(tmp_path / "duo", files)
    with pytest.warns(UserWarning, match="^duo: the mixture differs from the sum of its stems"):
        track = find_tracks(tmp_path)[0].load()
    assert -24 < track.residual_db < -22  # a tenth of one of two equal stems


def test_bad_stem_is_refused_by_its_name(tmp_path):
    lay_out(tmp_path / "duo", {"violin.wav": noise(1), "cello.wav": noise(2)})
    (tmp_path / "duo" / "cello.wav").write_bytes(b"")
    with pytest.raises(AudioError, match="^cello.wav: the file is empty"):
        find_tracks(tmp_path)[0].load()


# Published layouts


def test_bach10_as_published(tmp_path):
    names = ("bassoon", "clarinet", "saxophone", "violin")
    stems = {name: noise(seed) for seed, name in enumerate(names)}
    for piece in ("01-AchGottundHerr", "02-AchLiebenChristen"):
        files = {f"{piece}-{name}.wav": audio for name, audio in stems.items()}
        folder = lay_out(tmp_path / "Bach10_v1.1" / piece, files)
        save(folder / f"{piece}.wav", sum(stems.values()), 8000, "FLOAT")
        (folder / f"{piece}.txt").write_text("alignment")
    pieces = find_tracks(tmp_path / "Bach10_v1.1")
    assert [piece.name for piece in pieces] == ["01-AchGottundHerr", "02-AchLiebenChristen"]
    assert {piece.corpus.name for piece in pieces} == {"bach10"}
    assert find_tracks(tmp_path / "Bach10_v1.1" / pieces[0].name)[0] == pieces[0]
    track = pieces[0].load()
    assert track.instruments == names and track.residual_db < -120
    np.testing.assert_array_equal(track.stems["saxophone"], stems["saxophone"])


def test_bach10_with_the_published_spelling_of_saxophone(tmp_path):
    files = {"01-Ach-saxphone.wav": noise(1), "01-Ach-violin.wav": noise(2)}
    lay_out(tmp_path / "01-Ach", files)
    assert find_tracks(tmp_path)[0].instruments == ("saxophone", "violin")


def test_urmp_as_published(tmp_path):
    players = {"1_vn": noise(1), "2_vn": noise(2), "3_va": noise(3), "4_vc": noise(4)}
    files = {f"AuSep_{player}_24_Pirates.wav": audio for player, audio in players.items()}
    files["AuMix_24_Pirates_vn_vn_va_vc.wav"] = sum(players.values())
    folder = lay_out(tmp_path / "Dataset" / "24_Pirates_vn_vn_va_vc", files, rate=48_000)
    (folder / "Notes_1_vn_24_Pirates.txt").write_text("0.1 440 0.5")
    (folder / "Sco_24_Pirates_vn_vn_va_vc.mid").write_bytes(b"MThd")
    (piece,) = find_tracks(tmp_path)
    assert piece.corpus.name == "urmp"
    assert piece.name == "24_Pirates_vn_vn_va_vc"
    assert piece.instruments == ("violin-1", "violin-2", "viola", "cello")
    np.testing.assert_array_equal(piece.load().stems["viola"], noise(3))
    assert piece.load().residual_db < -120


def test_every_abbreviation_of_urmp_is_an_instrument_of_the_corpus(tmp_path):
    short = ("vn", "va", "vc", "db", "fl", "ob", "cl", "sax", "bn", "tpt", "hn", "tbn", "tba")
    files = {f"AuSep_{i}_{name}_99_All.wav": noise(i) for i, name in enumerate(short, 10)}
    (piece,) = find_tracks(lay_out(tmp_path / "99_All", files))
    assert piece.corpus == corpus("urmp")
    assert sorted(piece.instruments) == sorted(piece.corpus.instruments)


def test_trios_as_published(tmp_path):
    folder = tmp_path / "TRIOS Dataset"
    brahms = {"horn.wav": noise(1), "piano.wav": noise(2), "violin.wav": noise(3)}
    five = {"kick.wav": noise(4), "piano.wav": noise(5), "saxophone.wav": noise(6)}
    for name, stems in {"brahms": brahms, "take_five": five}.items():
        lay_out(folder / name, {**stems, "mix.wav": sum(stems.values())})
        (folder / name / "piano.mid").write_bytes(b"MThd")
    pieces = find_tracks(folder)
    assert [piece.instruments for piece in pieces] == [
        ("horn", "piano", "violin"), ("kick", "piano", "saxophone"),
    ]  # fmt: skip
    assert {piece.corpus.name for piece in pieces} == {"trios"}
    folder.rename(tmp_path / "training")  # the MIDI file of each part shows what it is
    assert {piece.corpus.name for piece in find_tracks(tmp_path)} == {"trios"}


def test_solos_are_found_by_instrument(tmp_path):
    lay_out(tmp_path / "medley_solos" / "violin", {"b.flac": noise(1), "a.flac": noise(2)})
    lay_out(tmp_path / "medley_solos" / "flute", {"c.flac": noise(3)})
    lay_out(tmp_path / "solo_violin", {"bwv1002.wav": noise(4)})
    found = solos(tmp_path)
    names = {name: [path.name for path in paths] for name, paths in found.items()}
    assert names == {"flute": ["c.flac"], "violin": ["a.flac", "b.flac", "bwv1002.wav"]}
    assert solos(tmp_path / "solo_violin") == {}


@pytest.mark.parametrize("folder", ["my-piano-trios", "Bach10 covers", "urmp", "TRIOS", "bach10"])
def test_a_users_folder_is_no_corpus_whatever_its_name(tmp_path, folder):
    for piece in ("schubert", "opus 1"):
        names = ("violin", "cello", "piano", "mix")
        lay_out(tmp_path / folder / piece, {f"{name}.wav": noise(1) for name in names})
        (tmp_path / folder / piece / "score.mid").write_bytes(b"MThd")
    assert {piece.corpus.name for piece in find_tracks(tmp_path)} == {"folder"}


# Real recordings

REAL = {
    "bach10": (7, 44_100, -70.0),
    "trios": (1, 44_100, -70.0),
    "urmp": (1, 48_000, -65.0),
}


@pytest.mark.real_audio
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", REAL)
def test_recorded_mixtures_are_the_sum_of_their_stems(name):
    count, rate, residual = REAL[name]
    pieces = [piece for piece in find_tracks(data_root()) if piece.corpus.name == name]
    assert len(pieces) == count
    for piece in pieces:
        track = piece.load()
        assert track.sample_rate == rate and track.residual_db < residual
        assert piece.load(sample_rate=22_050, channels=1).residual_db < residual
        assert set(track.instruments) <= set(piece.corpus.instruments)


@pytest.mark.real_audio
def test_there_are_real_solos_of_the_quartet():
    found = solos(data_root())
    assert {"violin", "clarinet", "saxophone"} <= set(found)
    assert len(found["violin"]) == 17 and all(len(paths) >= 12 for paths in found.values())


# Formats


def test_a_stem_in_two_formats_counts_once(tmp_path):
    files = {"violin.wav": noise(1), "Violin.flac": noise(1), "cello.flac": noise(2)}
    lay_out(tmp_path / "duo", files)
    with pytest.warns(UserWarning, match=r"duo/Violin\.flac: left out; violin\.wav is the same"):
        (piece,) = find_tracks(tmp_path)
    assert piece.instruments == ("cello", "violin")
    assert piece.stems["violin"].name == "violin.wav"


@pytest.mark.parametrize(("suffix", "kind"), [("opus", "OGG"), ("caf", "CAF"), ("w64", "W64")])
def test_stems_in_formats_that_are_read_are_used(tmp_path, suffix, kind):
    folder = lay_out(tmp_path / "duo", {"violin.wav": noise(1)})
    subtype = "OPUS" if suffix == "opus" else "PCM_16"
    soundfile.write(folder / f"cello.{suffix}", noise(2).T, 8000, format=kind, subtype=subtype)
    assert find_tracks(tmp_path)[0].load().instruments == ("cello", "violin")


def test_a_stem_in_a_format_that_is_not_read_is_warned_of(tmp_path):
    folder = lay_out(tmp_path / "trio", {"violin.wav": noise(1), "cello.wav": noise(2)})
    for name in ("viola.mp4", "Vid_1_vn_vc_viola.mp4", "viola.pdf"):
        (folder / name).write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"trio/viola\.mp4: .* not read") as warned:
        find_tracks(tmp_path)
    assert len(warned) == 1


def test_pieces_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for place in ("a/duo", "b/duo", "b/trio"):
        lay_out(tmp_path / place, {"violin.wav": noise(1), "cello.wav": noise(2)})
    assert list(unique_names(find_tracks(tmp_path))) == ["a/duo", "b/duo", "trio"]
