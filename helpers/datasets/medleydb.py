"""A track of MedleyDB as published: metadata in YAML, stems by number, activity confidences.

Bittner et al., "MedleyDB: a multitrack dataset for annotation-intensive MIR research", ISMIR 2014.
The layout is that of github.com/marl/medleydb; the archives themselves were not read.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.track import AudioError
from ..files import read_text

ACTIVE = 0.5  # the confidence from which a stem counts as playing
INSTALL = 'pip install "divisi[train]"'


@dataclass(frozen=True)
class MedleyTrack:
    """stems: (instrument as MedleyDB writes it, file), in the order of their numbers.

    Stems that never reach the confidence ACTIVE are left out. mixture: None where it is missing.
    has_bleed: whether the stems hold other instruments too, because the players sat in one room.
    """

    stems: list[tuple[str, Path]]
    mixture: Path | None
    has_bleed: bool


def metadata_path(folder: Path) -> Path:
    """Where the metadata of a track lie; only a folder that has them is a track of MedleyDB."""
    return folder / f"{folder.name}_METADATA.yaml"


def read_track(folder: Path) -> MedleyTrack:
    """`TRACK/` with `TRACK_METADATA.yaml`, `TRACK_MIX.wav` and `TRACK_STEMS/`.

    AudioError where the metadata cannot be read or name a stem that is missing.
    """
    path = metadata_path(folder)
    entries = _read_yaml(path)
    active = _active_stems(folder)
    try:
        place = folder / str(entries["stem_dir"])
        stems = [
            (_instrument(stem["instrument"]), place / str(stem["filename"]))
            for number, stem in sorted(entries["stems"].items())
            if number in active or not active
        ]
        mixture = folder / str(entries["mix_filename"])
        bleed = entries["has_bleed"] in ("yes", True)  # `yes` without quotes is a boolean
    except (KeyError, TypeError, AttributeError) as error:
        raise AudioError(
            f"{path}: it lacks {error}; it must have stem_dir, mix_filename, has_bleed, and for"
            " each of its stems instrument and filename, as published."
        ) from error
    if missing := [file.name for _, file in stems if not file.is_file()]:
        raise AudioError(
            f"{path}: it names {missing[0]}, which is not in {place.name}; unpack the track again."
        )
    return MedleyTrack(stems, mixture if mixture.is_file() else None, bleed)


def activity(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """An activity confidence file (`TRACK_ACTIVATION_CONF.lab`).

    Returns the times (frames,) in seconds, 46 ms apart, and for each stem by its number (`S01`)
    the confidence (frames,) from 0 to 1 that it plays. AudioError for another file.
    """
    try:
        rows = list(csv.reader(read_text(path).splitlines()))
        values = np.array(rows[1:], dtype=float)
        names = [name.strip("# ") for name in rows[0]]
        if names[0] != "time" or values.shape[1:] != (len(names),):
            raise ValueError
    except (OSError, ValueError, IndexError) as error:
        raise AudioError(
            f"{path}: it is no table of activity confidences, whose first line is time,S01,S02,...;"
            " get it again."
        ) from error
    return values[:, 0], dict(zip(names[1:], values[:, 1:].T, strict=True))


def _active_stems(folder: Path) -> set[str]:
    """The numbers of the stems that play at all; empty where the activity is not known.

    The confidences lie beside the metadata, or below `Annotations` in one of the folders above.
    """
    name = f"{folder.name}_ACTIVATION_CONF.lab"
    above = [parent / "Annotations" for parent in list(folder.parents)[:3]]
    places = [folder / name, *(path for place in above for path in sorted(place.rglob(name)))]
    path = next((path for path in places if path.is_file()), None)
    if path is None:
        return set()
    _, confidences = activity(path)
    return {number for number, values in confidences.items() if values.max(initial=0) >= ACTIVE}


def _instrument(name: Any) -> str:
    """A stem of several instruments has a list of them."""
    return " and ".join(map(str, name)) if isinstance(name, list) else str(name)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise AudioError(f"{path}: reading it needs PyYAML; run `{INSTALL}`.") from error
    try:
        entries = yaml.safe_load(read_text(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AudioError(f"{path}: it is not readable YAML; get it again.") from error
    if not isinstance(entries, dict):
        raise AudioError(f"{path}: it has no entries; get it again.")
    return entries
