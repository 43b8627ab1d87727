"""How a score differs from what is played: drawn once, then applied to the notes of each part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_DEVIATION = 3.0  # standard deviations
STEPS = np.array([-12, -7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7, 12])  # semitones of wrong notes
GRACE, NEIGHBOURS = 0.1, np.array([-2, -1, 1, 2])  # seconds and semitones of an ornament


@dataclass(frozen=True)
class ScoreErrors:
    """Deviations of a score that is aligned to a recording.

    timing, shift: standard deviations in seconds, from note to note and from part to part. drift:
    of the last note, when the tempo is a little wrong and the first is right. length: of the
    logarithm of a note's duration. tuning: in cents, of a part. wrong, missing, extra, octaves:
    shares of the notes that have another pitch, that the score lacks, that it has in addition, and
    that it has in two octaves. ornaments: the share of those that begin with a short neighbour in
    the score, which nobody plays.

    As a part of a recipe these are upper limits, see `draw`.
    """

    timing: float = 0.05
    shift: float = 0.03
    length: float = 0.3
    tuning: float = 8.0
    wrong: float = 0.05
    missing: float = 0.05
    extra: float = 0.05
    octaves: float = 0.03
    drift: float = 0.05
    ornaments: float = 0.03

    def draw(self, rng: np.random.Generator) -> ScoreErrors:
        """Each deviation from zero to its value here, small ones more often."""
        return ScoreErrors(*(float(most * rng.random() ** 2) for most in vars(self).values()))

    def apply(self, notes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """notes (n, 3) of one part: onset and end in seconds, MIDI pitch -> (m, 3), by onset."""
        onset, end, pitch = notes[rng.random(len(notes)) >= self.missing].T
        duration = (end - onset) * np.exp(_normal(rng, self.length, len(onset)))
        onset = onset + _normal(rng, self.shift) + _normal(rng, self.timing, len(onset))
        pitch = pitch + _normal(rng, self.tuning) / 100
        wrong = rng.random(len(pitch)) < self.wrong
        pitch = pitch + wrong * rng.choice(STEPS, len(pitch))
        changed = np.stack([onset, onset + duration, pitch], axis=1)
        doubled = changed[rng.random(len(changed)) < self.octaves] + [0.0, 0.0, 12.0]
        extra = changed[rng.random(len(changed)) < self.extra]
        extra[:, 2] += rng.choice(STEPS, len(extra))
        grace = changed[rng.random(len(changed)) < self.ornaments]
        grace[:, 1] = grace[:, 0] + GRACE
        grace[:, 2] += rng.choice(NEIGHBOURS, len(grace))
        every = np.concatenate([changed, doubled, extra, grace])
        if len(every):
            way = (every[:, 0] - every[:, 0].min()) / (np.ptp(every[:, 0]) or 1.0)
            every[:, :2] += (_normal(rng, self.drift) * way)[:, None]
        return every[np.argsort(every[:, 0], kind="stable")]


def _normal(rng: np.random.Generator, spread: float, size: int | None = None):
    """Normal deviates, at most MAX_DEVIATION standard deviations."""
    return spread * np.clip(rng.normal(0.0, 1.0, size), -MAX_DEVIATION, MAX_DEVIATION)
