"""Recorded single notes as they lie on disk: cut at the onset, measured, kept decoded.

The folder is laid out like `philharmonia-samples`: `index.csv` with the columns instrument, pitch
(`A#4`), length (`1`; `15` is 1.5 s), dynamic and file, and one folder of sound files for each
instrument.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from .. import runtime
from ..audio import audio
from ..files import replaced_atomically
from ..music.instruments import instrument as find_instrument

RATE = 44100  # Hz, of all takes
DYNAMICS = ("pianissimo", "piano", "mezzo-piano", "mezzo-forte", "forte", "fortissimo")

FRAME = 441  # samples: envelopes are taken in steps of 10 ms
PREROLL = 6 * FRAME  # samples kept before the onset
SHORTEST = 0.25  # seconds of steady sound that a take must have
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class NoteSample:
    """One recorded note.

    sound: (samples,) float32 at RATE, from 60 ms before its onset (where it reaches a tenth of its
    level) until it has faded.
    pitch: as measured, MIDI with a fraction. dynamic: index into DYNAMICS.
    start, stop: samples between which the note is steady. level: RMS there, dB full scale.
    """

    sound: np.ndarray
    pitch: float
    dynamic: int
    start: int
    stop: int
    level: float


def sampled_instruments(root: Path | str) -> dict[str, list[dict[str, str]]]:
    """Rows of index.csv by the instrument's usual name (`french_horn` is `horn`).

    ValueError where the folder has no index.csv.
    """
    index = Path(root) / "index.csv"
    if not index.is_file():
        raise ValueError(f"{root}: it has no index.csv; give a folder of recorded notes.")
    rows: dict[str, list[dict[str, str]]] = {}
    with open(index, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(find_instrument(row["instrument"]).name, []).append(row)
    return rows


@lru_cache(maxsize=32)
def load_note_samples(root: Path | str, instrument: str) -> tuple[NoteSample, ...]:
    """All usable takes of one instrument, decoded once and kept under `cache_root()/notes`.

    Takes that are steady for less than a quarter of a second are left out.
    ValueError where the folder has none of this instrument.
    """
    recorded = sampled_instruments(root)
    if instrument not in recorded:
        raise ValueError(
            f"{Path(root).name}: no notes of '{instrument}' were recorded; "
            f"there are: {', '.join(sorted(recorded))}."
        )
    rows = recorded[instrument]
    mark = hashlib.sha256(repr((str(Path(root).resolve()), rows)).encode()).hexdigest()[:12]
    store = runtime.cache_root() / "notes" / f"{instrument}-{mark}.npz"
    if not store.is_file():
        _save(store, [note_sample for row in rows if (note_sample := _read(Path(root), row))])
    return _load(store)


def measure_pitch(sound: np.ndarray, near: float, rate: int = RATE) -> float:
    """The pitch (MIDI) within 1.5 semitones of `near` whose harmonics are strongest together.

    sound: (samples,). The eight lowest harmonics count by their logarithm, floored at -40 dB, so
    that a weak fundamental does not mislead.
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
        pitch=measure_pitch(steady, _named_pitch(row["pitch"])),
        dynamic=DYNAMICS.index(row["dynamic"]),
        start=start,
        stop=stop,
        level=float(10.0 * np.log10(np.mean(steady.astype(np.float64) ** 2))),
    )


def _envelope(sound: np.ndarray) -> np.ndarray:
    """RMS of each FRAME."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    return np.sqrt(np.mean(frames**2, axis=1))


def _named_pitch(name: str) -> int:
    """MIDI number of `A#4`."""
    return STEPS[name[0]] + name.count("#") + 12 * (int(name.lstrip("ABCDEFG#")) + 1)


def _save(store: Path, note_samples: list[NoteSample]) -> None:
    """Sounds as 16-bit fractions of each take's own peak: 96 dB under it."""
    peaks = [float(np.abs(note_sample.sound).max()) for note_sample in note_samples]
    sounds = [
        np.rint(note_sample.sound / peak * 32767).astype(np.int16)
        for note_sample, peak in zip(note_samples, peaks, strict=True)
    ]
    store.parent.mkdir(parents=True, exist_ok=True)
    with replaced_atomically(store) as draft, draft.open("wb") as file:
        np.savez(
            file,
            sounds=np.concatenate(sounds),
            lengths=[len(sound) for sound in sounds],
            peaks=peaks,
            numbers=[
                [
                    note_sample.pitch,
                    note_sample.dynamic,
                    note_sample.start,
                    note_sample.stop,
                    note_sample.level,
                ]
                for note_sample in note_samples
            ],
        )


def _load(store: Path) -> tuple[NoteSample, ...]:
    with np.load(store, allow_pickle=False) as kept:
        sounds = np.split(kept["sounds"], np.cumsum(kept["lengths"])[:-1])
        peaks, numbers = kept["peaks"], kept["numbers"]
    return tuple(
        NoteSample(
            (sound * (peak / 32767)).astype(np.float32),
            float(pitch),
            int(dynamic),
            int(start),
            int(stop),
            float(level),
        )
        for sound, peak, (pitch, dynamic, start, stop, level) in zip(
            sounds, peaks, numbers, strict=True
        )
    )
