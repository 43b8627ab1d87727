"""Performances: how players deviate from the score, drawn once and then applied."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .scores import Note, Part, Score

MAX_DEVIATION = 3.0  # standard deviations


@dataclass(frozen=True)
class Performance:
    """Tempo, timing, articulation, dynamics and tuning of a performance.

    tempo: a factor on the speed. timing, accent: standard deviations from note to note of onsets
    in seconds and of velocities. articulation (a factor on durations), velocity (an offset),
    tuning (cents) and lag (seconds behind the beat; empty for none): one value for each part.

    The deviations of single notes are drawn from `seed`, so that a performance is repeatable.

    Chapter: 02.
    """

    tempo: float
    timing: float
    accent: float
    articulation: tuple[float, ...]
    velocity: tuple[float, ...]
    tuning: tuple[float, ...]
    seed: int
    lag: tuple[float, ...] = ()

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        n_parts: int,
        timing: float = 0.025,
        accent: float = 10.0,
        lag: float = 0.0,
        tuning: float = 6.0,
    ) -> Performance:
        """Tempo 0.7 to 1.4; `timing` and `accent` are upper limits, `lag` and `tuning` standard
        deviations from player to player."""
        return cls(
            tempo=float(2.0 ** rng.uniform(-0.5, 0.5)),
            timing=float(rng.uniform(0.0, timing)),
            accent=float(rng.uniform(0.0, accent)),
            articulation=tuple(rng.uniform(0.75, 1.05, n_parts).tolist()),
            velocity=tuple(rng.normal(0.0, 12.0, n_parts).tolist()),
            tuning=tuple(rng.normal(0.0, tuning, n_parts).tolist()),
            seed=int(rng.integers(2**31)),
            lag=tuple(rng.normal(0.0, lag, n_parts).tolist()) if lag else (),
        )

    def apply(self, score: Score) -> Score:
        """The performed score. ValueError if the number of parts differs."""
        if len(score.parts) != len(self.tuning):
            raise ValueError(
                f"{score.title}: the performance was drawn for {len(self.tuning)} parts and the "
                f"score has {len(score.parts)}; draw it with n_parts={len(score.parts)}."
            )
        rng = np.random.default_rng(self.seed)
        parts = (self._play(part, i, rng) for i, part in enumerate(score.parts))
        return replace(score, parts=tuple(parts), bars=())

    def deviations(
        self, part: Part, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Delay in seconds, velocity offset and cents of each note of a part, (notes,) each."""
        count = len(part.notes)
        delays = np.clip(rng.normal(0.0, 1.0, count), -MAX_DEVIATION, MAX_DEVIATION) * self.timing
        offsets = rng.normal(self.velocity[index], self.accent, count)
        return delays, offsets, np.full(count, self.tuning[index])

    def _play(self, part: Part, index: int, rng: np.random.Generator) -> Part:
        delays, offsets, cents = self.deviations(part, index, rng)
        delays = delays + (self.lag[index] if self.lag else 0.0)
        notes = [
            Note(
                onset=max(0.0, note.onset / self.tempo + float(delays[i])),
                duration=note.duration / self.tempo * self.articulation[index],
                pitch=note.pitch + float(cents[i]) / 100.0,
                velocity=int(np.clip(round(note.velocity + offsets[i]), 1, 127)),
                program=note.program,
            )
            for i, note in enumerate(part.notes)
        ]
        gain = tuple((second / self.tempo, factor) for second, factor in part.gain)
        return replace(part, notes=tuple(sorted(notes, key=lambda note: note.onset)), gain=gain)
