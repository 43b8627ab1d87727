"""`divisi corpora` shows each corpus and its terms; `divisi fetch` downloads one from Zenodo."""

from __future__ import annotations

import hashlib
import io
import zipfile

import numpy as np
import pytest
import soundfile

from helpers.datasets import download
from helpers.datasets.registry import CORPORA, corpus
from helpers.datasets.stem_folders import find_tracks
from helpers.synthesis import soundfonts


def archive(names=("Flute", "Oboe", "Bassoon")) -> bytes:
    """A CadenzaWoodwind of one piece, as a ZIP archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name in names:
            sound = io.BytesIO()
            soundfile.write(sound, np.zeros((800, 2)), 8000, "PCM_16", format="FLAC")
            packed.writestr(f"CadenzaWoodwind/minuet/{name}.flac", sound.getvalue())
    return content.getvalue()


@pytest.fixture
def zenodo(monkeypatch):
    """The requested records; every archive is the one above."""
    requests, content = [], archive()

    def zenodo_file(record, name):
        requests.append((record, name))
        return download.RemoteFile(name, "", len(content), "")

    def fetch(file, folder):
        folder.mkdir(parents=True)
        (folder / file.name).write_bytes(content)
        return folder / file.name

    monkeypatch.setattr(download, "zenodo_file", zenodo_file)
    monkeypatch.setattr(download, "fetch", fetch)
    monkeypatch.delenv("DIVISI_DATA", raising=False)
    return requests


def test_all_corpora_are_listed(divisi):
    code, out, err = divisi("corpora")
    assert (code, err) == (0, [])
    assert [line.split()[0] for line in out[: len(CORPORA)]] == [row.name for row in CORPORA]


@pytest.mark.parametrize("row", CORPORA, ids=lambda row: row.name)
def test_a_corpus_is_shown_with_licence_citation_and_url(divisi, row):
    code, out, _ = divisi("corpora", row.name.upper())
    assert code == 0 and max(map(len, out)) <= 96
    shown = " ".join(" ".join(out).split())
    for words in (row.url, row.licence, row.citation, row.obtain):
        assert words in shown


@pytest.mark.parametrize("command", ["corpora", "fetch"])
def test_an_unknown_corpus_is_refused_with_the_nearest_name(divisi, command):
    code, _, err = divisi(command, "ensemblesets")
    assert (code, len(err)) == (2, 1)
    assert "did you mean 'ensembleset'?" in err[0]


def test_a_downloaded_corpus_is_in_a_folder_of_its_name_and_is_read(divisi, zenodo, tmp_path):
    code, out, err = divisi("fetch", "cadenzawoodwind", "-o", tmp_path)
    assert (code, err) == (0, [])
    assert zenodo == [(12664932, "CadenzaWoodwind.zip")]
    (piece,) = find_tracks(tmp_path)
    assert (piece.name, piece.corpus) == ("minuet", corpus("cadenzawoodwind"))
    assert (
        "downloading" in out[0]
        and "pieces found: 1" in out[1]
        and corpus("cadenzawoodwind").citation in out[2]
    )
    assert [path.name for path in (tmp_path / "cadenzawoodwind").iterdir()] == ["CadenzaWoodwind"]


def test_another_archive_of_the_record_can_be_chosen(divisi, zenodo, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVISI_DATA", str(tmp_path))
    assert divisi("fetch", "synthsod", "--file", "SynthSOD-sample.zip")[0] == 0
    assert zenodo == [(13759492, "SynthSOD-sample.zip")]
    assert (tmp_path / "synthsod" / "SynthSOD-sample" / "CadenzaWoodwind").is_dir()


def test_an_existing_folder_is_not_downloaded_again(divisi, zenodo, tmp_path):
    (tmp_path / "cadenzawoodwind" / "CadenzaWoodwind").mkdir(parents=True)
    code, _, err = divisi("fetch", "cadenzawoodwind", "-o", tmp_path)
    assert code == 2 and "already exists" in err[0] and zenodo == []


def test_a_corpus_that_cannot_be_downloaded_says_how_to_get_it(divisi, zenodo, tmp_path):
    code, _, err = divisi("fetch", "bach10", "-o", tmp_path)
    assert code == 2 and "by hand: fill in the form" in err[0]


def test_without_a_folder_the_option_for_one_is_shown(divisi, zenodo):
    code, _, err = divisi("fetch", "synthsod")
    assert code == 2 and "-o" in err[0]


def test_a_soundfont_goes_into_the_cache_and_its_licence_is_shown(divisi, monkeypatch, tmp_path):
    monkeypatch.setattr(soundfonts, "fetch_soundfont", lambda name: tmp_path / name)
    code, out, _ = divisi("fetch", "Merlin")
    assert code == 0 and str(tmp_path / "Merlin") in out[0] and "GPL-3.0" in out[0]


def test_a_full_disk_is_reported_before_the_download(divisi, zenodo, tmp_path, monkeypatch):
    huge = download.RemoteFile("a.zip", "", 10**18, "")
    monkeypatch.setattr(download, "zenodo_file", lambda record, name: huge)
    code, _, err = divisi("fetch", "synthsod", "-o", tmp_path / "new")
    assert code == 2 and "needs 2e+06 TB" in err[0] and not (tmp_path / "new").exists()


def tone(path, seconds=0.1, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = 0.1 * np.sin(2 * np.pi * 440.0 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, sound, rate)
    return path


@pytest.fixture
def holdings(tmp_path, monkeypatch):
    """Two notes, a solo, a piece whose mixture is the sum; in DIVISI_DATA."""
    note = tone(tmp_path / "notes" / "oboe" / "a4.wav")
    tone(tmp_path / "notes" / "french_horn" / "a3.wav")
    digest = hashlib.sha256(note.read_bytes()).hexdigest()
    rows = [f"oboe,oboe/a4.wav,{digest}", "french horn,french_horn/a3.wav,"]
    (tmp_path / "notes" / "index.csv").write_text("\n".join(["instrument,file,sha256", *rows]))
    tone(tmp_path / "medley_solos" / "flute" / "1.wav")
    for name in ("violin", "cello"):
        tone(tmp_path / "sonata" / f"{name}.wav")
    mixture, rate = soundfile.read(tmp_path / "sonata" / "violin.wav")
    soundfile.write(tmp_path / "sonata" / "mix.wav", 2 * mixture, rate)
    monkeypatch.setenv("DIVISI_DATA", str(tmp_path))
    return tmp_path


def test_a_check_lists_what_a_folder_holds(divisi, holdings):
    code, out, err = divisi("corpora", "--check")
    assert code == 0, err
    assert [" ".join(line.split()) for line in out[1:4]] == [
        "notes 2 notes: horn 1, oboe 1",
        "medley_solos 1 solos: flute 1",
        "folder 1 pieces: cello 1, violin 1",
    ]
    assert "not there: bach10" in " ".join(out) and "medley_solos," not in out[-1]


def test_a_check_names_every_fault(divisi, holdings):
    (holdings / "notes" / "french_horn" / "a3.wav").unlink()
    tone(holdings / "notes" / "oboe" / "a4.wav", seconds=0.2)
    (holdings / "medley_solos" / "flute" / "1.wav").write_bytes(b"")
    tone(holdings / "sonata" / "mix.wav", seconds=0.05)
    code, out, err = divisi("corpora", "--check", holdings)
    assert code == 2 and "4 faults" in err[-1]
    shown = "\n".join(out)
    for fault in ("a3.wav: the index names it", "a4.wav: is not the file", "0 bytes", "differs"):
        assert fault in shown, fault


@pytest.mark.parametrize("index", [b"file\n\xff\n", b"name\nx\n", b'file\n"x\n', b"a,file\nb\n"])
def test_a_check_names_an_index_that_cannot_be_read(divisi, tmp_path, index):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "index.csv").write_bytes(index)
    code, out, _ = divisi("corpora", "--check", tmp_path)
    assert code == 2 and any("index.csv: line" in line for line in out)


def test_a_check_without_a_folder_says_which_one_to_name(divisi, monkeypatch):
    monkeypatch.delenv("DIVISI_DATA", raising=False)
    code, _, err = divisi("corpora", "--check")
    assert code == 2 and "DIVISI_DATA" in err[0]
