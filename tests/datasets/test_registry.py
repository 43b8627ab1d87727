"""The table of corpora: complete rows, and layouts that do not overlap."""

import re

import pytest

from helpers.datasets.registry import CORPORA, FOLDER, corpus
from helpers.music.instruments import instrument


def test_every_corpus_has_its_terms_and_known_instruments():
    assert len({row.name for row in CORPORA}) == len(CORPORA)
    for row in CORPORA:
        assert re.match(r"https?://\S+$", row.url)
        assert all([row.title, row.licence, row.citation, row.obtain, row.use])
        assert bool(row.archive) == bool(row.zenodo_record)
        if row.name != "musdb18":  # its stems are groups, not instruments
            assert [instrument(name).name for name in row.instruments] == list(row.instruments)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("/Bach10_v1.1/09-Jesus/09-Jesus-saxphone.wav", "bach10"),
        ("/training/09-Jesus/09-Jesus-violin.wav", "bach10"),
        ("/quartets/09-Jesus bleibet/09-Jesus bleibet-violin.wav", None),
        ("/Dataset/12_Spring_vn_vc/AuSep_1_vn_12_Spring.wav", "urmp"),
        ("/urmp/12/violin.wav", None),
        ("/TRIOS Dataset/mozart/viola.wav", "trios"),
        ("/my-piano-trios/mozart/piano.wav", None),
        ("/musdb18hq/train/A Classic Education - NightOwl/vocals.wav", "musdb18"),
        ("/songs/train/vocals.wav", None),
        ("/BBCSO_Ensembles/anitrasdance/Mix_1/Violin_1.flac", "ensembleset"),
        ("/my ensembleset/anitrasdance/Mix_1/Violin_1.flac", None),
        ("/SynthSOD/SynthSOD_data/song/Tree/Flute.flac", "synthsod"),
        ("/synthsodden/song/Tree/Flute.flac", None),
        ("/cadenzawoodwind/CadenzaWoodwind/minuet/Oboe.flac", "cadenzawoodwind"),
    ],
)
def test_a_file_is_known_by_the_layout_of_its_corpus(file, name):
    assert [row.name for row in CORPORA if row.fits([file])] == ([name] if name else [])


def test_a_folder_of_unknown_origin_fits_no_layout():
    assert not FOLDER.fits(["/duo/violin.wav"]) and not FOLDER.held_out


def test_an_unknown_corpus_is_refused_with_the_nearest_name():
    with pytest.raises(KeyError, match="did you mean 'synthsod'?"):
        corpus("SynthSODs")
