"""`divisi fetch`: download a corpus, a soundfont or the trained models, and check it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .. import runtime
from ..folders import check_space
from .errors import CommandError, refusing

SUMMARY = "download a collection, a soundfont or the models"
DESCRIPTION = """\
Download a corpus from Zenodo, check its md5, and unpack it as DIR/NAME. A stopped download is
resumed. `divisi corpora NAME` prints its licence and citation. The soundfonts GeneralUser and
Merlin, which some recipes need, are stored in the cache; so are the models and tables of the
release (`models`), for an installation that came without them.
"""
STOPPED = "what was downloaded is kept; run the same command to continue"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="one of `divisi corpora`, a soundfont, or `models`"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="default: the folder in DIVISI_DATA"
    )
    parser.add_argument(
        "--file", metavar="ARCHIVE", help="another archive of the same record, such as a sample"
    )


def run(arguments: Namespace) -> None:
    """Soundfonts and models go into the cache, where they are found; a corpus into DIR/NAME."""
    from .. import release
    from ..synthesis.soundfonts import DOWNLOADS, SoundfontError, fetch_soundfont

    if arguments.name == "models":
        with refusing(release.ReleaseError):
            print(f"{release.folder()}: models and tables of the release.")
        return
    if arguments.name in DOWNLOADS:
        with refusing(SoundfontError):
            print(f"{fetch_soundfont(arguments.name)}: {DOWNLOADS[arguments.name].licence}.")
        return
    _fetch_corpus(arguments)


def _fetch_corpus(arguments: Namespace) -> None:
    """Download an archive, unpack it and delete it; a broken download is resumed."""
    from ..datasets import download
    from ..datasets.archives import ArchiveError, unzip
    from ..datasets.registry import corpus
    from ..datasets.stem_folders import find_tracks

    with refusing(KeyError):
        row = corpus(arguments.name)
    root = arguments.output or runtime.data_root()
    if row.zenodo_record is None:
        raise CommandError(f"{row.name}: it must be downloaded by hand: {row.obtain} ({row.url}).")
    if root is None:
        raise CommandError("DIVISI_DATA is not set to a folder; set it, or give a folder with -o.")
    name = arguments.file or row.archive
    folder = root / row.name / Path(name).stem
    if folder.exists():
        raise CommandError(f"{folder}: already exists; remove it to download it again.")
    with refusing(download.DownloadError, ArchiveError):
        file = download.zenodo_file(row.zenodo_record, name)
        # The content is assumed to be as large as the archive: audio hardly shrinks in a ZIP.
        check_space(folder.parent, 2 * file.size - file.downloaded(folder.parent))
        size = file.size / download.GIGABYTE
        print(f"{file.name}: downloading {size:.1f} GB; unpacking needs twice that on disk.")
        archive = download.fetch(file, folder.parent)
        unzip(archive, folder, most_bytes=4 * file.size + 2**30)
    archive.unlink()
    print(f"{folder}: pieces found: {len(find_tracks(folder))}. Licence: {row.licence}.")
    print(f"Cite: {row.citation}.")
