"""Pitch features of sound and of notes, in which a recording and its score can be compared.

Both have 81 rows, one for each semitone from E1 to C8, and a column every `HOP` samples: in sound
the energy near that pitch, in notes the partials that are to be expected.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

RATE = 22_050  # Hz of the sound
HOP = 512  # samples: 23 ms
FRAMES_A_SECOND = RATE / HOP
WINDOW = 4096  # samples
LOWEST, HIGHEST = 28, 108  # MIDI pitch
PARTIALS, ROLL_OFF = 8, 0.7  # the k-th partial has the amplitude k ** -ROLL_OFF
NOTE_DECAY, ONSET_DECAY = 1.5, 0.1  # seconds
FLOOR = 0.2  # of the usual length of a column; quieter ones count less
AROUND = 7  # semitones
#: Nepers by which tones stand out: of white and coloured noise none by 0.5, of music nearly all.
STANDS_OUT = 0.55
BLOCK = 2048  # frames of a spectrogram at a time
TUNED = (110.0, 1500.0)  # Hz: where the tuning is measured

Notes = tuple[np.ndarray, np.ndarray, np.ndarray]  # onsets and ends in seconds, MIDI pitches


def spectra(
    sound: np.ndarray, first: int, count: int, hop: int, window: np.ndarray, size: int
) -> np.ndarray:
    """Magnitudes of the frames whose centres are at samples `first`, `first + hop`, ...

    sound: (samples,). size: of the transform. Returns (count, size // 2 + 1); beyond the ends of
    the sound is silence.
    """
    from scipy.fft import rfft

    start, width = first - len(window) // 2, len(window)
    stop = start + (count - 1) * hop + width
    piece = sound[max(start, 0) : max(stop, 0)]
    piece = np.pad(piece, (max(-start, 0), max(stop - max(start, 0) - len(piece), 0)))
    if len(piece) > stop - start:
        piece = piece[: stop - start]
    frames = np.lib.stride_tricks.sliding_window_view(piece, width)[::hop]
    return np.abs(rfft(frames * window, size, axis=1))


def _blocks(sound: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The spectrogram in blocks: the number of their first frame, and (frames, bins)."""
    window = np.hanning(WINDOW).astype(np.float32)
    total = len(sound) // HOP + 1
    for first in range(0, total, BLOCK):
        count = min(BLOCK, total - first)
        yield first, spectra(sound, first * HOP, count, HOP, window, WINDOW)


def estimate_tuning(sound: np.ndarray) -> float:
    """How many cents (-50 to 50) the sound lies above the nearest pitches for A4 at 440 Hz.

    sound: (samples,) at `RATE`. The circular mean over the peaks of the spectrogram.
    """
    low, high = (round(edge / RATE * WINDOW) for edge in TUNED)
    total = 0j
    for _, block in _blocks(sound):
        left, peak, right = (block[:, low + d : high + d] for d in (-1, 0, 1))
        is_peak = (peak > left) & (peak >= right) & (peak > 0.05 * block.max())
        a, b, c = (np.log(each[is_peak] + 1e-12) for each in (left, peak, right))
        place = np.nonzero(is_peak)[1] + low + 0.5 * (a - c) / (a - 2 * b + c - 1e-12)
        cents = 1200 * np.log2(place * RATE / WINDOW / 440.0)
        total += np.sum(np.exp(b) * np.exp(2j * np.pi * cents / 100))
    return float(np.angle(total) / (2 * np.pi) * 100)


def sound_features(sound: np.ndarray, tuning: float) -> np.ndarray:
    """Compressed magnitudes by semitone, float32 (81, frames); 0 where there are no tones.

    sound: (samples,) at `RATE`; tuning: in cents.
    """
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    centres = 440 * 2 ** ((np.arange(LOWEST, HIGHEST + 1) + tuning / 100 - 69) / 12)
    widths = np.maximum(centres * (2 ** (1 / 12) - 1), RATE / WINDOW)
    bank = 1 - np.abs(hertz[:, None] - centres) / widths
    bank = np.maximum(bank, 0).astype(np.float32)
    found = np.concatenate([block @ bank for _, block in _blocks(sound)]).T
    features = np.log1p(100 * found / (np.percentile(found, 99) + 1e-9)).astype(np.float32)
    return features * has_tones(features)


def has_tones(features: np.ndarray) -> np.ndarray:
    """Whether tones stand out of each frame and its neighbours within half a second, (frames,).

    In applause, noise and silence none does.
    """
    from scipy.ndimage import uniform_filter1d

    lasting = uniform_filter1d(features, round(FRAMES_A_SECOND), axis=1, mode="nearest")
    around = uniform_filter1d(lasting, AROUND, axis=0, mode="nearest")
    return (lasting - around).max(axis=0) > STANDS_OUT


def note_features(notes: Notes, frames: int, frames_a_second: float, start: float) -> np.ndarray:
    """The same of notes, float32 (81, frames), from the second `start` on."""
    found = np.zeros((HIGHEST - LOWEST + 1, frames), np.float32)
    decay = np.exp(-np.arange(frames) / frames_a_second / NOTE_DECAY).astype(np.float32)
    rows = [round(12 * np.log2(k)) for k in range(1, PARTIALS + 1)]
    for onset, end, pitch in zip(*notes, strict=True):
        first = int((onset - start) * frames_a_second)
        last = max(first + 1, int((end - start) * frames_a_second))
        begin, last = max(first, 0), min(last, frames)
        if begin >= last:
            continue
        envelope = decay[begin - first : last - first] if last - first <= frames else 1.0
        for k, row in enumerate(rows, 1):
            place = round(pitch) + row - LOWEST
            if 0 <= place < len(found):
                line = found[place, begin:last]
                np.maximum(line, envelope * k**-ROLL_OFF, out=line)
    return np.log1p(30 * found)


def onset_features(features: np.ndarray) -> np.ndarray:
    """The rises of features (81, frames), each fading within a tenth of a second."""
    rises = np.maximum(np.diff(features, axis=1, prepend=features[:, :1]), 0)
    fading = np.float32(np.exp(-1 / FRAMES_A_SECOND / ONSET_DECAY))
    for frame in range(1, rises.shape[1]):
        np.maximum(rises[:, frame], rises[:, frame - 1] * fading, out=rises[:, frame])
    return rises


def pooled(features: np.ndarray, factor: int) -> np.ndarray:
    """The means of every `factor` frames, the last ones of fewer."""
    starts = np.arange(0, features.shape[1], factor)
    counts = np.diff(np.append(starts, features.shape[1]))
    return np.add.reduceat(features, starts, axis=1) / counts.astype(np.float32)


def directions(features: np.ndarray) -> np.ndarray:
    """Columns of length 1; those that are nearly silent are shorter, and silence is 0."""
    lengths = np.linalg.norm(features, axis=0)
    usual = np.median(lengths[lengths > 0]) if lengths.any() else 1.0
    return features / np.maximum(lengths, FLOOR * usual)


def distances(sound: np.ndarray, notes: np.ndarray) -> np.ndarray:
    """Half the squared distance between `directions` (81, N) and (81, M), as (N, M).

    0 where they are equal, 0.5 where one of them is silent, 1 where they have nothing in common.
    """
    found = sound.T @ -notes
    found += 0.5 * (sound**2).sum(0)[:, None]
    found += 0.5 * (notes**2).sum(0)
    return np.maximum(found, 0, out=found)


def agreement(features: np.ndarray, notes: Notes, start: float, end: float) -> tuple[float, float]:
    """How well notes in the time of a sound agree with it between two seconds, 0 to 1 each.

    features: of the sound, (81, frames). Returns the share of the time of the notes in which their
    pitch is a peak of the spectrum, and the share of the magnitude of all peaks that lies at
    partials of the notes.
    """
    first, last = int(start * FRAMES_A_SECOND), int(end * FRAMES_A_SECOND) + 1
    sound = features[:, max(first, 0) : last]
    beside = np.pad(sound, ((1, 1), (0, 0)))
    peaks = (sound > beside[:-2]) & (sound > beside[2:]) & (sound > 0.15 * sound.max(axis=0))
    expected = np.zeros_like(peaks)
    rows = [round(12 * np.log2(k)) for k in range(1, PARTIALS + 1)]
    heard = total = 0
    for onset, stop, pitch in zip(*notes, strict=True):
        begin = max(int(onset * FRAMES_A_SECOND) + 1 - max(first, 0), 0)
        until = int((onset + 0.8 * (stop - onset)) * FRAMES_A_SECOND) - max(first, 0)
        until = min(max(until, begin + 1), sound.shape[1])
        place = round(pitch) - LOWEST
        if begin >= until or stop < start or not 0 <= place < len(sound):
            continue
        total += until - begin
        heard += int(peaks[place, begin:until].sum())
        for row in rows:
            expected[place + row : place + row + 1, begin:until] = True
    magnitudes = np.expm1(sound) * peaks
    return heard / max(total, 1), float((magnitudes * expected).sum() / (magnitudes.sum() + 1e-9))
