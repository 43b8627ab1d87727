"""Dynamic time warping of a score to a recording: first the whole coarsely, then blocks finely.

The frames of the coarse pass are longer in long recordings, so that its matrix keeps its size; a
middle pass then comes between the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .pitch_features import (
    FRAMES_A_SECOND,
    Notes,
    directions,
    distances,
    note_features,
    onset_features,
    pooled,
)

#: Steps in frames of (recording, score), and their weights, so that each frame of the recording
#: counts once. Without steps along one axis alone, a path cannot rest on one frame.
STEPS = np.array([[1, 1], [1, 2], [2, 1], [1, 3], [3, 1]])
WEIGHTS = np.array([1.0, 1.0, 2.0, 1.0, 3.0])
EXTRA = np.array([0.0, 0.02, 0.02, 0.04, 0.04])  # against needless changes of tempo
TEMPI = (0.5, 0.71, 1.0, 1.41, 2.0)  # recording over score, that the coarse pass tries
SHIFTS = (0, -1, 1, -2, 2, -3, 3)  # semitones that it tries
UNWANTED = 10.0  # the cost of columns that only fill a matrix
NEUTRAL = 0.45  # the distance between a frame that fits and one that does not
COARSE = 0.2  # seconds of a frame of the coarse pass
MOST_CELLS = 12_000_000  # of its matrix: an hour in frames of a second
PADDING = 100  # frames of silence before and after the score, where applause finds its place
SMOOTHING = 1.0  # seconds, of its path: it has steps, players' tempo has none
PAUSE, SHORT_PAUSE = 0.5, 0.2  # seconds of silence that a path can follow; what longer ones become
LAST = 0.15  # seconds before a pause in which no note begins


@dataclass(frozen=True)
class Pass:
    """A pass that follows a map more finely, in blocks.

    frame: in columns of the features. block, margin: seconds; the map may be wrong by the margin.
    smoothing: seconds.
    """

    frame: int
    block: float
    margin: float
    smoothing: float


MIDDLE = Pass(round(COARSE * FRAMES_A_SECOND), 300.0, 10.0, SMOOTHING)
FINE = Pass(1, 30.0, 2.0, 0.1)


@dataclass(frozen=True)
class Map:
    """Where a score lies in a recording: pairs of increasing times in seconds.

    start, end: the part of the recording that the score explains.
    """

    score: np.ndarray
    recording: np.ndarray
    start: float
    end: float

    def __call__(self, seconds: np.ndarray) -> np.ndarray:
        """The times in the recording of times in the score, beyond the ends at the mean tempo."""
        seconds = np.asarray(seconds, float)
        inside = np.interp(seconds, self.score, self.recording)
        tempo = np.ptp(self.recording) / max(np.ptp(self.score), 1e-6)
        outside = seconds - np.clip(seconds, self.score[0], self.score[-1])
        return inside + tempo * outside


@dataclass(frozen=True)
class Pauses:
    """Pauses inside a recording of more than `PAUSE` seconds; a path, which cannot rest, sees only
    `SHORT_PAUSE` seconds of them, the last ones.

    kept: the frames of the features that it sees.
    """

    kept: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Pauses:
        """Those of features (81, frames), 0 where there are no tones; not those at its ends."""
        toneless = ~features.any(axis=0)
        bounds = np.flatnonzero(np.diff(toneless, prepend=False, append=False))
        kept = np.ones(len(toneless), bool)
        for first, last in bounds.reshape(-1, 2):
            is_long = last - first > PAUSE * FRAMES_A_SECOND
            if is_long and first > 0 and last < len(toneless):
                kept[first : last - round(SHORT_PAUSE * FRAMES_A_SECOND)] = False
        return cls(np.flatnonzero(kept))

    @property
    def seconds(self) -> float:
        """How long the part is that a path does not see."""
        return (self.kept[-1] + 1 - len(self.kept)) / FRAMES_A_SECOND

    @property
    def begins(self) -> list[float]:
        """Where in the recording, in seconds, each part begins that a path does not see."""
        return ((self.kept[self._cuts - 1] + 1) / FRAMES_A_SECOND).tolist()

    @property
    def _cuts(self) -> np.ndarray:
        """The indices in `kept` of the first frames after these parts."""
        return np.flatnonzero(np.diff(self.kept) > 1) + 1

    def put_back(self, found: Map) -> Map:
        """A map of the recording without these parts as one of the recording.

        Silence does not say where a path passes through it. No note begins in a pause or just
        before it, so what seems to is what comes after it.
        """

        def back(seconds: float | np.ndarray) -> np.ndarray:
            place = np.clip(np.int_(seconds * FRAMES_A_SECOND), 0, len(self.kept) - 1)
            return seconds + (self.kept[place] - place) / FRAMES_A_SECOND

        start, end = float(back(found.start)), float(back(found.end))
        onsets = found.recording
        for begin in self._cuts / FRAMES_A_SECOND:
            sound = begin + SHORT_PAUSE
            onsets = np.where((onsets > begin - LAST) & (onsets < sound), sound, onsets)
        return replace(found, recording=back(onsets), start=start, end=end)


@dataclass(frozen=True)
class Place:
    """A result of the coarse pass: what to transpose the notes by, and the map.

    gain: by how much the notes explain the recording better than something neutral does, 0 to
    `NEUTRAL`, the mean over its frames.
    """

    gain: float
    shift: int
    map: Map


def path(cost: np.ndarray) -> np.ndarray:
    """The cheapest path through (N, M) that passes all N rows, as pairs (L, 2) in their order.

    Of a score that is too short for the recording, the rows that its columns cannot reach are left
    out.
    """
    import librosa

    rows, columns = cost.shape
    if columns <= rows:  # librosa exchanges the two then: dear columns avoid that
        cost = np.pad(cost, ((0, 0), (0, rows + 1 - columns)), constant_values=UNWANTED)
    _, pairs = librosa.sequence.dtw(
        C=cost, subseq=True, step_sizes_sigma=STEPS, weights_mul=WEIGHTS, weights_add=EXTRA
    )
    return pairs[::-1][pairs[::-1, 1] < columns]


def coarse(features: np.ndarray, notes: Notes) -> Place | None:
    """Where in the notes the recording lies, at which tempo and how many semitones away.

    features: of the sound, (81, frames). None where no place can be.
    """
    ends = float(notes[1].max())
    seconds = features.shape[1] / FRAMES_A_SECOND
    frame = max(COARSE, np.sqrt(seconds * ends / MOST_CELLS))
    factor = max(round(frame * FRAMES_A_SECOND), 1)
    frame = factor / FRAMES_A_SECOND
    sound = directions(pooled(features, factor))
    whole = note_features(notes, int(ends * FRAMES_A_SECOND) + 1, FRAMES_A_SECOND, 0.0)
    best: tuple[float, int, np.ndarray] | None = None
    for tempo in TEMPI:
        step = max(round(factor / tempo), 1)
        padded = np.pad(directions(pooled(whole, step)), ((0, 0), (PADDING, PADDING)))
        for shift in SHIFTS:
            pairs, gains = _explained(sound, np.roll(padded, shift, axis=0))
            gain = float(gains.sum()) / sound.shape[1]
            if len(pairs) > 1 and (best is None or gain > best[0]):
                centres = (pairs + (0.5, 0.5 - PADDING)) * (factor, step) / FRAMES_A_SECOND
                best = gain, shift, centres
    if best is None:
        return None
    gain, shift, times = best
    start, end = max(times[0, 0] - frame / 2, 0.0), min(times[-1, 0] + frame / 2, seconds)
    rough = _smoothed(times[:, 1], times[:, 0], start, end, SMOOTHING)
    if factor > MIDDLE.frame:
        rough = followed(features, (*notes[:2], notes[2] + shift), rough, MIDDLE)
    return Place(gain, shift, rough)


def _explained(sound: np.ndarray, notes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The run of the cheapest path (L, 2) that notes explain, and how well (L,)."""
    cost = distances(sound, notes)
    pairs = path(cost)
    inside = (pairs[:, 1] >= PADDING) & (pairs[:, 1] < notes.shape[1] - PADDING)
    gains = np.where(inside, NEUTRAL - cost[pairs[:, 0], pairs[:, 1]], 0.0)
    gains *= np.diff(pairs[:, 0], prepend=-1)  # by frames of the recording
    first, last = best_run(gains)
    return pairs[first:last], gains[first:last]


