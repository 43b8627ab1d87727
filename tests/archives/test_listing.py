"""Which recordings an archive has, and where their stems go."""

from __future__ import annotations

from pathlib import Path, PurePath

import numpy as np
import pytest
import soundfile

from helpers.archives.listing import folders_of, listing
from helpers.audio.track import AudioError
from helpers.folders import FolderError


@pytest.fixture
def album(tmp_path):
    """Write recordings of one second, in stereo at 8 kHz, or other files with a text."""

    def write(*names, text=None):
        for name in names:
            path = tmp_path / "album" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                soundfile.write(path, np.zeros((8000, 2)), 8000)
            else:
                path.write_text(text)
        return tmp_path / "album"

    return write


def folders(found):
    return [entry.folder for entry in found.entries]


def test_the_structure_of_the_folders_is_kept(album, tmp_path):
    root = album("b.wav", "a.flac", "disc 1/quartet.wav", "disc 1/late/fugue.aiff")
    found = listing([root], tmp_path / "out")
    assert folders(found) == ["a", "b", "disc 1/quartet", "disc 1/late/fugue"]
    assert found.entries[0].source == root / "a.flac"
    assert [(entry.seconds, entry.samples) for entry in found.entries] == [(1.0, 16_000)] * 4
    assert found.remarks() == [] and found.refused == []


def test_a_name_that_another_recording_or_a_folder_has_keeps_its_suffix():
    files = ["a.wav", "a.FLAC", "b.wav", "disc/c.wav", "disc.wav", "disc/B.wav"]
    names = {
        str(file): str(folder) for file, folder in folders_of(list(map(PurePath, files))).items()
    }
    assert names == {
        "a.wav": "a.wav", "a.FLAC": "a.FLAC", "b.wav": "b", "disc/c.wav": "disc/c",
        "disc.wav": "disc.wav", "disc/B.wav": "disc/B",
    }  # fmt: skip


def test_a_score_beside_a_recording_does_not_change_its_folder():
    files = [PurePath("concert.mid"), PurePath("concert.wav"), PurePath("notes.txt")]
    assert [str(folder) for folder in folders_of(files).values()] == [
        "concert.mid", "concert", "notes",
    ]  # fmt: skip


def test_hidden_files_the_output_and_earlier_stems_are_left_out(album):
    root = album("a.wav", ".b.wav", ".trash/c.wav", "out/d.wav")
    album("old/violin.wav", "old/takes/e.wav")
    album("old/separation.json", text="{}")
    found = listing([root], root / "out")
    assert folders(found) == ["a"]
    assert found.remarks() == ["old: a folder with the stems of an earlier run; it is left out."]


def test_damaged_recordings_are_refused_and_other_files_left_out(album, tmp_path):
    root = album("a.wav")
    album("b.wav", "disc/c.flac", text="no audio")
    album("notes.txt", "cover.jpg", "disc/d.cue", "disc/e.log", text="words")
    found = listing([root], tmp_path)
    assert folders(found) == ["a"]
    assert [(each.folder, "not audio" in each.reason) for each in found.refused] == [
        ("b", True), ("disc/c", True)
    ]  # fmt: skip
    assert found.remarks() == [
        "4 files that are not audio are left out: cover.jpg, notes.txt, d.cue and others."
    ]


def test_a_file_that_is_named_is_refused_whatever_its_suffix(album, tmp_path):
    root = album("notes.txt", text="words")
    assert [each.folder for each in listing([root / "notes.txt"], tmp_path).refused] == ["notes"]


def test_an_archive_without_a_recording_is_refused(album, tmp_path):
    root = album("notes.txt", text="words")
    with pytest.raises(AudioError, match="album: this folder has no recording"):
        listing([root], tmp_path)


def test_two_recordings_with_one_folder_are_refused(album, tmp_path):
    root = album("a/quartet.wav", "b/quartet.wav")
    with pytest.raises(FolderError, match="would be written to quartet, as .* would"):
        listing([root / "a", root / "b"], tmp_path)


def test_a_recording_in_the_folder_of_stems_of_another_is_refused(album, tmp_path):
    root = album("quartet.wav")
    album("quartet/take.wav")
    with pytest.raises(FolderError, match="take.wav: lies in .*quartet, which would be written"):
        listing([root / "quartet.wav", root / "quartet" / "take.wav"], root)


def test_addresses_are_listed_without_being_read():
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for name, size in (("a.wav", 1_764_000), ("disc/b.flac", 1_000_000), ("disc/notes.txt", 5)):
        memory.pipe_file(f"/listed/album/{name}", bytes(size))
    for name in ("violin.wav", "separation.json"):
        memory.pipe_file(f"/listed/album/old/{name}", b"{}")
    found = listing(["memory://listed/album"], "memory://listed/out")
    assert [(each.folder, each.seconds) for each in found.entries] == [("a", 10), ("disc/b", 10)]
    assert found.entries[1].source == "memory:///listed/album/disc/b.flac"
    assert len(found.remarks()) == 2
    one = listing(["memory://listed/album/a.wav"], Path("out"))
    assert folders(one) == ["a"]
    with pytest.raises(FolderError, match="memory://nothing: cannot be used .there is nothing"):
        listing(["memory://nothing"], Path("out"))
    with pytest.raises(FolderError, match="nosuch://x: cannot be used"):
        listing(["nosuch://x"], Path("out"))
