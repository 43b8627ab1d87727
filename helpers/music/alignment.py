"""Alignment of a score to a recording: when each of its notes begins and ends there.

A coarse pass of dynamic time warping finds the place, the tempo and the transposition; a second one
follows the tempo to about 23 ms; then the onsets move to where the energy at the partials of their
notes rises, first all parts together and then each part alone, because players are not exactly
together.

Ewert, Müller and Grosche, "High resolution audio synchronization using chroma onset features",
ICASSP 2009; Müller, "Fundamentals of Music Processing", 2015, chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..audio.recordings import CANCELLED
from ..audio.resampling import resample
from .instruments import instrument
from .onset_refinement import Freedom, Group, refined
from .pitch_features import RATE, Notes, agreement, estimate_tuning, sound_features
from .scores import Bar, Note, Part, Score, transpose
from .warping import FINE, NEUTRAL, Map, Pauses, Place, coarse, followed

#: All parts together, then each part around their common onsets.
TOGETHER = Freedom(reach=0.25, stay=1.0, stiffness=0.5)
APART = Freedom(reach=0.08, stay=2.0, stiffness=0.02)
#: Seconds from the beginning of a blown, bowed or sung note to its steepest rise.
ATTACK = 0.02
STRUCK = ("keyboard", "plucked", "percussion")  # families whose notes rise at once
SHORTEST = 0.03  # seconds of a note that lies in the recording
NEAR = 0.25  # seconds by which the ends of an alignment may be wrong
#: The least fit of a score: of recordings up to `BRIEF` seconds, which wrong scores fit best by
#: chance, and of very long ones.
FITS_BRIEF, FITS_LONG, BRIEF = 0.64, 0.46, 10.0
EXPLAINED = 0.4  # the least share of the recording that a score explains


class AlignmentError(ValueError):
    """A score that does not fit a recording; the message is one sentence.

    fit: as in `Alignment`, 0 where no passage fits.
    """

    def __init__(self, message: str, fit: float = 0.0) -> None:
        super().__init__(message)
        self.fit = fit


@dataclass(frozen=True, eq=False)
class Alignment:
    """A score in the time of a recording.

    score: as it sounds, transposed, with onsets and durations in seconds of the recording; notes
    outside of it are left out, as are bars that begin outside, and all parts are kept. times:
    (2, n), increasing seconds in the score that was given, and in the recording. transposition:
    semitones by which the recording is higher than that score. tuning: the rest in cents, -50 to
    50, for A4 at 440 Hz. fit: 0 to 1, at least `least_fit`: the geometric mean of how well the
    coarse path fits, of the share of the notes that are heard and of the share of the sound that
    the notes explain. written: the score that was given, transposed; `times` lead from it to the
    recording.
    """

    score: Score
    times: np.ndarray
    transposition: int
    tuning: float
    fit: float
    written: Score

    @property
    def sounding_a4(self) -> float:
        """The frequency in Hz at which a written A4 sounds."""
        return 440 * 2 ** ((100 * self.transposition + self.tuning) / 1200)


def align(
    mixture: np.ndarray,
    sample_rate: int,
    score: Score | Sequence[Score],
    progress: Callable[[float], object] = lambda _: None,
) -> Alignment:
    """Align a score to a recording (channels, samples).

    The recording may be an excerpt from anywhere in the score, at half to twice its tempo, at any
    tuning, up to three semitones away, with applause or silence at its ends.
    score: several are one piece with and without its repeats, of which the best is taken.
    progress: called with seconds of the recording, three times its length in total.
    AlignmentError where no score fits.
    """
    scores = [score] if isinstance(score, Score) else list(score)
    mono = mixture[0] if len(mixture) == 1 else np.mean(mixture, axis=0, dtype=np.float32)
    energies = [float(np.vdot(channel, channel)) for channel in mixture]
    if np.vdot(mono, mono) < CANCELLED * np.mean(energies):
        mono = mixture[np.argmax(energies)]
    sound = resample(mono, sample_rate, RATE)
    seconds = len(sound) / RATE
    tuning = estimate_tuning(sound)
    features = sound_features(sound, tuning)
    score, place, pauses = _best_with_pauses(features, scores)
    features, played = features[:, pauses.kept], seconds - pauses.seconds
    progress(seconds)
    score = transpose(score, place.shift)
    rough = place.map
    common = followed(features, _table(_notes(score)), rough, FINE, progress)
    fit = _fit(features, score, common, place.gain * played / (rough.end - rough.start))
    if fit < least_fit(played) or rough.end - rough.start < EXPLAINED * played:
        raise AlignmentError(
            f"{score.title}: this score does not fit the recording (its fit is {fit:.2f}, of"
            f" {least_fit(played):.2f} that are needed); give the score of what is played.",
            fit,
        )
    common = _together(sound, score, pauses.put_back(common), tuning, progress)
    parts = tuple(
        _apart(sound, score, number, common, tuning, pauses.begins)
        for number in range(len(score.parts))
    )
    times = np.stack([common.score, common.recording])
    aligned = replace(score, parts=parts, bars=_bars(score, common, seconds))
    return Alignment(aligned, times, place.shift, tuning, fit, score)


def _bars(score: Score, common: Map, seconds: float) -> tuple[Bar, ...]:
    """The bars that begin in the recording, where the first of their notes begin.

    A bar that begins with a rest before the recording counts from its beginning, if all of its
    notes are played.
    """
    onsets, last = np.array([note.onset for note in _notes(score)]), common.score[-1]
    missing = onsets[common(onsets) < common.start - NEAR].max(initial=-np.inf)
    struck = all(instrument(part.instrument).family in STRUCK for part in score.parts)
    bars: list[Bar] = []
    for number, start in score.bars:
        where = max(float(common(start)) - (0.0 if struck else ATTACK), 0.0)
        if missing < start <= last + SHORTEST and where < seconds - NEAR:
            if bars and where <= bars[-1].start:
                bars.pop()
            bars.append(Bar(number, where))
    return tuple(bars)


def least_fit(seconds: float) -> float:
    """The fit that a score needs for a recording of this length."""
    return FITS_LONG + (FITS_BRIEF - FITS_LONG) * min(1.0, BRIEF / max(seconds, 0.1))


def _best_with_pauses(features: np.ndarray, scores: Sequence[Score]) -> tuple[Score, Place, Pauses]:
    """As `_best`, of the recording as it is, or without its long pauses if more is explained so."""
    pauses = Pauses.of(features)
    none = Pauses(np.arange(features.shape[1]))
    some = [pauses] if pauses.seconds else []
    found = [(*_best(features[:, each.kept], scores), each) for each in (none, *some)]
    return max(found, key=lambda each: each[1].gain * len(each[2].kept))


def _best(features: np.ndarray, scores: Sequence[Score]) -> tuple[Score, Place]:
    """The score that explains most of the recording, the first of equal ones, and where."""
    found: list[tuple[Score, Place]] = []
    for score in scores:
        if notes := _notes(score):
            place = coarse(features, _table(notes))
            found += [(score, place)] if place else []
    if not found:
        title = scores[0].title if scores else "None"
        raise AlignmentError(
            f"{title}: no passage of this score fits the recording; give the score of what is"
            " played."
        )
    return max(found, key=lambda each: round(each[1].gain, 3))


def _fit(features: np.ndarray, score: Score, where: Map, gain: float) -> float:
    onsets, ends, pitches = _table(_notes(score))
    notes = where(onsets), where(ends), pitches
    heard, explained = agreement(features, notes, where.start, where.end)
    return float(np.cbrt(max(gain, 0.0) / NEUTRAL * heard * explained))


def _notes(score: Score) -> list[Note]:
    return [note for part in score.parts for note in part.notes]


def _table(notes: Iterable[Note]) -> Notes:
    """Onsets and ends in seconds, and pitches."""
    rows = [(note.onset, note.onset + note.duration, note.pitch) for note in notes]
    onsets, ends, pitches = np.array(rows, float).T
    return onsets, ends, pitches


def _onsets(notes: Iterable[Note]) -> dict[float, tuple[float, ...]]:
    """The pitches that begin at each time of a score, in order of time."""
    found: dict[float, tuple[float, ...]] = {}
    for note in sorted(notes, key=lambda note: note.onset):
        onset = round(note.onset, 3)
        found[onset] = (*found.get(onset, ()), note.pitch)
    return found


def _together(
    sound: np.ndarray, score: Score, common: Map, tuning: float, progress: Callable[[float], object]
) -> Map:
    """The map through the refined onsets of all parts together."""
    onsets = _onsets(_notes(score))
    where = common(np.array(list(onsets)))
    groups = [
        Group(float(second), pitches)
        for second, pitches in zip(where, onsets.values(), strict=True)
        if common.start <= second <= common.end
    ]
    seconds = np.array(list(onsets))[(where >= common.start) & (where <= common.end)]
    if not groups:
        return common
    moved = refined(sound, groups, tuning, TOGETHER, progress)
    first, last = common(common.score[[0, -1]])
    before = common.score[0] < seconds[0] - SHORTEST and first < moved[0]
    after = common.score[-1] > seconds[-1] + SHORTEST and last > moved[-1]
    times = np.array([[*common.score[:1], *seconds, *common.score[-1:]], [first, *moved, last]])
    times = times[:, 0 if before else 1 : None if after else -1]
    rising = 1e-4 * np.arange(times.shape[1])  # later onsets are later, by this at least
    times[1] = np.maximum.accumulate(times[1] - rising) + rising
    if times.shape[1] < 2:
        return common
    return replace(common, score=times[0], recording=times[1])


def _apart(
    sound: np.ndarray,
    score: Score,
    number: int,
    common: Map,
    tuning: float,
    pauses: Sequence[float],
) -> Part:
    """A part in the time of the recording, without the notes outside of it.

    pauses: seconds in which a pause begins, through which no note is held.
    """
    part = score.parts[number]
    inside = {
        note: span
        for note in part.notes
        if (span := common([note.onset, note.onset + note.duration]))[1] > common.start + SHORTEST
        and span[0] < common.end - SHORTEST
    }
    others = _onsets(n for k, each in enumerate(score.parts) if k != number for n in each.notes)
    own = _onsets(note for note, span in inside.items() if span[0] >= common.start)
    groups = [
        Group(float(common(onset)), pitches, others.get(onset, ()))
        for onset, pitches in own.items()
    ]
    moved = refined(sound, groups, tuning, APART) if groups else np.zeros(0)
    moved = moved - (0.0 if instrument(part.instrument).family in STRUCK else ATTACK)
    new = dict(zip(own, moved, strict=True))
    notes, following = [], {}
    for note, (onset, end) in sorted(inside.items(), key=lambda each: -each[0].onset):
        onset = float(max(new.get(round(note.onset, 3), onset), common.start))
        end = min(end, common.end, following.get(note.pitch, end))
        end = min([end, *(pause for pause in pauses if pause > onset)])
        notes.append(replace(note, onset=onset, duration=float(max(end - onset, SHORTEST))))
        following[note.pitch] = max(onset, common.start + SHORTEST)
    notes.sort(key=lambda note: (note.onset, note.pitch))
    gain = tuple((float(common(second)), factor) for second, factor in part.gain)
    return replace(part, notes=tuple(notes), gain=gain)
