"""Archives on Zenodo: found by pooch, downloaded with resume, checked by size and checksum."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests
from pooch.downloaders import ZenodoRepository
from tqdm import tqdm

TIMEOUT = 60  # seconds without an answer
CHUNK = 1 << 20  # bytes
GIGABYTE = 1e9


class DownloadError(ValueError):
    """A download that failed or cannot start: one sentence."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a Zenodo record: size in bytes, checksum as `md5:DIGEST`."""

    name: str
    url: str
    size: int
    checksum: str

    def downloaded(self, folder: Path) -> int:
        """The bytes of it that are in `folder`, complete or as NAME.part."""
        return max(_size(folder / self.name), _size(folder / f"{self.name}.part"))


def zenodo_file(record: int, name: str) -> RemoteFile:
    """The file `name` of a Zenodo record.

    DownloadError where Zenodo does not list its files, or not this one.
    """
    address = f"https://zenodo.org/records/{record}"
    zenodo = ZenodoRepository(f"10.5281/zenodo.{record}", address, timeout=TIMEOUT)
    try:
        files = {entry["key"]: entry for entry in zenodo.api_response["files"]}
        if name in files:
            size, checksum = int(files[name]["size"]), str(files[name]["checksum"])
            return RemoteFile(Path(name).name, zenodo.download_url(name), size, checksum)
    except (requests.RequestException, LookupError, TypeError, ValueError, AttributeError) as error:
        raise DownloadError(
            f"{address}: Zenodo lists no files ({type(error).__name__}); try again later, or "
            f"download {name} with a browser and unpack it."
        ) from error
    raise DownloadError(
        f"{address}: there is no file '{name}'; choose from {', '.join(sorted(files))}."
    )


def fetch(file: RemoteFile, folder: Path) -> Path:
    """Download a file into `folder` and return its path; a broken download is resumed.

    The file appears complete and with the right checksum, or not at all; until then its beginning
    is kept as NAME.part.
    DownloadError where the connection breaks or the content is not what Zenodo states.
    """
    part = folder / f"{file.name}.part"

    def complete(_url: str, output_file: str, _pooch: object) -> None:
        _resume(file, part)
        os.replace(part, output_file)

    pooch.get_logger().setLevel("WARNING")  # the progress bar shows the rest
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return Path(pooch.retrieve(file.url, file.checksum, file.name, folder, downloader=complete))
    except requests.RequestException as error:
        raise DownloadError(
            f"{file.name}: the connection broke after {_size(part) / GIGABYTE:.1f} of "
            f"{file.size / GIGABYTE:.1f} GB ({type(error).__name__}); run the command again to "
            "continue."
        ) from error
    except OSError as error:
        raise DownloadError(
            f"{file.name}: it cannot be written in {folder} ({error.strerror}); make room or choose"
            " another folder, and run the command again to continue."
        ) from error
    except ValueError as error:  # pooch: another checksum
        raise DownloadError(
            f"{file.name}: the download does not have the checksum that Zenodo states; run the "
            "command again to repeat it."
        ) from error


def _resume(file: RemoteFile, part: Path) -> None:
    """Append to `part` what it lacks; start again where the server cannot send a range.

    No more is written than the size that Zenodo states.
    """
    size = _size(part)
    if size > file.size:
        part.unlink()
        size = 0
    if size == file.size:
        return
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={size}-"}
    with requests.get(file.url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        is_range = answer.headers.get("Content-Range", "").startswith(f"bytes {size}-")
        with (
            open(part, "ab" if is_range else "wb") as output,
            tqdm(
                desc=file.name, total=file.size, initial=output.tell(),
                unit="B", unit_scale=True, disable=None,
            ) as bar,
        ):  # fmt: skip
            for chunk in answer.iter_content(CHUNK):
                bar.update(output.write(chunk[: file.size - output.tell()]))
                if output.tell() == file.size:
                    return
    raise requests.ConnectionError("it ended early")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