def best_run(gains: np.ndarray) -> tuple[int, int]:
    """First and last (exclusive) of the consecutive values with the largest sum."""
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    lowest = np.minimum.accumulate(sums)
    last = int(np.argmax(sums - lowest))
    first = int(np.argmin(sums[: last + 1]))
    return first, last


def followed(
    features: np.ndarray,
    notes: Notes,
    rough: Map,
    chosen: Pass,
    progress: Callable[[float], object] = lambda _: None,
) -> Map:
    """The map to about a frame of a pass. progress: called with seconds that are done."""
    near = (rough(notes[0]), rough(notes[1]), notes[2])
    pairs = []
    begin = rough.start
    while begin < rough.end:
        end = min(begin + chosen.block, rough.end)
        pairs.append(_followed_block(features, near, begin, end, rough, chosen))
        progress(end - begin)
        begin = end
    recording, warped = np.concatenate(pairs).T
    # `warped` is in seconds of the rough map: back to those of the score.
    back = replace(rough, score=rough.recording, recording=rough.score)
    score = back(np.maximum.accumulate(warped))
    return _smoothed(score, recording, rough.start, rough.end, chosen.smoothing)


def _followed_block(
    features: np.ndarray, notes: Notes, begin: float, end: float, rough: Map, chosen: Pass
) -> np.ndarray:
    """Pairs (recording, rough map) in seconds, for frames between two seconds."""
    margin = chosen.margin
    first = max(int((max(begin - margin, rough.start)) * FRAMES_A_SECOND), 0)
    last = min(int((min(end + margin, rough.end)) * FRAMES_A_SECOND) + 1, features.shape[1])
    start = first / FRAMES_A_SECOND - margin
    count = last - first + round(2 * margin * FRAMES_A_SECOND)
    heard = (notes[0] < last / FRAMES_A_SECOND + margin) & (notes[1] > start)
    expected = note_features(tuple(n[heard] for n in notes), count, FRAMES_A_SECOND, start)
    sound = features[:, first:last]
    cost = 0.5 * _costs(sound, expected, chosen.frame)
    cost += 0.5 * _costs(onset_features(sound), onset_features(expected), chosen.frame)
    pairs = path(cost) * chosen.frame / FRAMES_A_SECOND + (first / FRAMES_A_SECOND, start)
    return pairs[(pairs[:, 0] >= begin) & (pairs[:, 0] < end)]


def _costs(sound: np.ndarray, notes: np.ndarray, frame: int) -> np.ndarray:
    return distances(*(directions(pooled(each, frame)) for each in (sound, notes)))


def _smoothed(
    score: np.ndarray, recording: np.ndarray, start: float, end: float, width: float
) -> Map:
    """A map through pairs of times, smoothed by a Gaussian of `width` seconds of the recording."""
    from scipy.ndimage import gaussian_filter1d

    times, places = np.unique(np.round(score, 6), return_inverse=True)
    means = np.maximum.accumulate(np.bincount(places, recording) / np.bincount(places))
    step = 0.02 * np.ptp(times) / max(np.ptp(means), 0.02)
    grid = np.linspace(times[0], times[-1], max(int(np.ptp(times) / step), 2))
    line = np.interp(grid, times, means)
    slope = (line[-1] - line[0]) / (len(line) - 1) * np.arange(len(line))  # keeps the ends
    smooth = gaussian_filter1d(line - slope, width / 0.02, mode="nearest") + slope
    return Map(grid, np.maximum.accumulate(smooth), start, end)
