"""The release archive: trained models and tables, for an installation that came without them.

`release.json` beside this file describes it; `scripts/release.py` writes both.
"""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

from . import runtime
from .files import file_sha256, replaced_atomically

MANIFEST = Path(__file__).with_name("release.json")
PLACEHOLDER = "divisi-contributors"  # the owner in an address that nobody has registered yet
TIMEOUT = 60  # seconds without an answer
CHUNK = 1 << 20  # bytes


class ReleaseError(ValueError):
    """An archive that cannot be had, or is not what it should be: one sentence."""


def manifest() -> dict[str, Any]:
    """name, size in bytes, sha256, url, drive (an id on Google Drive, or empty) and files."""
    return json.loads(MANIFEST.read_text(encoding="utf-8"))


def has_model(name: str) -> bool:
    """Whether the archive holds a model of this name."""
    return f"Checkpoints/{name}.json" in manifest()["files"]


def folder() -> Path:
    """The unpacked archive, with `Checkpoints/` and `Results/`; downloaded the first time.

    ReleaseError where it cannot be downloaded from any of its addresses, or differs.
    """
    about = manifest()
    target = runtime.cache_root() / "releases" / about["sha256"][:16]
    missing = [name for name in about["files"] if not (target / name).is_file()]
    if missing:
        archive = target / about["name"]
        target.mkdir(parents=True, exist_ok=True)
        if not (archive.is_file() and file_sha256(archive) == about["sha256"]):
            _download(about, archive)
        _unpack(archive, missing, target)
        archive.unlink()
    return target


def _download(about: dict[str, Any], archive: Path) -> None:
    """From `url`, else from Google Drive; the file appears complete and right, or not at all."""
    faults = []
    for fetch, address in ((_https, about["url"]), (_drive, about.get("drive"))):
        if not address:
            continue
        try:
            with replaced_atomically(archive) as draft:
                fetch(address, draft, about["size"])
                if file_sha256(draft) != about["sha256"]:
                    raise ReleaseError("the content is not that of the release")
            return
        except (OSError, ReleaseError) as error:
            faults.append(f"{address}: {error}")
    raise ReleaseError(
        f"The release archive {about['name']} could not be downloaded ({'; '.join(faults)}); "
        f"download it with a browser and put it into {archive.parent}."
    )


def _https(url: str, draft: Path, size: int) -> None:
    from urllib.request import urlopen

    from tqdm import tqdm

    if PLACEHOLDER in url:
        raise ReleaseError(f"'{PLACEHOLDER}' in this address is a placeholder")
    name = url.rpartition("/")[2]
    with (
        urlopen(url, timeout=TIMEOUT) as answer,
        draft.open("wb") as file,
        tqdm(desc=name, total=size, unit="B", unit_scale=True, disable=None) as bar,
    ):
        while chunk := answer.read(CHUNK):
            bar.update(file.write(chunk))
            if file.tell() > size:
                raise ReleaseError(f"it is larger than {size} bytes")


def _drive(identifier: str, draft: Path, size: int) -> None:
    try:
        import gdown
    except ModuleNotFoundError:
        raise ReleaseError("Google Drive needs 'gdown', which is not installed") from None
    try:
        found = gdown.download(id=identifier, output=str(draft), quiet=not sys.stderr.isatty())
    except Exception as error:  # gdown raises its own kinds, also plain Exception
        raise ReleaseError(f"Google Drive refused ({error})".replace("\n", " ")) from error
    if found is None or draft.stat().st_size != size:
        raise ReleaseError("Google Drive sent something else, perhaps a page about its quota")


def _unpack(archive: Path, names: list[str], target: Path) -> None:
    """The files `names` of the manifest, and nothing else, each written atomically."""
    try:
        with zipfile.ZipFile(archive) as packed:
            for name in names:
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with (
                    packed.open(name) as content,
                    replaced_atomically(path) as draft,
                    draft.open("wb") as file,
                ):
                    shutil.copyfileobj(content, file, CHUNK)
                    file.close()
    except (KeyError, zipfile.BadZipFile) as error:
        raise ReleaseError(
            f"{archive.name}: the archive is damaged ({error}); remove it."
        ) from error
