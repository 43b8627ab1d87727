"""Recordings on disk: folders of stems as tracks, and folders of solos.

`Corpus` and the table `CORPORA` of `catalogue` are offered here too.
"""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..audio.audio import load
from ..audio.track import AudioError, Track
from ..music.instruments import instrument
from .registry import CORPORA, FOLDER, Corpus

__all__ = ["CORPORA", "FOLDER", "Corpus", "StemFolder", "find_tracks", "solos"]

AUDIO_SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".aif", ".aiff"}
MIXTURE = "mixture"
MIXTURE_WORDS = {"mix", "mixture", "mixdown"}


@dataclass(frozen=True)
class StemFolder:
    """A piece on disk: one audio file per stem and, where there is one, the recorded mixture."""

    name: str
    folder: Path
    stems: dict[str, Path]
    mixture: Path | None
    corpus: Corpus

    @property
    def instruments(self) -> tuple[str, ...]:
        return tuple(self.stems)

    def players(self, name: str) -> list[Path]:
        """The files of all who play the instrument `name`: both violins of a quartet."""
        return [path for stem, path in self.stems.items() if _instrument_name(stem) == name]

    def load(self, sample_rate: int | None = None, channels: int | None = None) -> Track:
        """The piece as a Track, at the rate and channels asked for or those of its files.

        Files that end early are silent from there on; mono is repeated where others are stereo.
        Warns where the mixture is not the sum of the stems as closely as the corpus promises.
        Raises AudioError for a bad file, and for rates that differ where none is asked for.
        """
        paths = {**self.stems, **({MIXTURE: self.mixture} if self.mixture else {})}
        parts, rates = {}, {}
        for name, path in paths.items():
            parts[name], rates[name] = load(path, sample_rate=sample_rate, channels=channels)
        found = sorted(set(rates.values()))
        if len(found) > 1:
            raise AudioError(
                f"{self.name}: the files have different sample rates, {found} Hz; ask for one."
            )
        most = max(len(part) for part in parts.values())
        longest = max(part.shape[1] for part in parts.values())
        for name, part in parts.items():
            if len(part) not in (1, most):
                raise AudioError(
                    f"{self.name}: {paths[name].name} has {len(part)} channels and others have "
                    f"{most}; ask for 1."
                )
            spread = np.repeat(part, most // len(part), axis=0)
            parts[name] = np.pad(spread, ((0, 0), (0, longest - part.shape[1])))
        recording = parts.pop(MIXTURE, None)
        track = Track(self.name, found[0], parts, recording)
        if track.residual_db > self.corpus.residual_db:
            warnings.warn(
                f"{self.name}: the mixture differs from the sum of its stems by "
                f"{track.residual_db:.1f} dB, more than the {self.corpus.residual_db:.0f} dB "
                "that are usual; measures on it will be off.",
                stacklevel=2,
            )
        return track


def find_tracks(root: str | Path, microphone: str | None = None) -> list[StemFolder]:
    """Every piece in or below `root`, sorted by folder.

    A piece is a folder with a mixture and a stem, or with stems of two instruments; of several
    mixtures none is taken. This reads any folder of stems (`violin.wav`, `cello.wav`, `mix.wav`)
    and the layouts in which these are published: TRIOS (the same), Bach10
    (`PIECE/PIECE-violin.wav`, `PIECE/PIECE.wav`), URMP (`AuSep_1_vn_PIECE.wav`,
    `AuMix_PIECE_vn_vc.wav`), EnsembleSet and SynthSOD (`PIECE/MICROPHONE/Violin_1.flac`), and
    CadenzaWoodwind (`PIECE/Oboe.flac`, a clarinet and a saxophone that take turns: two pieces).

    microphone: which one to take where a piece has several; by default the first that it has of
    those that its corpus names.
    Raises AudioError where `root` is no folder, holds no piece, or a piece lacks the microphone.
    """
    root = Path(root)
    if not root.is_dir():
        raise AudioError(f"{root.name}: there is no such folder; name one that holds stems.")
    folders = sorted(Path(folder) for folder, _, _ in os.walk(root))
    found = [track for folder in folders if (track := _read_folder(folder)) is not None]
    heard = _at_one_microphone(found, microphone)
    tracks = [each for track in heard for each in _orchestrations(track)]
    if not tracks:
        raise AudioError(
            f"{root.name}: no stems were found here; put one folder per piece, with one file per "
            "instrument such as violin.wav and, if you have it, mix.wav."
        )
    return tracks


def solos(root: str | Path) -> dict[str, list[Path]]:
    """Recordings of one instrument alone under `root`, by instrument; empty where there are none.

    Reads `medley_solos/INSTRUMENT/` and `solo_INSTRUMENT/`.
    """
    root = Path(root)
    found = defaultdict(list)
    for folder in sorted([*root.glob("medley_solos/*"), *root.glob("solo_*")]):
        name = _instrument_name(folder.name.removeprefix("solo_"))
        if name is not None and (files := _audio_files(folder)):
            found[name] += files
    return dict(found)


def _read_folder(folder: Path) -> StemFolder | None:
    corpus, files = _corpus(folder), _audio_files(folder)
    names = {path: _part_name(path.stem, folder.name) for path in files}
    names = {path: dict(corpus.parts).get(name, name) for path, name in names.items()}
    mixtures = [path for path in files if names[path] == MIXTURE]
    stems = [path for path in files if names[path] != MIXTURE]
    known = [path for path in stems if _instrument_name(names[path]) is not None]
    mixture = mixtures[0] if len(mixtures) == 1 else None
    if not stems or (mixture is None and len(known) < 2):
        return None
    counts, numbers = Counter(names[path] for path in stems), Counter()
    parts = {}
    for path in stems:
        name = names[path]
        numbers[name] += 1
        parts[f"{name}-{numbers[name]}" if counts[name] > 1 else name] = path
    return StemFolder(folder.name, folder, parts, mixture, corpus)


def _at_one_microphone(found: Sequence[StemFolder], microphone: str | None) -> list[StemFolder]:
    """Of the folders of one piece at several microphones one, named after the piece."""
    tracks, places = [], defaultdict(dict)
    for track in found:
        places[track.folder.parent][track.folder.name] = track
    for piece, heard in places.items():
        known = next(iter(heard.values())).corpus.microphones
        best = next((name for name in known and (microphone, *known) if name in heard), None)
        if best is None:  # the folders are pieces themselves
            tracks += heard.values()
        elif microphone in (None, best):
            tracks.append(replace(heard[best], name=piece.name))
        else:
            raise AudioError(
                f"{piece.name}: it was not recorded at '{microphone}'; "
                f"choose from {', '.join(sorted(heard))}."
            )
    return sorted(tracks, key=lambda track: track.folder)


def _orchestrations(track: StemFolder) -> list[StemFolder]:
    """The track, once with each of the instruments that take turns in its corpus."""
    turns = [name for name in track.corpus.alternatives if name in track.stems]
    if len(turns) < 2:
        return [track]
    pieces = []
    for turn in turns:
        stems = {name: path for name, path in track.stems.items() if name not in {*turns} - {turn}}
        pieces.append(replace(track, name=f"{track.name}-{turn}", stems=stems, mixture=None))
    return pieces


def _audio_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.glob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES and path.name[0] != "." and path.is_file()
    )


def _part_name(stem: str, folder: str) -> str:
    """What the file `stem`.wav in `folder` holds: MIXTURE, an instrument, or its name as it is."""
    words = [word for word in re.split(r"[\s_.\-]+", stem.lower()) if word]
    if stem == folder or words[0] in {"aumix", *MIXTURE_WORDS} or words[-1] in MIXTURE_WORDS:
        return MIXTURE
    if words[0] == "ausep" and len(words) > 2:  # AuSep_1_vn_01_Jupiter
        words = words[2:3]
    for start in range(len(words)):  # the longest ending that is an instrument
        name = _instrument_name("-".join(words[start:]))
        if name is not None:
            return name
    return "-".join(words)


def _instrument_name(name: str) -> str | None:
    try:
        return instrument(name).name
    except KeyError:
        return None


def _corpus(folder: Path) -> Corpus:
    """The corpus that the folder or one of the three above it is named after, else FOLDER."""
    names = [part.lower() for part in folder.resolve().parts[-4:]]
    for row in CORPORA:
        if any(told in name for told in (row.name, *row.folders) for name in names):
            return row
    return FOLDER
