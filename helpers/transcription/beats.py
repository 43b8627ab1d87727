"""The beats and bars of a transcription: the tempo map between its notes and their notation.

Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007, as librosa
has it; here it follows the onsets that were transcribed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..music.scores import Note, Score

RATE = 100  # frames a second of the onsets
SLACK = 0.02  # seconds: standard deviation of an onset around its beat
START, OCTAVES = 90.0, 0.5  # quarter notes a minute that are likely, and their spread
TIGHTNESS = 60.0  # how steady the tempo is
SLOWEST, FASTEST = 0.25, 2.0  # seconds of a beat
BARS = (4, 3)  # beats in a bar that are considered, the likelier first
PREFER = 1.1  # factor by which the second must fit better


@dataclass(frozen=True, eq=False)
class Beats:
    """seconds: of each beat, from 0 to at least the end of the last note, increasing. in_bar: beats
    in a bar. pickup: beats before the first full bar, fewer than `in_bar`. A beat is a quarter."""

    seconds: np.ndarray
    in_bar: int
    pickup: int

    def quarters(self, seconds: np.ndarray | float) -> np.ndarray:
        """Where times lie in the notation, in quarters from its beginning."""
        return np.interp(seconds, self.seconds, np.arange(len(self.seconds)))

    def meters(self) -> list[tuple[int, int]]:
        """Beat and quarters in a bar of each time signature: a pickup has its own."""
        return [*([(0, self.pickup)] if self.pickup else []), (self.pickup, self.in_bar)]

    def bars(self) -> list[int]:
        """The quarter at which each bar begins, and last the one at which the notation ends."""
        last = len(self.seconds) - 1
        starts = list(range(self.pickup, last, self.in_bar))
        starts = [0, *starts] if self.pickup else starts
        return [*starts, (starts[-1] + self.in_bar) if starts[-1] >= self.pickup else self.pickup]


def find_beats(score: Score) -> Beats:
    """The beats of a transcription whose notes have seconds; of one without notes, a single bar."""
    import librosa

    notes = sorted((n for part in score.parts for n in part.notes), key=lambda note: note.onset)
    found = np.zeros(0)
    if len(notes) > 1:
        envelope = onset_strength(notes)
        (tempo,) = librosa.feature.tempo(
            onset_envelope=envelope, sr=RATE, hop_length=1, start_bpm=START, std_bpm=OCTAVES
        )
        _, found = librosa.beat.beat_track(
            onset_envelope=envelope, sr=RATE, hop_length=1, bpm=tempo, tightness=TIGHTNESS,
            trim=False, units="time",
        )  # fmt: skip
    if len(found) < 2:
        found = np.array([0.0, 60.0 / START])
    seconds, added = covering(np.asarray(found, float), score.seconds)
    in_bar, first = bars_of(notes, seconds[added:])
    pickup = (first + added) % in_bar
    missing = -(len(seconds) - 1 - pickup) % in_bar  # to the end of the last bar
    period = seconds[-1] - seconds[-2]
    seconds = np.concatenate([seconds, seconds[-1] + period * np.arange(1, missing + 1)])
    return Beats(seconds, in_bar, pickup)


def onset_strength(notes: list[Note]) -> np.ndarray:
    """Bumps at the onsets of notes, (frames,) at `RATE`; longer notes are stronger."""
    end = max(note.onset + note.duration for note in notes)
    frames = np.arange(int(end * RATE) + 2) / RATE
    strength = np.zeros(len(frames))
    for note in notes:
        near = slice(*np.searchsorted(frames, [note.onset - 0.1, note.onset + 0.1]))
        bump = np.exp(-0.5 * ((frames[near] - note.onset) / SLACK) ** 2)
        strength[near] = np.maximum(strength[near], min(note.duration, 1.0) ** 0.5 * bump)
    return strength


def covering(beats: np.ndarray, end: float) -> tuple[np.ndarray, int]:
    """Beats that begin at 0 and reach the end, and how many were put in front.

    Those in front share the time before the first one; where it is shorter than half a beat, the
    first one begins at 0.
    """
    period = float(np.clip(np.median(np.diff(beats)), SLOWEST, FASTEST))
    added = round(beats[0] / period)
    ahead = np.linspace(0.0, beats[0], added + 1)[:-1]
    if not added:
        beats = np.concatenate([[0.0], beats[1:]])
    count = max(int(np.ceil((end - beats[-1]) / period + 0.5)), 0)  # past the last onset
    return np.concatenate([ahead, beats, beats[-1] + period * np.arange(1, count + 1)]), added


def bars_of(notes: list[Note], beats: np.ndarray) -> tuple[int, int]:
    """How many beats a bar has, and which beat begins the first full bar.

    A bar begins where long notes and low notes begin.
    """
    accents = np.zeros(len(beats))
    for note in notes:
        place = int(np.abs(beats - note.onset).argmin())
        if abs(beats[place] - note.onset) < 0.1:
            accents[place] += min(note.duration, 2.0) * (1.5 if note.pitch < 55 else 1.0)
    best, choice = 0.0, (BARS[0], 0)
    for in_bar in BARS:
        for first in range(in_bar):
            strong = accents[first::in_bar]
            fit = strong.mean() / max(accents.mean(), 1e-9) if len(strong) > 1 else 0.0
            if fit > best * (PREFER if in_bar != choice[0] else 1.0):
                best, choice = fit, (in_bar, first)
    return choice
