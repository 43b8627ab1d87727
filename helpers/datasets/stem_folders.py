"""Folders of stems as tracks, in any layout that a corpus is published in, and folders of solos."""

from __future__ import annotations

import os
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..audio.audio import AUDIO_SUFFIXES, load
from ..audio.track import AudioError, Track
from ..music.instruments import find_instrument, is_other, numbered_names, read_name
from .medleydb import metadata_path, read_track
from .registry import CORPORA, FOLDER, Corpus, corpus

#: Audio and video that is not read as a stem.
UNREAD_SUFFIXES = {
    ".3gp", ".ac3", ".amr", ".ape", ".dff", ".dsf", ".dts", ".eac3", ".m4b", ".mkv", ".mov", ".mp4",
    ".mpc", ".ra", ".rm", ".spx", ".tak",
}  # fmt: skip
MIXTURE = "mixture"
MIXTURE_WORDS = {"mix", "mixture", "mixdown"}


@dataclass(frozen=True)
class StemFolder:
    """A piece on disk: one audio file per stem and, if there is one, the recorded mixture.

    has_bleed: whether the corpus says that the stems hold other instruments too.
    Chapter: 03.
    """

    name: str
    folder: Path
    stems: dict[str, Path]
    mixture: Path | None
    corpus: Corpus
    has_bleed: bool = False

    @property
    def instruments(self) -> tuple[str, ...]:
        return tuple(self.stems)

    def players(self, name: str) -> list[Path]:
        """The files of all players of the instrument `name`, such as both violins of a quartet."""
        return [path for stem, path in self.stems.items() if instrument_name(stem) == name]

    def load(self, sample_rate: int | None = None, channels: int | None = None) -> Track:
        """The piece as a Track, by default at the sample rate and channels of its files.

        Shorter files are padded with silence; mono is repeated where others are stereo. Warns where
        the mixture differs from the sum of the stems by more than is usual in the corpus.
        AudioError for a bad file, and for different sample rates where none is given.
        """
        paths = {**self.stems, **({MIXTURE: self.mixture} if self.mixture else {})}
        parts, formats = {}, {}
        for name, path in paths.items():
            parts[name], rate = load(path, sample_rate=sample_rate, channels=channels)
            formats[path] = rate, len(parts[name])
        rate, most = common_format(self.name, formats)
        parts = {name: np.repeat(part, most // len(part), axis=0) for name, part in parts.items()}
        parts = equal_length(parts)
        recording = parts.pop(MIXTURE, None)
        track = Track(self.name, rate, parts, recording)
        warn_of_residual(self, track.residual_db)
        return track


def common_format(piece: str, formats: Mapping[Path, tuple[int, int]]) -> tuple[int, int]:
    """The (sample rate, channels) of all files of a piece; mono fits any number of channels.

    AudioError where they differ.
    """
    rates = {rate: path.name for path, (rate, _) in formats.items()}
    if len(rates) > 1:
        examples = " and ".join(f"{name} {rate} Hz" for rate, name in sorted(rates.items()))
        raise AudioError(
            f"{piece}: the files have different sample rates, such as {examples}; convert them to"
            " one."
        )
    most = max(channels for _, channels in formats.values())
    for path, (_, channels) in formats.items():
        if channels not in (1, most):
            raise AudioError(
                f"{piece}: {path.name} has {channels} channels and others have {most}; make them"
                " equal or mono."
            )
    return next(iter(rates)), most


def warn_of_residual(piece: StemFolder, level: float) -> None:
    """Warn where mixture minus stems is louder, in dB re mixture, than is usual in the corpus."""
    if level > piece.corpus.residual_db:
        warnings.warn(
            f"{piece.name}: the mixture differs from the sum of its stems by {level:.1f} dB, more"
            f" than the usual {piece.corpus.residual_db:.0f} dB; metrics on it are inaccurate.",
            stacklevel=3,
        )


def find_tracks(
    root: str | Path, microphone: str | None = None, bleed: bool = True, any_names: bool = False
) -> list[StemFolder]:
    """Every piece in or below `root`, sorted by folder. Chapters: 02, 03, 04, 05.

    A piece is a folder with a mixture and a stem, or with stems of two instruments; several
    mixtures are ignored. Any folder of stems (`violin.wav`, `cello.wav`, `mix.wav`) is read, and
    the published layouts of TRIOS (the same), Bach10 (`PIECE/PIECE-violin.wav`, `PIECE/PIECE.wav`),
    URMP (`AuSep_1_vn_PIECE.wav`, `AuMix_PIECE_vn_vc.wav`), EnsembleSet and SynthSOD
    (`PIECE/MICROPHONE/Violin_1.flac`), CadenzaWoodwind (`PIECE/Oboe.flac`; a folder with both
    a clarinet and a saxophone, which play the same part, becomes two pieces), and MedleyDB
    (`TRACK/TRACK_METADATA.yaml`, `TRACK/TRACK_STEMS/`).

    microphone: which one to use; by default the first of the corpus's list that a piece has.
    bleed: False leaves out pieces whose stems hold other instruments too. any_names: a piece is any
    folder with a stem, whatever its name.
    AudioError where `root` is no folder or holds no piece, or a piece lacks the microphone.
    """
    root = Path(root)
    if not root.is_dir():
        raise AudioError(f"{root.name}: there is no such folder; give one that holds stems.")
    folders = sorted(_folders(root))
    pieces = [piece for folder in folders if (piece := _read_folder(folder, any_names)) is not None]
    pieces = [piece for piece in pieces if bleed or not piece.has_bleed]
    chosen = _one_microphone_each(pieces, microphone)
    tracks = [version for piece in chosen for version in _one_alternative_each(piece)]
    if not tracks:
        raise AudioError(
            f"{root.name}: it holds no stems; make one folder per piece, with one file per "
            "instrument such as violin.wav and, if you have it, mix.wav."
        )
    return tracks


def unique_names(pieces: Sequence[StemFolder]) -> dict[str, StemFolder]:
    """Pieces by name; those that share one are told apart by the folders that they lie in."""
    names = [piece.name for piece in pieces]
    shared = [piece.folder for piece in pieces if names.count(piece.name) > 1]
    root = Path(os.path.commonpath(shared)) if shared else Path()
    named = {}
    for piece in pieces:
        places = piece.folder.relative_to(root).parts if piece.folder in shared else ()
        named["/".join((*places[:-1], piece.name))] = piece
    return named


def solos(root: str | Path) -> dict[str, list[Path]]:
    """Solo recordings under `root` by instrument; empty where there are none.

    Reads `medley_solos/INSTRUMENT/` and `solo_INSTRUMENT/`.
    """
    root = Path(root)
    found = defaultdict(list)
    for folder in sorted([*root.glob("medley_solos/*"), *root.glob("solo_*")]):
        name = instrument_name(folder.name.removeprefix("solo_"))
        if name is not None and (files := audio_files(folder)):
            found[name] += files
    return dict(found)


def equal_length(stems: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Stems (channels, samples), padded with silence to the longest."""
    longest = max(stem.shape[1] for stem in stems.values())
    return {
        name: np.pad(stem, ((0, 0), (0, longest - stem.shape[1]))) for name, stem in stems.items()
    }


def instrument_name(stem: str) -> str | None:
    """The instrument in the name of a stem; None where there is none."""
    found = find_instrument(stem)
    return found and found.name


def source_name(stem: str) -> str:
    """What stems of one source share: the instrument, or the words of a name that is none.

    `Vl. II` -> `violin`, `theremin_2` -> `theremin`.
    """
    words = re.split(r"[\s_.\-]+", stem.lower())
    named = [word for word in words if not word.isdigit()] or words
    return instrument_name(stem) or "-".join(named)


def _folders(root: Path) -> Iterator[Path]:
    """All folders in or below `root`, but none below a track of MedleyDB."""
    for folder, below, _ in os.walk(root):
        if metadata_path(Path(folder)).is_file():
            below.clear()
        yield Path(folder)


def _read_folder(folder: Path, any_names: bool = False) -> StemFolder | None:
    if metadata_path(folder).is_file():
        return _read_medleydb(folder)
    files = audio_files(folder)
    if not files:
        return None
    corpus = _corpus(folder)
    read = {path: part_name(path.stem, folder.name) for path in files}
    names = {path: corpus.renamed_stems.get(name, name) for path, (name, _) in read.items()}
    mixtures = [path for path in files if names[path] == MIXTURE]
    stems = [path for path in files if names[path] != MIXTURE]
    known = [path for path in stems if instrument_name(names[path]) is not None]
    mixture = mixtures[0] if len(mixtures) == 1 else None
    if not stems or (mixture is None and len(known) < 2 and not any_names):
        return None
    players = numbered_names([(names[path], read[path][1]) for path in stems])
    parts = dict(zip(players, stems, strict=True))
    return StemFolder(folder.name, folder, parts, mixture, corpus)


def _read_medleydb(folder: Path) -> StemFolder:
    track = read_track(folder)
    named = [
        (instrument_name(name) or "-".join(re.findall(r"\w+", name.lower())), None)
        for name, _ in track.stems
    ]
    stems = dict(zip(numbered_names(named), (path for _, path in track.stems), strict=True))
    return StemFolder(
        folder.name, folder, stems, track.mixture, corpus("medleydb"), track.has_bleed
    )


def _one_microphone_each(pieces: Sequence[StemFolder], microphone: str | None) -> list[StemFolder]:
    """Of the folders of one piece at several microphones one, with the name of the piece."""
    chosen, siblings = [], defaultdict(dict)
    for piece in pieces:
        siblings[piece.folder.parent][piece.folder.name] = piece
    for parent, folders in siblings.items():
        preferred = next(iter(folders.values())).corpus.microphones
        candidates = (microphone, *preferred) if preferred else ()
        best = next((name for name in candidates if name in folders), None)
        if best is None:  # the folders are pieces, not microphones
            chosen += folders.values()
        elif microphone in (None, best):
            chosen.append(replace(folders[best], name=parent.name))
        else:
            raise AudioError(
                f"{parent.name}: it has no microphone '{microphone}'; "
                f"choose from {', '.join(sorted(folders))}."
            )
    return sorted(chosen, key=lambda piece: piece.folder)


def _one_alternative_each(piece: StemFolder) -> list[StemFolder]:
    """The piece once with each of the instruments that play the same part in its corpus."""
    present = [name for name in piece.corpus.alternatives if name in piece.stems]
    if len(present) < 2:
        return [piece]
    versions = []
    for name in present:
        others = {*present} - {name}
        stems = {stem: path for stem, path in piece.stems.items() if stem not in others}
        versions.append(replace(piece, name=f"{piece.name}-{name}", stems=stems, mixture=None))
    return versions


def audio_files(folder: Path) -> list[Path]:
    """The audio files of a folder, each name once; warns of what is left out."""
    best: dict[str, Path] = {}
    for path in sorted(folder.glob("*"), key=_by_format):
        if path.name[0] == "." or not path.is_file():
            continue
        suffix, place = path.suffix.lower(), f"{folder.name}/{path.name}"
        if suffix in AUDIO_SUFFIXES:
            kept = best.setdefault(path.stem.casefold(), path)
            if kept is not path:
                warnings.warn(f"{place}: left out; {kept.name} is the same stem.", stacklevel=4)
        elif suffix in UNREAD_SUFFIXES and instrument_name(path.stem) is not None:
            warnings.warn(
                f"{place}: left out; this format is not read, export it as WAV.", stacklevel=4
            )
    return sorted(best.values())


def _by_format(path: Path) -> tuple[int, Path]:
    suffix = path.suffix.lower()
    known = suffix in AUDIO_SUFFIXES
    return AUDIO_SUFFIXES.index(suffix) if known else len(AUDIO_SUFFIXES), path


def part_name(stem: str, folder: str) -> tuple[str, int | None]:
    """What the file `stem`.wav in `folder` holds: MIXTURE, an instrument, or its own name; and the
    number of the player, if it has one."""
    words = [word for word in re.split(r"[\s_.\-]+", stem.lower()) if word]
    if not words:
        return stem, None
    if stem == folder or words[0] in {"aumix", *MIXTURE_WORDS} or words[-1] in MIXTURE_WORDS:
        return MIXTURE, None
    if words[0] == "ausep" and len(words) > 2:  # AuSep_1_vn_01_Jupiter
        words = words[2:3]
    for start in range(len(words)):  # the longest ending that is an instrument
        ending = " ".join(words[start:])
        name = instrument_name(ending)
        if name is not None:
            return name, read_name(ending).number
        if is_other(ending):
            break
    return "-".join(words), None


def _corpus(folder: Path) -> Corpus:
    """The corpus in whose layout the folder and its files are, else FOLDER."""
    place = "/".join(("", *folder.resolve().parts[-4:]))
    files = [f"{place}/{path.name}" for path in folder.iterdir()]
    return next((row for row in CORPORA if row.fits(files)), FOLDER)
