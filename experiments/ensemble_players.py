"""Ensembles for the study of how players play together: simulated ones, whose every habit is known,
and recordings with their stems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import map_coordinates

from experiments.jobs import corpus_folder
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.music.score_files import read_unfoldings
from helpers.music.scores import CHORALE_QUARTET, Part, Score, corpus_score
from helpers.music.splits import names
from helpers.playing.phase_correction import simulate
from helpers.playing.pitch import Vibrato
from helpers.playing.timing import Chords
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont

RENDERED, BACH10, TRIOS = "simulated players", "bach10_excerpts", "trios"
RATE, SECONDS = 44_100, 30.0
SOUNDFONT = "TimGM6mb"  # one of those from which `chamber` has learned
LEAD_IN = 0.5  # seconds
#: The violin leads: it corrects least, and the others correct to it above all.
CORRECTION = np.array([
    [np.nan, 0.05, 0.05, 0.05],
    [0.40, np.nan, 0.10, 0.10],
    [0.35, 0.10, np.nan, 0.10],
    [0.35, 0.10, 0.10, np.nan],
])  # fmt: skip
TIMEKEEPER, MOTOR = np.full(4, 0.020), np.full(4, 0.006)  # seconds
LATE = np.array([-0.015, 0.0, 0.005, 0.010])  # seconds after the beat that each aims at
SWAY = 0.08  # of the tempo, in eight seconds
TUNING = 8.0  # cents, standard deviation from note to note
VIBRATO = {"violin": Vibrato(5.8, 22.0), "saxophone": Vibrato(5.0, 14.0)}
SHARED, OWN = 3.0, 2.0  # dB, standard deviations of swells of all and of each player
SWELL = 1.5  # seconds from one drawn level to the next


@dataclass(frozen=True)
class Ensemble:
    """A track, and the scores that it may be of. truth: of a simulated one."""

    track: Track
    scores: tuple[Score, ...]
    truth: Truth | None = None


@dataclass(frozen=True)
class Truth:
    """The chords as played; by player the cents of each note by its written second, the vibrato,
    and the gain in dB at its seconds in the recording."""

    chords: Chords
    cents: Mapping[str, Mapping[float, float]]
    vibrato: Mapping[str, Vibrato]
    gain: Mapping[str, tuple[np.ndarray, np.ndarray]]


def ensembles(test: str) -> Iterator[Ensemble]:
    if test == RENDERED:
        for number, work in enumerate(names("chorale", "test")[:4]):
            yield simulated(work, np.random.default_rng(number))
        return
    for folder in find_tracks(corpus_folder(test)):
        if scores := sorted(folder.folder.glob("score.*")):
            yield Ensemble(folder.load(channels=1), tuple(read_unfoldings(scores[0])))


def simulated(work: str, rng: np.random.Generator, seconds: float = SECONDS) -> Ensemble:
    """A chorale by four players who correct their timing by `CORRECTION`, rendered."""
    score = corpus_score(work, CHORALE_QUARTET)
    score = replace(score, parts=tuple(
        replace(part, notes=tuple(note for note in part.notes if note.onset < seconds))
        for part in score.parts
    ))  # fmt: skip
    beats = _common_onsets(score)
    gaps = np.diff(beats) * (1 + SWAY * np.sin(2 * np.pi * beats[:-1] / 8.0))
    onsets = LEAD_IN + simulate(CORRECTION, TIMEKEEPER, MOTOR, gaps, rng) + LATE
    onsets = np.maximum.accumulate(onsets, axis=0)
    shared = rng.normal(0.0, SHARED, 200)
    parts, cents, gains = [], {}, {}
    for number, part in enumerate(score.parts):
        cents[part.instrument] = {}
        own = shared + rng.normal(0.0, OWN, 200)
        times = np.arange(0.0, seconds + 5.0, 0.1)
        level = np.interp(times, SWELL * np.arange(200), own)
        gains[part.instrument] = times, level
        notes = []
        for note in part.notes:
            off = float(rng.normal(0.0, TUNING))
            cents[part.instrument][round(note.onset, 3)] = off
            start, end = _played([note.onset, note.onset + note.duration], beats, onsets[:, number])
            duration = max(end - start - 0.02, 0.05)
            notes.append(
                replace(note, onset=start, duration=duration, pitch=note.pitch + off / 100)
            )
        steps = tuple(
            (float(t), float(10 ** (db / 20))) for t, db in zip(times, level, strict=True)
        )
        parts.append(Part(part.instrument, tuple(notes), gain=steps))
    track = render_score(Score(work, tuple(parts)), FluidSynth(find_soundfont(SOUNDFONT)), RATE)
    stems = {
        name: with_vibrato(stem, VIBRATO[name]) if name in VIBRATO else stem
        for name, stem in track.stems.items()
    }
    truth = Truth(Chords(CHORALE_QUARTET, beats, onsets), cents, VIBRATO, gains)
    return Ensemble(Track(work, RATE, stems), (score,), truth)


def _common_onsets(score: Score) -> np.ndarray:
    """The seconds of the score at which all parts have an onset."""
    sets = [{round(note.onset, 3) for note in part.notes} for part in score.parts]
    return np.array(sorted(set.intersection(*sets)))


def _played(written: list[float], beats: np.ndarray, onsets: np.ndarray) -> tuple[float, float]:
    """Written seconds in the time of a player, beyond the ends at the tempo of the score."""
    inside = np.interp(written, beats, onsets)
    beyond = np.asarray(written) - np.clip(written, beats[0], beats[-1])
    start, end = inside + beyond
    return float(max(start, 0.0)), float(end)


def with_vibrato(stem: np.ndarray, vibrato: Vibrato) -> np.ndarray:
    """A stem (1, samples) whose time axis is bent, so that its pitch swings; onsets move by less
    than half a millisecond."""
    time = np.arange(stem.shape[1]) / RATE
    turn = 2.0 * np.pi * vibrato.rate
    swing = (2.0 ** (vibrato.extent / 1200.0) - 1.0) / turn
    bent = RATE * (time - swing * np.cos(turn * time))
    return map_coordinates(stem[0], [bent], order=3, mode="nearest")[None].astype(np.float32)
