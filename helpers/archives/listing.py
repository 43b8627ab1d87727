"""The recordings of an archive: folders are walked, and their structure is kept."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

from ..audio.audio import AUDIO_SUFFIXES, AudioFile
from ..audio.track import AudioError
from ..files import same_name
from ..folders import FolderError, folder_name
from ..inference.stem_files import REPORT
from . import stores

#: Bytes of a second of audio where no header says how long it is, and of files not listed here.
BYTES_A_SECOND = {
    **dict.fromkeys((".wav", ".w64", ".rf64", ".aif", ".aiff", ".aifc", ".caf", ".au"), 176_400),
    **dict.fromkeys((".flac", ".wv", ".tta"), 100_000),
}
COMPRESSED = 20_000


@dataclass(frozen=True)
class Entry:
    """A recording of an archive, before it is read.

    source: its file, or its address (`s3://...`). folder: of its stems, below the output folder,
    with `/`. seconds, and samples of all channels, as its headers state them, else estimated.
    """

    source: Path | str
    folder: str
    seconds: float
    samples: int


@dataclass(frozen=True)
class Refusal:
    """A recording, or a folder of them, that cannot be read, and the sentence that says why."""

    source: Path | str
    folder: str
    reason: str


@dataclass
class Listing:
    """What was found: recordings, those that cannot be read, and what was left out.

    earlier: folders of stems. others: files that are not audio.
    """

    entries: list[Entry] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    earlier: list[PurePath] = field(default_factory=list)
    others: list[PurePath] = field(default_factory=list)

    def remarks(self) -> list[str]:
        """A sentence on what was left out, for each kind."""
        kinds = [
            (self.earlier, "a folder with the stems of an earlier run", "folders with stems"),
            (self.others, "no audio", "files that are not audio"),
        ]
        return [
            f"{_name(paths[0])}: {one}; it is left out."
            if len(paths) == 1
            else f"{len(paths)} {several} are left out: {_some(paths)}."
            for paths, one, several in kinds
            if paths
        ]


def listing(sources: Iterable[Path | str], output: Path | str) -> Listing:
    """The recordings that `sources` name, and those of folders below them, in order.

    Hidden files, the output folder and folders of stems are left out. FolderError where two
    recordings would share a folder or one lies in the folder of another; AudioError where there is
    no recording at all.
    """
    found = Listing()
    sources = list(dict.fromkeys(sources))
    for source in sources:
        if stores.is_address(source):
            _list_address(str(source), found)
            continue
        source = Path(source)
        if source.is_dir():
            files = _files(source, output, found)
            for file, folder in folders_of([file.relative_to(source) for file in files]).items():
                _add(source / file, folder, found)
        else:
            _add(source, PurePath(folder_name(source)), found, named=True)
    if not found.entries and not found.refused:
        names = ", ".join(map(str, sources))
        raise AudioError(f"{names}: this folder has no recording; name an audio file.")
    _check_apart(found.entries, output)
    return found


def folders_of(files: Sequence[PurePath]) -> dict[PurePath, PurePath]:
    """The folders of the stems, all paths relative: `disc 1/quartet.wav` -> `disc 1/quartet`.

    Where that name belongs to another recording or to a folder, the suffix stays in it; a score
    beside a recording, `quartet.mid`, does not count.
    """
    names = {file: same_name(str(file.with_name(folder_name(file)))) for file in files}
    parents = {same_name(str(parent)) for file in files for parent in file.parents}
    audio = Counter(name for file, name in names.items() if _is_audio(file))
    taken = Counter(names.values())

    def alone(file: PurePath) -> bool:
        name = names[file]
        return name not in parents and (audio if _is_audio(file) else taken)[name] == 1

    return {file: file.with_name(folder_name(file)) if alone(file) else file for file in files}


def _is_audio(file: PurePath) -> bool:
    return file.suffix.lower() in AUDIO_SUFFIXES


def _files(root: Path, output: Path | str, found: Listing) -> list[Path]:
    """The files below a folder that may be recordings."""
    files = []

    def refuse(error: OSError) -> None:
        path = Path(error.filename)
        place = path.relative_to(root).as_posix()
        found.refused.append(Refusal(path, place, f"{path}: {error.strerror}."))

    own = os.path.realpath(output)
    for name, folders, names in os.walk(root, onerror=refuse):
        folder = Path(name)
        if REPORT in names:
            found.earlier.append(folder)
            folders.clear()
            continue
        folders[:] = sorted(
            each
            for each in folders
            if not each.startswith(".") and os.path.realpath(folder / each) != own
        )
        files += [folder / each for each in sorted(names) if not each.startswith(".")]
    return [file for file in files if file.is_file()]


def _add(path: Path, folder: PurePath, found: Listing, named: bool = False) -> None:
    """Add a file, whose content decides whether it is a recording."""
    place = str(PurePosixPath(*folder.parts))
    try:
        with AudioFile(path) as audio:
            seconds = _estimated_seconds(path.suffix, path.stat().st_size)
            frames = audio.frames or round(seconds * audio.sample_rate)
    except AudioError as error:
        if named or path.suffix.lower() in AUDIO_SUFFIXES:
            found.refused.append(Refusal(path, place, str(error)))
        else:
            found.others.append(path)
        return
    samples = frames * audio.channels
    found.entries.append(Entry(path, place, frames / audio.sample_rate, samples))


def _list_address(address: str, found: Listing) -> None:
    """Add the recordings at an address; their suffixes decide, since no header is fetched."""
    stored = stores.files(address)
    marked = {path.parent for path in stored if path.name == REPORT}
    found.earlier += sorted(marked)
    files = []
    for path in sorted(stored):
        if any(part.startswith(".") for part in path.parts) or marked & set(path.parents):
            continue
        (files if path.suffix.lower() in AUDIO_SUFFIXES else found.others).append(path)
    for path, folder in folders_of(files).items():
        source, size = stored[path]
        seconds = _estimated_seconds(path.suffix, size)
        found.entries.append(Entry(source, str(folder), seconds, round(seconds * 2 * 44_100)))


def _estimated_seconds(suffix: str, size: int) -> float:
    return size / BYTES_A_SECOND.get(suffix.lower(), COMPRESSED)


def _check_apart(entries: Sequence[Entry], output: Path | str) -> None:
    """FolderError where two recordings share a folder, or one lies in a folder of stems."""
    owners: dict[str, Entry] = {}
    for entry in entries:
        other = owners.setdefault(same_name(entry.folder), entry)
        if other is not entry:
            raise FolderError(
                f"{entry.source}: would be written to {entry.folder}, as {other.source} would;"
                " separate them with different output folders (-o)."
            )
    if stores.is_address(output):
        return
    targets = {os.path.realpath(Path(output, entry.folder)) for entry in entries}
    for entry in entries:
        if isinstance(entry.source, Path):
            above = {str(folder) for folder in Path(os.path.realpath(entry.source)).parents}
            if inside := sorted(above & targets):
                raise FolderError(
                    f"{entry.source}: lies in {inside[0]}, which would be written; move this file"
                    " or choose another output folder (-o)."
                )


def _some(paths: Sequence[PurePath]) -> str:
    """The first three names."""
    return ", ".join(map(_name, paths[:3])) + (" and others" if len(paths) > 3 else "")


def _name(path: PurePath) -> str:
    return path.name or str(path)
