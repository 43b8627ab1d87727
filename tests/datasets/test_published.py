"""The large sampled corpora are read as public loaders describe them, one microphone per piece."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.audio.track import AudioError
from helpers.datasets.registry import corpus
from helpers.datasets.stem_folders import StemFolder, find_tracks

RATE = 8000
STRINGS = ("Violin_1", "Violin_2", "Viola", "Cello", "Bass")
ORCHESTRA = (
    *STRINGS, "Flute", "Piccolo", "Clarinet", "Oboe", "coranglais", "Bassoon", "Horn", "Trumpet",
    "Trombone", "Tuba", "Harp", "Timpani", "untunedpercussion",
)  # fmt: skip
WOODWINDS = ("Flute", "Oboe", "Clarinet", "Sax", "Bassoon")


def level(name: str) -> float:
    """The constant that the samples of a stem of this name have."""
    return (sum(name.encode()) % 97 + 1) / 1024


def lay_out(folder: Path, names: tuple[str, ...], mixture: str = "", gain: float = 1.0) -> Path:
    """Stereo FLAC files of 800 samples that each hold their level, times the gain."""
    folder.mkdir(parents=True)
    sounds = {name: np.full((800, 2), gain * level(name)) for name in names}
    if mixture:
        sounds[mixture] = sum(sounds.values())
    for name, sound in sounds.items():
        soundfile.write(folder / f"{name}.flac", sound, RATE, "PCM_24")
    return folder


def ensembleset(root: Path) -> Path:
    """`EnsembleSet/BBCSO_Ensembles/PIECE/MICROPHONE/`: the microphones differ in gain."""
    folder = root / "EnsembleSet" / "BBCSO_Ensembles"
    for gain, microphone in enumerate(("AtmosF", "Close", "Mix_1", "Mono", "Tree"), 1):
        for piece in ("MiseroPargoletto", "anitrasdance"):
            lay_out(folder / piece / microphone, STRINGS, gain=gain / 8)
    return folder


def synthsod(root: Path) -> Path:
    """`SynthSOD_data/SONG/MICROPHONE/`."""
    for song in ("symphony_7_2_orch", "wind_trio"):
        names = ORCHESTRA if "orch" in song else ("Oboe", "Clarinet", "Bassoon")
        for microphone in ("Close Mic", "Tree"):
            lay_out(root / "SynthSOD_data" / song / microphone, names)
    return root / "SynthSOD_data"


def known(piece: StemFolder) -> set[str]:
    return {name.rsplit("-", 1)[0] if name[-1].isdigit() else name for name in piece.stems}


def test_a_piece_of_ensembleset_is_its_finished_mix(tmp_path):
    pieces = find_tracks(ensembleset(tmp_path))
    assert [piece.name for piece in pieces] == ["MiseroPargoletto", "anitrasdance"]
    assert {piece.corpus.name for piece in pieces} == {"ensembleset"}
    assert {piece.folder.name for piece in pieces} == {"Mix_1"}
    track = pieces[0].load()
    assert track.instruments == ("double-bass", "cello", "viola", "violin-1", "violin-2")
    np.testing.assert_allclose(track.stems["double-bass"], 3 / 8 * level("Bass"), atol=2**-23)


def test_another_microphone_can_be_chosen(tmp_path):
    for microphone, gain in (("Tree", 5 / 8), ("AtmosF", 1 / 8)):
        pieces = find_tracks(ensembleset(tmp_path / microphone), microphone)
        assert [piece.name for piece in pieces] == ["MiseroPargoletto", "anitrasdance"]
        cello = pieces[1].load().stems["cello"]
        np.testing.assert_allclose(cello, gain * level("Cello"), atol=2**-23)


def test_an_unknown_microphone_is_refused_with_those_of_the_piece(tmp_path):
    with pytest.raises(AudioError, match=r"^MiseroPargoletto: .*'Leader'; choose from AtmosF, Clo"):
        find_tracks(ensembleset(tmp_path), "Leader")


def test_ensembleset_without_its_mix_is_read_at_the_next_best_microphone(tmp_path):
    for microphone in ("Close", "Balcony", "Tree"):
        lay_out(tmp_path / "ensembleset" / "anitrasdance" / microphone, STRINGS)
    (piece,) = find_tracks(tmp_path)
    assert (piece.name, piece.folder.name) == ("anitrasdance", "Tree")


def test_the_mix_that_the_cadenza_challenge_distributes_is_read(tmp_path):
    piece = tmp_path / "EnsembleSet" / "anitrasdance"
    lay_out(piece / "Mix_1", STRINGS, mixture="mix_anitrasdance")
    (found,) = find_tracks(tmp_path)
    assert found.name == "anitrasdance" and found.mixture.name == "mix_anitrasdance.flac"
    assert found.load().residual_db < -100


def test_a_song_of_synthsod_names_all_sections_of_the_orchestra(tmp_path):
    orchestra, trio = find_tracks(synthsod(tmp_path))
    assert (orchestra.name, orchestra.folder.name) == ("symphony_7_2_orch", "Tree")
    assert known(orchestra) == {*corpus("synthsod").instruments, "untunedpercussion"}
    assert {"violin-1", "violin-2"} <= set(orchestra.stems)
    assert trio.instruments == ("bassoon", "clarinet", "oboe")
    assert find_tracks(tmp_path, "Close Mic")[1].folder.name == "Close Mic"


@pytest.mark.parametrize("mixtures", [(), ("mix_1", "mix_2"), ("mix",)])
def test_cadenzawoodwind_is_a_piece_with_clarinet_and_one_with_saxophone(tmp_path, mixtures):
    folder = lay_out(tmp_path / "CadenzaWoodwind" / "minuet", WOODWINDS)
    for mixture in mixtures:
        soundfile.write(folder / f"{mixture}.flac", np.zeros((800, 2)), RATE, "PCM_24")
    clarinet, saxophone = find_tracks(tmp_path)
    assert (clarinet.name, saxophone.name) == ("minuet-clarinet", "minuet-saxophone")
    assert set(clarinet.stems) == {"flute", "oboe", "clarinet", "bassoon"}
    assert set(saxophone.stems) == {"flute", "oboe", "saxophone", "bassoon"}
    total = sum(level(name) for name in ("Flute", "Oboe", "Sax", "Bassoon"))
    np.testing.assert_allclose(saxophone.load().mixture, total, atol=2**-20)


def test_a_quartet_of_cadenzawoodwind_keeps_its_only_mixture(tmp_path):
    names = ("Flute", "Oboe", "Alto_Sax", "Bassoon")
    lay_out(tmp_path / "CadenzaWoodwind" / "minuet" / "sax", names, mixture="mix_minuet")
    (piece,) = find_tracks(tmp_path)
    assert known(piece) == {"flute", "oboe", "saxophone", "bassoon"}
    assert piece.load().residual_db < -100


def test_microphones_and_stem_names_of_a_corpus_mean_nothing_elsewhere(tmp_path):
    for piece in ("Tree", "Close"):
        lay_out(tmp_path / "duos" / piece, ("Violin", "Cello", "Bass"))
    pieces = find_tracks(tmp_path)
    assert [piece.name for piece in pieces] == ["Close", "Tree"]
    assert pieces[0].instruments == ("bass", "cello", "violin")
