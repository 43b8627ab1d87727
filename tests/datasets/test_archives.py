"""An archive is unpacked whole, inside its folder and within limits, or not at all."""

import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from helpers.datasets.archives import ArchiveError, unzip


def archive_of(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def refused(archive: Path, folder: Path, sentence: str, **limits: int) -> None:
    """The archive is refused with the sentence, and only the archive is there afterwards."""
    with pytest.raises(ArchiveError, match=sentence) as caught:
        unzip(archive, folder, **limits)
    assert str(caught.value).startswith(f"{archive.name}: ")
    assert list(folder.parent.iterdir()) == [archive]


def test_unpacked_files_equal_the_originals(tmp_path):
    content = {"Bach10/01-Ach/01-Ach.wav": b"RIFF" * 99, "Bach10/été.txt": b"x"}
    folder = unzip(archive_of(tmp_path / "a.zip", content), tmp_path / "new" / "corpus")
    assert {name: (folder / name).read_bytes() for name in content} == content
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["corpus"]


def test_empty_archive_becomes_an_empty_folder(tmp_path):
    assert list(unzip(archive_of(tmp_path / "a.zip", {}), tmp_path / "corpus").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../evil.wav", "a/../../evil.wav", "/tmp/evil", "..\\evil", "C:/x"]
)
def test_entry_that_leads_out_is_refused(tmp_path, name):
    archive = archive_of(tmp_path / "a.zip", {"fine.wav": b"x", name: b"x"})
    refused(archive, tmp_path / "corpus", "leads out of the folder")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_are_refused(tmp_path, kind):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("passwords")
        link.external_attr = (kind | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    refused(tmp_path / "a.zip", tmp_path / "corpus", "is a link or a device")


def test_the_folder_itself_may_be_an_entry(tmp_path):
    content = {"./": b"", "./a/": b"", "./a/b.wav": b"x"}
    folder = unzip(archive_of(tmp_path / "a.zip", content), tmp_path / "corpus")
    assert (folder / "a" / "b.wav").read_bytes() == b"x"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2,
                                    zipfile.ZIP_LZMA])  # fmt: skip
def test_damage_anywhere_in_an_archive_of_any_method_is_one_sentence(tmp_path, method):
    content = np.random.default_rng(0).integers(0, 9, 300, dtype=np.uint8).tobytes()
    with zipfile.ZipFile(tmp_path / "whole.zip", "w", method) as archive:
        archive.writestr("a", content)
    whole = (tmp_path / "whole.zip").read_bytes()
    (tmp_path / "new").mkdir()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 255
        for data in (damaged, whole[:place]):
            (tmp_path / "a.zip").write_bytes(data)
            try:
                folder = unzip(tmp_path / "a.zip", tmp_path / "new" / "corpus")
            except ArchiveError as error:
                assert str(error).startswith("a.zip: ") and "\n" not in str(error)
            else:
                shutil.rmtree(folder)
            assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_of_another_kind_is_refused(tmp_path, mode):
    with tarfile.open(tmp_path / "a.tar", mode) as archive:
        archive.addfile(tarfile.TarInfo("a"))
    refused(tmp_path / "a.tar", tmp_path / "corpus", "cannot be unpacked")


def test_archive_larger_than_allowed_is_refused_before_it_is_unpacked(tmp_path):
    bomb = archive_of(tmp_path / "a.zip", {"zeros": bytes(10_000_000)})
    assert bomb.stat().st_size < 20_000
    refused(bomb, tmp_path / "corpus", "GiB allowed", most_bytes=9_999_999)


def test_more_files_than_allowed_are_refused(tmp_path):
    archive = archive_of(tmp_path / "a.zip", {str(i): b"" for i in range(11)})
    refused(archive, tmp_path / "corpus", "11 files are more than the 10", most_files=10)


def test_entry_larger_than_it_declares_is_refused(tmp_path):
    archive = archive_of(tmp_path / "a.zip", {"zeros": bytes(10_000)})
    lying = archive.read_bytes().replace((10_000).to_bytes(4, "little"), (5).to_bytes(4, "little"))
    archive.write_bytes(lying)
    refused(archive, tmp_path / "corpus", "cannot be unpacked")


def test_what_is_no_archive_or_a_damaged_one_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>quota exceeded</html>")
    refused(tmp_path / "a.zip", tmp_path / "corpus", "cannot be unpacked")


@pytest.mark.parametrize("place", [34, 45, 60, 100])
def test_archive_with_a_damaged_byte_is_refused(tmp_path, place):
    content = np.random.default_rng(0).integers(0, 9, 999, dtype=np.uint8).tobytes()
    damaged = bytearray(archive_of(tmp_path / "a.zip", {"a": content}).read_bytes())
    damaged[place] ^= 255
    (tmp_path / "a.zip").write_bytes(damaged)
    refused(tmp_path / "a.zip", tmp_path / "corpus", "cannot be unpacked")


def test_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "corpus").mkdir()
    with pytest.raises(FileExistsError, match="corpus exists"):
        unzip(archive_of(tmp_path / "a.zip", {"a": b"x"}), tmp_path / "corpus")
    assert list((tmp_path / "corpus").iterdir()) == []
