"""Archives of corpora on Zenodo: listed by their record, fetched in parts, checked by their md5.

`GET /api/records/RECORD` answers `{"files": [{"key": NAME, "size": BYTES, "checksum": "md5:...",
"links": {"self": URL}}, ...]}` (https://developers.zenodo.org).
"""

from __future__ import annotations

import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
import requests
from tqdm import tqdm

API = "https://zenodo.org/api"
TIMEOUT = 60  # seconds without an answer
CHUNK = 1 << 20  # bytes
GIGABYTE = 1e9


class DownloadError(ValueError):
    """A download that cannot be: one sentence."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a record; size in bytes, md5 empty where Zenodo states none."""

    name: str
    url: str
    size: int
    md5: str


def zenodo_file(record: int, name: str, api: str = API) -> RemoteFile:
    """The file `name` of a record of Zenodo; DownloadError where it cannot be asked or has none."""
    address = f"{api}/records/{record}"
    try:
        answer = requests.get(address, timeout=TIMEOUT)
        answer.raise_for_status()
        files = {entry["key"]: _remote_file(entry) for entry in answer.json()["files"]}
    except (requests.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise DownloadError(f"{address}: the answer is no list of files; try later.") from error
    except requests.RequestException as error:
        raise DownloadError(
            f"{address}: Zenodo does not answer ({type(error).__name__}); try later, or download "
            f"{name} with a browser and unpack it."
        ) from error
    if name not in files:
        raise DownloadError(
            f"{address}: there is no file '{name}'; choose from {', '.join(sorted(files))}."
        )
    return files[name]


def check_space(file: RemoteFile, folder: Path) -> None:
    """DownloadError where the disk of `folder` has no room for the archive and its content.

    Counted as twice the archive, sound being packed already, less what was downloaded before.
    """
    there = folder
    while not there.exists():
        there = there.parent
    got = max(_size(folder / file.name), _size(_part(file, folder)))
    needed, free = 2 * file.size - got, shutil.disk_usage(there).free
    if needed > free:
        raise DownloadError(
            f"{file.name}: unpacking it takes {needed / GIGABYTE:.1f} GB more and {there} has "
            f"{free / GIGABYTE:.1f} GB; make room, or name another folder."
        )


def fetch(file: RemoteFile, folder: Path) -> Path:
    """Download a file into `folder`, or what is missing of it, and return its path.

    It is there whole and with the md5 that Zenodo states, or not at all; until then its beginning
    is kept as NAME.part, and the next call goes on from its end. Warns where there is no md5.
    DownloadError where the connection breaks or something else arrives.
    """
    if not file.md5:
        warnings.warn(
            f"{file.name}: Zenodo states no md5, so what arrives cannot be checked.", stacklevel=2
        )
    pooch.get_logger().setLevel("WARNING")  # the progress bar says it
    folder.mkdir(parents=True, exist_ok=True)
    try:
        path = pooch.retrieve(
            file.url,
            known_hash=f"md5:{file.md5}" if file.md5 else None,
            fname=file.name,
            path=folder,
            downloader=Continued(file.size, _part(file, folder)),
        )
    except requests.RequestException as error:
        got = _size(_part(file, folder))
        raise DownloadError(
            f"{file.name}: the connection broke after {got / GIGABYTE:.1f} of "
            f"{file.size / GIGABYTE:.1f} GB ({type(error).__name__}); the same again goes on."
        ) from error
    except ValueError as error:  # pooch's, for another hash
        raise DownloadError(
            f"{file.name}: what arrived is not what Zenodo states, by its md5; fetch it again."
        ) from error
    return Path(path)


@dataclass(frozen=True)
class Continued:
    """A downloader for pooch: goes on from the end of `part` up to `size` bytes."""

    size: int
    part: Path

    def __call__(self, url: str, output_file: str, pooch: Any = None) -> None:
        if _size(self.part) > self.size:
            self.part.unlink()
        if _size(self.part) < self.size:
            self._go_on(url, _size(self.part))
        os.replace(self.part, output_file)

    def _go_on(self, url: str, got: int) -> None:
        """Append what is missing; all of it where the server does not know how to go on."""
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={got}-"}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {got}-")
            with (
                open(self.part, "ab" if goes_on else "wb") as file,
                tqdm(
                    desc=self.part.stem, total=self.size, initial=file.tell(),
                    unit="B", unit_scale=True, disable=None,
                ) as bar,
            ):  # fmt: skip
                for chunk in answer.iter_content(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
        if _size(self.part) < self.size:
            raise requests.ConnectionError("it ended early")


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    kind, _, digest = entry.get("checksum", "").partition(":")
    md5 = digest if kind == "md5" else ""
    return RemoteFile(Path(entry["key"]).name, entry["links"]["self"], entry["size"], md5)


def _part(file: RemoteFile, folder: Path) -> Path:
    return folder / f"{file.name}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
