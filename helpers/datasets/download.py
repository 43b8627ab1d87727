"""Archives on Zenodo: found by pooch, downloaded with resume, checked by size and md5."""

from __future__ import annotations

import os
import warnings
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
    """A file of a Zenodo record; size in bytes, md5 empty where Zenodo states none."""

    name: str
    url: str
    size: int
    md5: str

    def part(self, folder: Path) -> Path:
        """Where the beginning of the file is kept until it is complete."""
        return folder / f"{self.name}.part"

    def downloaded(self, folder: Path) -> int:
        """The bytes in `folder` so far."""
        paths = folder / self.name, self.part(folder)
        return max(path.stat().st_size if path.is_file() else 0 for path in paths)


def zenodo_file(record: int, name: str) -> RemoteFile:
    """The file `name` of a Zenodo record.

    DownloadError where Zenodo does not answer or the record has no such file.
    """
    address = f"https://zenodo.org/records/{record}"
    repository = ZenodoRepository(f"10.5281/zenodo.{record}", address, timeout=TIMEOUT)
    try:
        files = {entry["key"]: entry for entry in repository.api_response["files"]}
        if name not in files:
            raise DownloadError(
                f"{address}: there is no file '{name}'; choose from {', '.join(sorted(files))}."
            )
        entry = files[name]
        kind, _, digest = entry.get("checksum", "").partition(":")
        url, size = repository.download_url(name), int(entry["size"])
    except (requests.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise DownloadError(f"{address}: Zenodo lists no files there; try again later.") from error
    except requests.RequestException as error:
        raise DownloadError(
            f"{address}: Zenodo does not answer ({type(error).__name__}); try again later, or "
            f"download {name} with a browser and unpack it."
        ) from error
    return RemoteFile(Path(name).name, url, size, digest if kind == "md5" else "")


def fetch(file: RemoteFile, folder: Path) -> Path:
    """Download a file into `folder` and return its path; a broken download is resumed.

    The file appears complete and with the right md5, or not at all; until then its beginning is
    kept as NAME.part. Warns where Zenodo states no md5.
    DownloadError where the connection breaks or the content is not what Zenodo states.
    """
    if not file.md5:
        warnings.warn(
            f"{file.name}: Zenodo states no md5, so the download cannot be checked.", stacklevel=2
        )
    pooch.get_logger().setLevel("WARNING")  # the progress bar shows the rest
    folder.mkdir(parents=True, exist_ok=True)

    def complete(_url: str, output_file: str, _pooch: object) -> None:
        _resume(file, file.part(folder))
        os.replace(file.part(folder), output_file)

    known_hash = f"md5:{file.md5}" if file.md5 else None
    try:
        return Path(pooch.retrieve(file.url, known_hash, file.name, folder, downloader=complete))
    except requests.RequestException as error:
        raise DownloadError(
            f"{file.name}: the connection broke after {file.downloaded(folder) / GIGABYTE:.1f} of "
            f"{file.size / GIGABYTE:.1f} GB ({type(error).__name__}); run the command again to "
            "continue."
        ) from error
    except ValueError as error:  # pooch: another hash
        raise DownloadError(
            f"{file.name}: the download does not have the md5 that Zenodo states; run the command "
            "again to repeat it."
        ) from error


def _resume(file: RemoteFile, part: Path) -> None:
    """Append to `part` what it lacks; start anew where the server cannot send a range.

    No more is written than the size that Zenodo states.
    """
    size = part.stat().st_size if part.exists() else 0
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
