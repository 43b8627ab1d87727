"""Recorded single notes on disk: trimmed at the onset, measured and cached.

`note_index.py` describes their folders.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from .. import runtime
from ..audio import audio
from ..files import files_sha256, replaced_atomically
from ..music.instruments import instrument as find_instrument
from .note_index import (
    INDEX,
    IndexedNote,
    NotesRoot,
    folder_and_set,
    indexed_notes,
    note_folders,
)
from .note_pitch import RATE, measure_pitch, sounding_pitch

FRAME = 441  # samples: 10 ms, the resolution of envelopes
PREROLL = 6 * FRAME  # samples before the onset
SHORTEST = 0.25  # seconds of steady sound that a note needs
LONGEST_DECAY = 8.0  # seconds that are kept of a struck or plucked note
STRUCK = 0.5  # seconds after the onset in which such a note has its level and pitch
DECAYING = ("piano", "harpsichord", "guitar", "harp", "timpani")


@dataclass(frozen=True)
class NoteSample:
    """One recorded note.

    pcm: (samples,) int16 at RATE, from 60 ms before its onset (where it reaches a tenth of its
    level) to the end of its decay; memory-mapped. peak: the value of 32767 in it.
    pitch: measured, fractional MIDI. dynamic: 0 to 5, pianissimo to fortissimo. swells: whether it
    changes. start, stop: the steady part, in samples; of a decaying note, all of it.
    level: its RMS in dBFS.
    """

    pcm: np.ndarray
    peak: float
    pitch: float
    dynamic: float
    start: int
    stop: int
    level: float
    swells: bool = False

    @property
    def sound(self) -> np.ndarray:
        """(samples,) float32."""
        return (self.pcm * (self.peak / 32767)).astype(np.float32)


class UnusableNotesError(ValueError):
    """A player has notes of an instrument, but none that is long and steady enough."""


def decays(instrument: str) -> bool:
    """Whether the notes of an instrument are struck or plucked, and cannot be sustained."""
    return instrument in DECAYING


def recorded_files(root: NotesRoot, instruments: Iterable[str]) -> list[Path]:
    """The index files of some folders or sets, and all files read for some instruments."""
    names = {find_instrument(name).name for name in instruments}
    files: dict[Path, None] = {}
    for collection in note_folders(root):
        folder, _ = folder_and_set(collection)
        files[folder / INDEX] = None
        notes = [note for note in indexed_notes(collection) if note.instrument in names]
        files.update(dict.fromkeys(folder / note.file for note in notes if not note.phrase))
    return list(files)


@lru_cache(maxsize=256)
def load_note_samples(player: Path | str, instrument: str) -> tuple[NoteSample, ...]:
    """The usable notes of an instrument, decoded once and cached under `cache_root()/notes`.

    player: a folder, or one of its sets as `FOLDER/SET`. Notes that are steady for less than a
    quarter of a second are skipped, and those with another pitch (`note_pitch.sounding_pitch`);
    not so notes that decay.
    ValueError if there are no such notes of this instrument.
    """
    folder, _ = folder_and_set(player)
    recorded = [note for note in indexed_notes(player) if not note.phrase]
    notes = [note for note in recorded if note.instrument == instrument]
    if not notes:
        raise ValueError(
            f"{Path(player).name}: there are no recorded notes of '{instrument}'; "
            f"there are notes of: {', '.join(sorted({note.instrument for note in recorded}))}."
        )
    content = files_sha256([folder / note.file for note in notes])
    key = hashlib.sha256(repr((content, notes)).encode()).hexdigest()[:12]
    cache = runtime.cache_root() / "notes" / f"{instrument}-{key}.npy"
    if not (cache.is_file() and cache.with_suffix(".json").is_file()):
        samples = [sample for note in notes if (sample := _read(folder, note))]
        if not samples:
            raise UnusableNotesError(
                f"{Path(player).name}: no note of '{instrument}' is steady for {SHORTEST} seconds;"
                " record longer ones."
            )
        _save(cache, samples)
    return _load(cache)


def _read(folder: Path, note: IndexedNote) -> NoteSample | None:
    """A note of the index, None for one that is silent or too short."""
    sound = audio.load(folder / note.file, sample_rate=RATE, channels=1)[0][0]
    sound = sound * np.float32(10.0 ** (-note.gain / 20.0))
    envelope = _envelope(sound)
    if not envelope.any():
        return None
    full = np.median(envelope[envelope > 0.1 * envelope.max()])
    loud = np.flatnonzero(envelope > 0.01 * full)
    onset = int(np.argmax(envelope > 0.1 * full)) * FRAME
    sound = np.pad(sound, (PREROLL, 0))[onset : PREROLL + (loud[-1] + 1) * FRAME]
    envelope = _envelope(sound)
    body = np.flatnonzero(envelope > 0.6 * full)
    rise = np.flatnonzero(envelope > 0.8 * full)
    start, stop = int(rise[0] + 2) * FRAME, int(body[-1]) * FRAME
    if decays(note.instrument):
        sound = sound[: PREROLL + round(LONGEST_DECAY * RATE)]
        stop = len(sound)
        steady = sound[start : start + round(STRUCK * RATE)]
        pitch = measure_pitch(steady, note.pitch)
    elif stop - start < SHORTEST * RATE:
        return None
    else:
        steady = sound[start:stop]
        pitch = sounding_pitch(steady, note.pitch)
        if pitch is None:
            return None
    peak = float(np.abs(sound).max())
    return NoteSample(
        pcm=np.rint(sound / peak * 32767).astype(np.int16),
        peak=peak,
        pitch=pitch,
        dynamic=note.dynamic,
        start=start,
        stop=stop,
        level=float(10.0 * np.log10(np.mean(steady.astype(np.float64) ** 2))),
        swells=note.swells,
    )


def _envelope(sound: np.ndarray) -> np.ndarray:
    """RMS of each FRAME."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    return np.sqrt(np.mean(frames**2, axis=1))


def _save(cache: Path, samples: list[NoteSample]) -> None:
    """All sounds end to end, and beside them a table with what else a sample has."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"length": len(sample.pcm), **{k: v for k, v in vars(sample).items() if k != "pcm"}}
        for sample in samples
    ]
    with replaced_atomically(cache) as draft, draft.open("wb") as file:
        np.save(file, np.concatenate([sample.pcm for sample in samples]))
    with replaced_atomically(cache.with_suffix(".json")) as draft:
        draft.write_text(json.dumps(rows), encoding="utf-8")


def _load(cache: Path) -> tuple[NoteSample, ...]:
    pcm = np.load(cache, mmap_mode="r")
    samples, end = [], 0
    for row in json.loads(cache.with_suffix(".json").read_text(encoding="utf-8")):
        start, end = end, end + row.pop("length")
        samples.append(NoteSample(pcm=pcm[start:end], **row))
    return tuple(samples)
