"""How players depart from the page: performances of a score, drawn and then applied."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .scores import Note, Part, Score

#: How much of an asynchrony is left at the next note where players correct it best; Wing et al.,
#: "Optimal feedback correction in string quartet synchronization", J. R. Soc. Interface 2014.
CARRIED = 0.75
PHRASE = (3.0, 8.0)  # seconds
PEAK = (0.4, 0.8)  # where in a phrase it is loudest
FARTHEST = 3.0  # standard deviations


@dataclass(frozen=True)
class Performance:
    """How players depart from the page: tempo, timing, articulation, loudness and tuning.

    `articulation` (a factor on durations), `velocity` (an offset) and `tuning` (cents) hold one
    value per part. `timing` is the standard deviation of onsets in seconds and `accent` that of
    velocities, from note to note.

    `asynchrony` is the standard deviation in seconds of how far apart two players begin a chord;
    whoever is late stays late for a while. `swell` is by how much velocity rises from the ends of
    a phrase to its loudest note, in an arch that all parts share and each follows by half or more
    (Todd, "The dynamics of dynamics", JASA 1992). `softness` is taken from every velocity.
    `intonation` is the standard deviation of pitches in cents, from note to note.

    The single notes are drawn from `seed`, so that one Performance applied twice gives the same
    notes.
    """

    tempo: float
    timing: float
    accent: float
    articulation: tuple[float, ...]
    velocity: tuple[float, ...]
    tuning: tuple[float, ...]
    seed: int
    asynchrony: float = 0.0
    swell: float = 0.0
    softness: float = 0.0
    intonation: float = 0.0

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        n_parts: int,
        *,
        timing: float = 0.025,
        accent: float = 10.0,
        asynchrony: tuple[float, float] = (0.0, 0.0),
        swell: float = 0.0,
        softness: float = 0.0,
        intonation: float = 0.0,
    ) -> Performance:
        """Tempo times 0.7 to 1.4, parts 6 cents apart; the other entries are the most there may be.

        asynchrony: the least and the most. In trios it was 27 to 49 ms: Rasch, "Synchronization
        in performed ensemble music", Acustica 1979.
        """
        drawn = cls(
            tempo=float(2.0 ** rng.uniform(-0.5, 0.5)),
            timing=float(rng.uniform(0.0, timing)),
            accent=float(rng.uniform(0.0, accent)),
            articulation=tuple(rng.uniform(0.75, 1.05, n_parts).tolist()),
            velocity=tuple(rng.normal(0.0, 12.0, n_parts).tolist()),
            tuning=tuple(rng.normal(0.0, 6.0, n_parts).tolist()),
            seed=int(rng.integers(2**31)),
        )
        more = np.random.default_rng([drawn.seed, 1])  # leaves `rng` where it always was
        return replace(
            drawn,
            asynchrony=float(more.uniform(*asynchrony)),
            swell=float(more.uniform(0.0, swell)),
            softness=float(more.uniform(0.0, softness)),
            intonation=float(more.uniform(0.0, intonation)),
        )

    def apply(self, score: Score) -> Score:
        """The score as it is played. ValueError where the number of parts differs."""
        if len(score.parts) != len(self.tuning):
            raise ValueError(
                f"{score.title}: the performance was drawn for {len(self.tuning)} parts and the "
                f"score has {len(score.parts)}; draw it with n_parts={len(score.parts)}."
            )
        rng = np.random.default_rng(self.seed)
        phrases = self._phrases(score.seconds)
        parts = (self._play(part, i, rng, phrases) for i, part in enumerate(score.parts))
        return replace(score, parts=tuple(parts))

    def _play(
        self,
        part: Part,
        index: int,
        rng: np.random.Generator,
        phrases: tuple[np.ndarray, np.ndarray],
    ) -> Part:
        count = len(part.notes)
        late = np.clip(rng.normal(0.0, 1.0, count), -FARTHEST, FARTHEST) * self.timing
        loud = rng.normal(self.velocity[index], self.accent, count)
        own = np.random.default_rng([self.seed, 2 + index])
        late = late + self._lateness(own, count)
        depth = own.uniform(0.5, 1.0) * self.swell
        onsets = [note.onset for note in part.notes]
        loud = loud + depth * (np.interp(onsets, *phrases) - 0.5) - self.softness
        cents = self.tuning[index] + self.intonation * own.normal(0.0, 1.0, count)
        notes = [
            Note(
                onset=max(0.0, note.onset / self.tempo + float(late[i])),
                duration=note.duration / self.tempo * self.articulation[index],
                pitch=note.pitch + float(cents[i]) / 100.0,
                velocity=int(np.clip(round(note.velocity + loud[i]), 1, 127)),
            )
            for i, note in enumerate(part.notes)
        ]
        return replace(part, notes=tuple(sorted(notes, key=lambda note: note.onset)))

    def _lateness(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Seconds by which each note of one player comes after the ensemble's beat, (count,)."""
        steps = rng.normal(0.0, np.sqrt(1.0 - CARRIED**2), count)
        late, before = np.empty(count), rng.normal()
        for i, step in enumerate(steps):
            late[i] = before = CARRIED * before + step
        return np.clip(late, -FARTHEST, FARTHEST) * self.asynchrony / np.sqrt(2.0)

    def _phrases(self, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """Times on the page, and how loud each is: 0 between two phrases, 1 at their loudest."""
        rng = np.random.default_rng([self.seed, 1, 1])
        times, heights = [0.0], [0.0]
        while times[-1] < seconds:
            length = rng.uniform(*PHRASE) * self.tempo
            times += [times[-1] + rng.uniform(*PEAK) * length, times[-1] + length]
            heights += [1.0, 0.0]
        return np.array(times), np.array(heights)
