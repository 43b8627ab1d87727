"""Write the release archive dist/divisi-VERSION.zip and what helpers/release.json says of it.

python scripts/release.py [--drive ID]

The archive holds `Checkpoints/` and `Results/`, stored without compression and without dates, so
that the same files give the same sha256. Upload it to the release vVERSION on GitHub, and as a
second source to Google Drive (--drive is its id there), then commit helpers/release.json.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

import notebooks

from helpers import __version__
from helpers.files import file_sha256, replaced_atomically
from helpers.release import MANIFEST, PLACEHOLDER

ROOT = notebooks.ROOT
FOLDERS = ("Checkpoints", "Results")


def build(root: Path, archive: Path) -> list[str]:
    """Pack the models and tables of `root`; the names of the files."""
    files = [path for folder in FOLDERS for path in sorted((root / folder).iterdir())]
    names = [path.relative_to(root).as_posix() for path in files if path.name[0] != "."]
    archive.parent.mkdir(parents=True, exist_ok=True)
    with replaced_atomically(archive) as draft, zipfile.ZipFile(draft, "w") as packed:
        for name in names:
            packed.writestr(zipfile.ZipInfo(name), (root / name).read_bytes())
    return names


def describe(archive: Path, names: list[str], drive: str = "") -> dict[str, object]:
    """What `helpers/release.json` says of the archive."""
    return {
        "name": archive.name,
        "size": archive.stat().st_size,
        "sha256": file_sha256(archive),
        "url": f"{notebooks.address()}/releases/download/v{__version__}/{archive.name}",
        "drive": drive,
        "files": names,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--drive", default="", metavar="ID", help="its id on Google Drive")
    drive = parser.parse_args().drive
    archive = ROOT / "dist" / f"divisi-{__version__}.zip"
    about = describe(archive, build(ROOT, archive), drive)
    MANIFEST.write_text(json.dumps(about, indent=2) + "\n")
    print(f"{archive}: {about['size'] / 1e6:.0f} MB, {len(about['files'])} files; upload it to")
    print(about["url"])
    if PLACEHOLDER in str(about["url"]):
        print("The address is still the placeholder: set [project.urls] in pyproject.toml first.")


if __name__ == "__main__":
    main()
