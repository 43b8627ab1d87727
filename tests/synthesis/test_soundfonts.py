"""Installed soundfonts are found by name, others are downloaded, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import tarfile
import zipfile
from dataclasses import replace

import pytest
import requests

from helpers.runtime import repository_root
from helpers.synthesis import soundfonts
from helpers.synthesis.soundfonts import (
    DOWNLOADS,
    PACKAGES,
    SoundfontError,
    fetch_soundfont,
    find_soundfont,
    find_soundfonts,
)

CONTENT = b"RIFF and so on"


def archive(name: str) -> bytes:
    """What the registry would send, with a file too many."""
    files = {DOWNLOADS[name].member: CONTENT, "package/README.md": b"read me"}
    packed = io.BytesIO()
    if DOWNLOADS[name].url.endswith(".whl"):
        with zipfile.ZipFile(packed, "w") as wheel:
            for path, content in files.items():
                wheel.writestr(path, content)
    else:
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for path, content in files.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """Downloads without a network: `send[NAME]` is what arrives; an exception breaks the line."""
    send = {name: archive(name) for name in DOWNLOADS}
    requests = []

    class Line:
        def __call__(self, url, output_file, _):
            name = next(name for name, source in DOWNLOADS.items() if source.url == url)
            requests.append(name)
            if isinstance(send[name], Exception):
                raise send[name]
            with open(output_file, "wb") as file:
                file.write(send[name])

    monkeypatch.setenv("DIVISI_CACHE", str(tmp_path))
    monkeypatch.setattr(soundfonts, "FOLDERS", ())
    monkeypatch.setattr(soundfonts, "download", Line())
    for name, source in DOWNLOADS.items():
        known = replace(source, sha256=hashlib.sha256(send[name]).hexdigest())
        monkeypatch.setitem(DOWNLOADS, name, known)
    return send, requests


@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_downloaded_soundfont_is_found_by_its_name(registry, tmp_path, name):
    with pytest.raises(SoundfontError, match=f"run `divisi fetch {name}`"):
        find_soundfont(name)
    path = fetch_soundfont(name)
    assert path.read_bytes() == CONTENT
    assert find_soundfont(name) == path
    assert list(path.parent.iterdir()) == [path]  # nothing else is left


def test_a_soundfont_is_downloaded_once(registry):
    _, requests = registry
    assert fetch_soundfont("Merlin") == fetch_soundfont("Merlin")
    assert requests == ["Merlin"]


def test_only_installed_soundfonts_are_listed(registry):
    fetch_soundfont("Merlin")
    assert find_soundfonts() == []


@pytest.mark.parametrize("arrives", [b"something else", requests.ConnectionError()])
def test_a_failed_download_leaves_nothing(registry, tmp_path, arrives):
    send, _ = registry
    send["Merlin"] = arrives
    with pytest.raises(SoundfontError, match="Merlin: the download from .* failed"):
        fetch_soundfont("Merlin")
    assert list((tmp_path / "soundfonts").iterdir()) == []


def test_a_download_without_end_stops_at_the_limit(tmp_path, monkeypatch):
    class Endless(contextlib.nullcontext):
        def raise_for_status(self): ...

        def iter_content(self, size):
            return itertools.repeat(bytes(size))

        def __enter__(self):
            return self

    monkeypatch.setattr(requests, "get", lambda *_, **__: Endless())
    monkeypatch.setattr(soundfonts, "MOST_BYTES", 3 << 20)
    with pytest.raises(ValueError, match="more than 3,145,728 bytes"):
        soundfonts.download("https://host/font.tgz", str(tmp_path / "font"))
    assert (tmp_path / "font").stat().st_size == 4 << 20


def test_other_soundfonts_cannot_be_downloaded(registry):
    with pytest.raises(KeyError):
        fetch_soundfont("FluidR3_GM")


def test_links_to_a_soundfont_count_once(tmp_path, monkeypatch):
    (tmp_path / "one.sf2").touch()
    (tmp_path / "default.sf2").symlink_to(tmp_path / "one.sf2")
    monkeypatch.setattr("helpers.synthesis.soundfonts.FOLDERS", (str(tmp_path), "/nowhere"))
    assert [font.name for font in find_soundfonts()] == ["one.sf2"]


def test_a_soundfont_is_found_by_its_name_without_a_suffix():
    for soundfont in find_soundfonts():
        assert find_soundfont(soundfont.stem) == soundfont


def test_a_missing_soundfont_is_refused_with_the_package_that_brings_it(tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.synthesis.soundfonts.FOLDERS", (str(tmp_path),))
    for name, package in PACKAGES.items():
        with pytest.raises(ValueError, match=f"^{name}: .*apt-get install {package}.* none"):
            find_soundfont(name)
    (tmp_path / "own.sf2").touch()
    with pytest.raises(ValueError, match=rf"^grand: .*put it into {tmp_path}.*: own\)"):
        find_soundfont("grand")


def test_the_packages_of_the_soundfonts_are_installed_with_the_others():
    installed = (repository_root() / "apt.txt").read_text().split()
    assert set(PACKAGES.values()) <= set(installed)
