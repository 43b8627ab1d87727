"""The pitch of notes that a score names: fundamental frequency, vibrato, and intervals.

A score says which note sounds, so that its harmonics are looked for within a semitone of it; other
instruments that are left in a stem disturb less than they do a search over all pitches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..audio.resampling import resample
from ..music.instruments import Instrument
from ..music.pitch_features import RATE, spectra
from .onsets import PlayedPart

FRAME = 0.02  # seconds from one value of a curve to the next: a whole number of samples
HOP = round(FRAME * RATE)  # samples
PERIODS, SHORTEST, LONGEST = 10.0, 0.04, 0.12  # of a window: periods of the note, and seconds
SIZE = 1 << 14  # of the transform
REACH, STEP = 90.0, 2.0  # cents around the written pitch
HARMONICS, HIGHEST = 8, 5000.0  # Hz
QUIET = 10 ** (-30 / 20)  # of the loudest frame of a note; quieter ones have no pitch
EDGES = 0.15, 0.85  # of a note, between which its pitch counts
VIBRATO = np.arange(3.5, 9.01, 0.1)  # Hz
LEAST_SECONDS, LEAST_CENTS, LEAST_SHARE = 0.5, 5.0, 0.5  # of a vibrato

#: Cents of the intervals from unison to major seventh. Just: the usual ratios of small numbers
#: (16/15, 9/8, 6/5, 5/4, 4/3, 45/32, 3/2, 8/5, 5/3, 9/5, 15/8). Pythagorean: from pure fifths.
RATIOS = {
    "just": (1, 16 / 15, 9 / 8, 6 / 5, 5 / 4, 4 / 3, 45 / 32, 3 / 2, 8 / 5, 5 / 3, 9 / 5, 15 / 8),
    "Pythagorean": (1, 256 / 243, 9 / 8, 32 / 27, 81 / 64, 4 / 3, 729 / 512, 3 / 2, 128 / 81,
                    27 / 16, 16 / 9, 243 / 128),
}  # fmt: skip
TEMPERAMENTS = {
    "equal": 100.0 * np.arange(12),
    **{name: 1200.0 * np.log2(ratios) for name, ratios in RATIOS.items()},
}
LEAST_OVERLAP = 0.2  # seconds that an interval sounds


@dataclass(frozen=True, eq=False)
class NotePitch:
    """The pitch of one note over time.

    seconds: (frames,) in the recording, every `FRAME`. cents: (frames,) above the equally tempered
    pitch `written` (MIDI, A4 at 440 Hz), NaN where it is not heard.
    """

    written: int
    seconds: np.ndarray
    cents: np.ndarray
    window: float

    def between(self, start: float, end: float) -> float:
        """The median in cents between two seconds, NaN where nothing is heard."""
        inside = self.cents[(self.seconds >= start) & (self.seconds <= end)]
        return float(np.nanmedian(inside)) if np.isfinite(inside).sum() > 4 else float("nan")


def note_pitches(stem: np.ndarray, sample_rate: int, part: PlayedPart) -> list[NotePitch]:
    """The notes of a line (channels, samples); one for each onset, the highest of a double stop."""
    sound = resample(np.mean(stem, axis=0, dtype=np.float32), sample_rate, RATE)
    following = np.append(part.onsets[1:], np.inf)
    ends = np.minimum(part.ends, following)
    return [
        _note_pitch(sound, max(pitches), float(onset), float(end))
        for pitches, onset, end in zip(part.pitches, part.onsets, ends, strict=True)
    ]


def _note_pitch(sound: np.ndarray, pitch: float, onset: float, end: float) -> NotePitch:
    hertz = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
    seconds = np.clip(PERIODS / hertz, SHORTEST, LONGEST)
    window = np.hanning(round(seconds * RATE)).astype(np.float32)
    first = int(np.ceil(max(onset, 0.0) / FRAME))
    count = max(int(min(end, len(sound) / RATE) / FRAME) - first, 1)
    block = spectra(sound, first * HOP, count, HOP, window, SIZE)
    offsets = np.arange(-REACH, REACH + STEP, STEP)
    numbers = np.arange(1, HARMONICS + 1)
    numbers = numbers[(numbers == 1) | (numbers * hertz < HIGHEST)]
    bins = np.outer(numbers, hertz * 2.0 ** (offsets / 1200.0)) * SIZE / RATE  # (harmonics, cents)
    low = bins.astype(int)
    share = (bins - low).astype(np.float32)
    heard = block[:, low] * (1 - share) + block[:, low + 1] * share  # (frames, harmonics, cents)
    strength = np.log(heard + 1e-2 * heard.max(axis=(1, 2), keepdims=True) + 1e-9).sum(axis=1)
    level = heard.max(axis=(1, 2))
    best = strength.argmax(axis=1)
    inside = np.clip(best, 1, len(offsets) - 2)
    a, b, c = (np.take_along_axis(strength, inside[:, None] + d, 1)[:, 0] for d in (-1, 0, 1))
    shift = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9)
    cents = offsets[inside] + STEP * np.clip(shift, -1, 1) + 100 * (pitch - round(pitch))
    at_edge = (best == 0) | (best == len(offsets) - 1)
    cents[at_edge | (level < QUIET * level.max()) | (level <= 0)] = np.nan
    times = (first + np.arange(count)) * FRAME
    return NotePitch(round(pitch), times, cents, float(seconds))


def pitch_curve(notes: Sequence[NotePitch], frames: int) -> np.ndarray:
    """The pitch of a line in Hz, a value every `FRAME`, 0 where none is heard: (frames,)."""
    curve = np.zeros(frames)
    for note in notes:
        places = np.rint(note.seconds / FRAME).astype(int)
        kept = np.isfinite(note.cents) & (places < frames)
        pitch = note.written + note.cents[kept] / 100.0
        curve[places[kept]] = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
    return curve


def tracked_pitch(
    stem: np.ndarray, sample_rate: int, played_by: Instrument, frames: int
) -> np.ndarray:
    """As `pitch_curve` of a stem (channels, samples) without a score, by probabilistic YIN.

    Mauch and Dixon, "pYIN: a fundamental frequency estimator using probabilistic threshold
    distributions", ICASSP 2014, in librosa.
    """
    import librosa

    sound = resample(np.mean(stem, axis=0, dtype=np.float32), sample_rate, RATE)
    low, high = (
        440.0 * 2.0 ** ((p - 69.0) / 12.0) for p in (played_by.low - 1, played_by.high + 1)
    )
    curve = np.zeros(frames)
    if not sound.any():
        return curve
    length = 1 << int(np.ceil(np.log2(3.0 * RATE / low)))
    hertz, _, _ = librosa.pyin(
        sound, fmin=low, fmax=min(high, 0.45 * RATE), sr=RATE, hop_length=HOP, frame_length=length
    )
    count = min(len(hertz), frames)
    curve[:count] = np.nan_to_num(hertz[:count])
    return curve


@dataclass(frozen=True)
class Vibrato:
    """rate: Hz. extent: cents to each side, half of the peak-to-peak."""

    rate: float
    extent: float


def vibrato(note: NotePitch) -> Vibrato | None:
    """The vibrato of a note, None for one that is too short, steady, or irregular.

    The sine that fits the pitch best, beside a slow drift; its share of the variance must be a half
    at least. The extent is corrected for what the window of the analysis smooths away. As Prame,
    "Vibrato extent and intonation in professional Western lyric singing", JASA 102, 1997.
    """
    known = np.isfinite(note.cents)
    if known.sum() * FRAME < LEAST_SECONDS:
        return None
    seconds, cents = note.seconds[known], note.cents[known]
    span = (seconds - seconds.mean()) / np.ptp(seconds)
    drift = np.stack([span**power for power in range(4)], axis=1)
    cents = cents - drift @ np.linalg.lstsq(drift, cents, rcond=None)[0]
    power = float(cents @ cents)
    best = (0.0, 0.0, 0.0)
    for rate in VIBRATO:
        angle = 2.0 * np.pi * rate * seconds
        waves = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        waves = waves - drift @ np.linalg.lstsq(drift, waves, rcond=None)[0]
        values = np.linalg.lstsq(waves, cents, rcond=None)[0]
        explained = float(values @ (waves.T @ cents))
        best = max(best, (explained, float(rate), float(np.hypot(*values))))
    explained, rate, extent = best
    extent /= _kept(rate * note.window)
    if not power or explained < LEAST_SHARE * power or extent < LEAST_CENTS:
        return None
    return Vibrato(rate, extent)


def _kept(turns: float) -> float:
    """The share of a sine that a Hann window of so many turns keeps."""
    return float(np.sinc(turns) / (1.0 - turns**2)) if abs(turns - 1.0) > 1e-3 else 0.5


@dataclass(frozen=True)
class Interval:
    """Two notes that sound together. names: of the lower and the higher player. semitones: as
    written. cents: as played. second: when it begins in the recording."""

    names: tuple[str, str]
    second: float
    semitones: int
    cents: float

    def deviation(self, temperament: str) -> float:
        """Cents by which it is wider than in one of `TEMPERAMENTS`; octaves are pure in all."""
        octaves, rest = divmod(self.semitones, 12)
        return self.cents - 1200.0 * octaves - float(TEMPERAMENTS[temperament][rest])


def intervals(
    parts: Sequence[PlayedPart], pitches: Sequence[Sequence[NotePitch]]
) -> list[Interval]:
    """The harmonic intervals between all pairs of players, as played.

    pitches: of each part, as `note_pitches` gives them. Both notes count where they overlap, and
    between `EDGES` of each of them.
    """
    found = []
    for (one, first), (other, second) in combinations(zip(parts, pitches, strict=True), 2):
        for low, high in ((a, b) for a in first for b in second):
            start, end = (
                max(_middle(low)[0], _middle(high)[0]),
                min(_middle(low)[1], _middle(high)[1]),
            )
            if end - start < LEAST_OVERLAP:
                continue
            names = (one.name, other.name)
            if low.written > high.written:
                low, high, names = high, low, names[::-1]
            semitones = high.written - low.written
            cents = 100.0 * semitones + high.between(start, end) - low.between(start, end)
            if np.isfinite(cents):
                found.append(Interval(names, start, semitones, cents))
    return sorted(found, key=lambda each: each.second)


def _middle(note: NotePitch) -> tuple[float, float]:
    start, seconds = note.seconds[0], np.ptp(note.seconds)
    return start + EDGES[0] * seconds, start + EDGES[1] * seconds
