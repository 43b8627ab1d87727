"""Recorded single notes on disk: trimmed at the onset, measured and cached.

The folder is laid out like `philharmonia-samples`: `index.csv` with the columns instrument, pitch
(`A#4`), length (`1`; `15` is 1.5 s), dynamic and file, and one folder of sound files for each
instrument.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from .. import runtime
from ..audio import audio
from ..files import files_sha256, replaced_atomically
from ..music.instruments import find_instrument

RATE = 44100  # Hz, of all samples
DYNAMICS = ("pianissimo", "piano", "mezzo-piano", "mezzo-forte", "forte", "fortissimo")

#: The cells of index.csv that are used.
COLUMNS = {
    "instrument": ".+", "pitch": r"[A-G]#?-?\d", "dynamic": "|".join(DYNAMICS), "file": ".+",
}  # fmt: skip

FRAME = 441  # samples: 10 ms, the resolution of envelopes
PREROLL = 6 * FRAME  # samples before the onset
SHORTEST = 0.25  # seconds of steady sound that a note needs
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class NoteSample:
    """One recorded note.

    sound: (samples,) float32 at RATE, from 60 ms before its onset (where it reaches a tenth of its
    level) to the end of its decay.
    pitch: measured, fractional MIDI. dynamic: index into DYNAMICS.
    start, stop: the steady part, in samples. level: its RMS in dBFS.
    """

    sound: np.ndarray
    pitch: float
    dynamic: int
    start: int
    stop: int
    level: float


def sampled_instruments(root: Path | str) -> dict[str, list[dict[str, str]]]:
    """Rows of index.csv by instrument (`french_horn` is `horn`); others are skipped.

    ValueError if the folder has no index.csv.
    """
    index = Path(root) / "index.csv"
    if not index.is_file():
        raise ValueError(f"{root}: there is no index.csv; give a folder of recorded notes.")
    rows: dict[str, list[dict[str, str]]] = {}
    for row in read_index(index, *COLUMNS):
        if found := find_instrument(row["instrument"]):
            rows.setdefault(found.name, []).append(row)
    return rows


def read_index(path: Path, *columns: str) -> list[dict[str, str]]:
    """The rows of an index.csv; ValueError, with the line, where a cell of `columns` is wrong."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines, rows = csv.DictReader(file, strict=True), []
        try:
            for row in lines:
                for name in columns:
                    if not re.fullmatch(COLUMNS[name], row.get(name) or ""):
                        raise ValueError(f"its {name} is {row.get(name)!r}")
                rows.append(row)
        except (ValueError, csv.Error) as error:
            raise ValueError(
                f"{path}: line {max(lines.line_num, 1)} is wrong ({error}); it must have the"
                f" columns {', '.join(columns)}, with commas between them, in UTF-8."
            ) from error
    return rows


def recorded_files(root: Path | str, instruments: Iterable[str]) -> list[Path]:
    """All files that `load_note_samples` reads for some instruments."""
    rows = sampled_instruments(root)
    files = [Path(root) / row["file"] for name in instruments for row in rows.get(name, ())]
    return [Path(root) / "index.csv", *files]


@lru_cache(maxsize=32)
def load_note_samples(root: Path | str, instrument: str) -> tuple[NoteSample, ...]:
    """The usable notes of an instrument, decoded once and cached under `cache_root()/notes`.

    Notes that are steady for less than a quarter of a second are skipped.
    ValueError if the folder has no such notes of this instrument.
    """
    recorded = sampled_instruments(root)
    if instrument not in recorded:
        raise ValueError(
            f"{Path(root).name}: there are no recorded notes of '{instrument}'; "
            f"there are notes of: {', '.join(sorted(recorded))}."
        )
    rows = recorded[instrument]
    content = files_sha256(recorded_files(root, [instrument]))
    key = hashlib.sha256(repr((content, rows)).encode()).hexdigest()[:12]
    cache = runtime.cache_root() / "notes" / f"{instrument}-{key}.npz"
    if not cache.is_file():
        samples = [sample for row in rows if (sample := _read(Path(root), row))]
        if not samples:
            raise ValueError(
                f"{Path(root).name}: no note of '{instrument}' is steady for {SHORTEST} seconds;"
                " record longer ones."
            )
        _save(cache, samples)
    return _load(cache)


def measure_pitch(sound: np.ndarray, near: float, rate: int = RATE) -> float:
    """The MIDI pitch within 1.5 semitones of `near` with the strongest harmonics.

    sound: (samples,). The score is the sum of the log magnitudes of the eight lowest harmonics,
    floored at -40 dB, so that a weak fundamental does not matter.
    """
    size = 1 << max(18, int(len(sound) - 1).bit_length())
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    decades = np.log(spectrum / spectrum.max() + 1e-2)
    pitches = near + np.arange(-150, 151) / 100.0
    hertz = 440.0 * 2.0 ** ((pitches - 69.0) / 12.0)
    bins = np.rint(np.arange(1, 9)[:, None] * hertz * size / rate).astype(int)  # (8, pitches)
    strength = np.where(bins < len(decades), decades[np.minimum(bins, len(decades) - 1)], 0.0)
    return float(pitches[np.argmax(strength.sum(axis=0))])


def _read(root: Path, row: dict[str, str]) -> NoteSample | None:
    sound = audio.load(root / row["file"], sample_rate=RATE, channels=1)[0][0]
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
    if stop - start < SHORTEST * RATE:
        return None
    steady = sound[start:stop]
    return NoteSample(
        sound=sound.astype(np.float32),
        pitch=measure_pitch(steady, _midi_pitch(row["pitch"])),
        dynamic=DYNAMICS.index(row["dynamic"]),
        start=start,
        stop=stop,
        level=float(10.0 * np.log10(np.mean(steady.astype(np.float64) ** 2))),
    )


def _envelope(sound: np.ndarray) -> np.ndarray:
    """RMS of each FRAME."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    return np.sqrt(np.mean(frames**2, axis=1))


def _midi_pitch(name: str) -> int:
    """Of a name such as `A#4`."""
    return STEPS[name[0]] + name.count("#") + 12 * (int(name.lstrip("ABCDEFG#")) + 1)


def _save(cache: Path, samples: list[NoteSample]) -> None:
    """Sounds as 16-bit integers, each scaled by its own peak."""
    peaks = [float(np.abs(sample.sound).max()) for sample in samples]
    sounds = [
        np.rint(sample.sound / peak * 32767).astype(np.int16)
        for sample, peak in zip(samples, peaks, strict=True)
    ]
    cache.parent.mkdir(parents=True, exist_ok=True)
    with replaced_atomically(cache) as draft, draft.open("wb") as file:
        np.savez(
            file,
            sounds=np.concatenate(sounds),
            lengths=[len(sound) for sound in sounds],
            peaks=peaks,
            numbers=[(s.pitch, s.dynamic, s.start, s.stop, s.level) for s in samples],
        )


def _load(cache: Path) -> tuple[NoteSample, ...]:
    with np.load(cache, allow_pickle=False) as arrays:
        sounds = np.split(arrays["sounds"], np.cumsum(arrays["lengths"])[:-1])
        rows = zip(sounds, arrays["peaks"], arrays["numbers"].tolist(), strict=True)
    return tuple(
        NoteSample(
            (sound * (peak / 32767)).astype(np.float32),
            pitch, int(dynamic), int(start), int(stop), level,
        )
        for sound, peak, (pitch, dynamic, start, stop, level) in rows
    )  # fmt: skip
