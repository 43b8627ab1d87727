"""Data sets that `divisi dataset build` made, read as mirdata reads a corpus.

Bittner et al., "mirdata: software for reproducible usage of datasets", ISMIR 2019.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.audio import load
from ..audio.track import AudioError, Track
from ..files import file_sha256, is_plain_name, read_text
from ..music.midi import read_midi
from ..music.scores import Part

MANIFEST, TRACKS, RESIDUAL = "manifest.json", "tracks", "residual"
VERSION = 1


@dataclass(frozen=True, eq=False)
class Curves:
    """Seconds, f0 in Hz (0 where no single pitch is heard), level in dB full scale: (n,) each."""

    seconds: np.ndarray
    f0: np.ndarray
    level: np.ndarray


@dataclass(frozen=True, eq=False)
class CollectionTrack:
    """A recording of a data set; sound, notes and curves are read when they are asked for.

    players: by the names of the stems: instrument, confidence, estimated_si_sdr, notes, notes_from
    (`score`, `transcription` or empty), players.
    alignment: (2, n), seconds in the score and in the recording; None without a score.
    """

    id: str
    folder: Path
    work: str
    split: str
    source: str
    licence: str
    seconds: float
    players: Mapping[str, Mapping[str, Any]]
    alignment: np.ndarray | None = field(repr=False)

    @property
    def instruments(self) -> tuple[str, ...]:
        return tuple(self.players)

    def audio_path(self, player: str) -> Path:
        return self.folder / f"{player}.flac"

    def audio(self, sample_rate: int | None = None, channels: int | None = None) -> Track:
        """The stems of all players, and the mixture with what they leave over."""
        paths = {name: self.audio_path(name) for name in (*self.players, RESIDUAL)}
        loaded = {n: load(p, sample_rate=sample_rate, channels=channels) for n, p in paths.items()}
        stems = {name: sound for name, (sound, _) in loaded.items()}
        mixture = np.sum(list(stems.values()), axis=0, dtype=np.float32)
        rest = stems.pop(RESIDUAL)
        return Track(self.id, loaded[RESIDUAL][1], stems or {RESIDUAL: rest}, mixture)

    def notes(self, player: str) -> Part:
        """The notes of a player in the time of the recording, from what `notes_from` says."""
        parts = read_midi(self.folder / f"{player}.mid").parts
        return parts[0] if parts else Part(self.players[player]["instrument"], ())

    def curves(self, player: str) -> Curves:
        """Pitch and level of a player over time."""
        table = np.loadtxt(self.folder / f"{player}.csv", delimiter=",", skiprows=1, ndmin=2)
        return Curves(*table.T)


class Collection:
    """The data set in a folder. AudioError where the folder has no manifest that can be read."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        path = self.root / MANIFEST
        try:
            manifest = json.loads(read_text(path))
            self.version, self._recordings = manifest["version"], manifest["recordings"]
            self.name, self.licences = manifest["name"], manifest["licences"]
            names = [part for name in self._recordings for part in name.split("/")]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise AudioError(
                f"{path}: is not the manifest of a data set; name a folder that `divisi dataset"
                " build` wrote."
            ) from error
        if self.version != VERSION or not all(map(is_plain_name, names)):
            raise AudioError(f"{path}: this version of Divisi cannot read it; build it again.")

    @property
    def track_ids(self) -> list[str]:
        return sorted(self._recordings)

    def track(self, track_id: str) -> CollectionTrack:
        """KeyError for an unknown name, with those that are there."""
        if track_id not in self._recordings:
            raise KeyError(
                f"There is no track '{track_id}'; there are {', '.join(self.track_ids)}."
            )
        entry = self._recordings[track_id]
        times = entry["score"] and np.array(entry["score"]["alignment"])
        return CollectionTrack(
            track_id, self.root / TRACKS / track_id, entry["work"], entry["split"],
            entry["source"], entry["licence"], entry["seconds"], entry["players"], times,
        )  # fmt: skip

    def load_tracks(self, split: str = "") -> Iterator[CollectionTrack]:
        """All tracks in order, or those of a split."""
        for name in self.track_ids:
            if not split or self._recordings[name]["split"] == split:
                yield self.track(name)

    def get_track_splits(self) -> dict[str, list[str]]:
        """The tracks of each split."""
        splits: dict[str, list[str]] = {}
        for name in self.track_ids:
            splits.setdefault(self._recordings[name]["split"], []).append(name)
        return splits

    def validate(self) -> tuple[list[Path], list[Path]]:
        """The files that are missing, and those whose bytes are others than the manifest says."""
        missing, changed = [], []
        for name, entry in self._recordings.items():
            for file, sha256 in entry["files"].items():
                path = self.root / TRACKS / name / file
                if not path.is_file():
                    missing.append(path)
                elif file_sha256(path) != sha256:
                    changed.append(path)
        return missing, changed
