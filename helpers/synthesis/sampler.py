"""A renderer of recorded single notes, joined into a legato line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from ..music.instruments import instrument
from ..music.scores import Note, Part
from .note_samples import (
    DYNAMICS,
    PREROLL,
    RATE,
    NoteSample,
    load_note_samples,
    sampled_instruments,
)

WHOLE_TONE = 2.0  # semitones: the largest pitch shift of a sample
LEVEL = -28.0  # dBFS RMS of an average sample at velocity 80
KEPT_SPREAD = 0.4  # share that is kept of a sample's distance in dB from its instrument's average

LEGATO_GAP = 0.06  # seconds: closer notes are joined
OVERLAP = 0.03  # seconds: overlap of joined notes
RELEASE = 0.12  # seconds: recorded release of a detached note
FADE = 0.05  # seconds: fade-out of every note
SPLICE = 1764  # samples (40 ms at RATE): crossfades inside a note


@dataclass(frozen=True)
class Sampler:
    """A renderer that plays each note with the nearest of a folder of recorded notes.

    root: the folder, see `note_samples.py`. seed: chooses among equally good samples and loop
    points; the same seed and part give the same bits.

    A sample is resampled from its measured pitch by at most a whole tone. Dynamic and level follow
    the velocity: 1 to 127 is pianissimo to fortissimo, and a factor (velocity / 80) squared, as in
    General MIDI. Recording levels are uneven, within an instrument and between instruments: the
    distance of a sample from its instrument's average is reduced to 40 %, and every instrument
    averages -28 dBFS.

    Chapter: 02.
    """

    root: Path
    seed: int = 0

    def can_play(self, part: Part) -> bool:
        """Whether there is a sample within a whole tone of every note."""
        name = instrument(part.instrument).name
        if name not in sampled_instruments(self.root):
            return False
        pitches = np.array([sample.pitch for sample in load_note_samples(self.root, name)])
        return all(np.abs(pitches - note.pitch).min() < WHOLE_TONE for note in part.notes)

    def render(self, part: Part, sample_rate: int) -> np.ndarray:
        """(1, samples) float32, including the last release.

        ValueError if the instrument, or any pitch within a whole tone of a note, is not recorded.
        """
        samples = load_note_samples(self.root, instrument(part.instrument).name)
        average = float(np.mean([sample.level for sample in samples]))
        rng = np.random.default_rng(self.seed)
        notes = sorted(part.notes, key=lambda note: note.onset)
        end = max((note.onset + note.duration for note in notes), default=0.0)
        stem = np.zeros(round((end + OVERLAP + RELEASE + 2 * FADE) * sample_rate), np.float32)
        for i, note in enumerate(notes):
            gap = notes[i + 1].onset - note.onset - note.duration if i + 1 < len(notes) else np.inf
            sample = _choose(samples, note, part.instrument, rng)
            sound = _play(sample, note, abs(gap) < LEGATO_GAP, sample_rate, rng)
            level = (
                LEVEL + KEPT_SPREAD * (sample.level - average) + 40.0 * np.log10(note.velocity / 80)
            )
            first = round((note.onset - PREROLL / RATE) * sample_rate)
            sound = sound[max(0, -first) :]
            target = stem[max(0, first) : max(0, first) + len(sound)]
            target += sound[: len(target)] * np.float32(10.0 ** ((level - sample.level) / 20.0))
        return stem[None]


def _choose(
    samples: tuple[NoteSample, ...], note: Note, player: str, rng: np.random.Generator
) -> NoteSample:
    """A random one of the nearest in pitch, then dynamic; long enough ones are preferred."""
    shifts = np.abs([sample.pitch - note.pitch for sample in samples])
    if shifts.min() > WHOLE_TONE:
        pitches = [sample.pitch for sample in samples]
        raise ValueError(
            f"{player}: no note is recorded within a whole tone of MIDI pitch {note.pitch:.1f}; "
            f"the recorded range is {min(pitches):.0f} to {max(pitches):.0f}."
        )
    dynamic = (note.velocity - 1) / 126 * (len(DYNAMICS) - 1)
    near = np.flatnonzero(shifts <= min(WHOLE_TONE, shifts.min() + 0.7))
    distances = np.array([abs(samples[i].dynamic - dynamic) for i in near])
    near = near[distances <= distances.min() + 1.0]
    long = [i for i in near if samples[i].stop >= note.duration * RATE]
    return samples[rng.choice(long or near)]


def _play(
    sample: NoteSample, note: Note, legato: bool, sample_rate: int, rng: np.random.Generator
) -> np.ndarray:
    """The sample at the length and pitch of the note: (samples,) at `sample_rate`."""
    speed = 2.0 ** ((note.pitch - sample.pitch) / 12.0)
    period = RATE / (440.0 * 2.0 ** ((sample.pitch - 69.0) / 12.0))
    scale = RATE * speed  # sample positions per second of the note
    length = PREROLL + round((note.duration + (OVERLAP if legato else 0.0)) * scale)
    sound = _sustain(sample, max(length, PREROLL + 2 * SPLICE), period, rng)
    if not legato:
        ending = max(sample.start, len(sample.sound) - round(RELEASE * scale) - SPLICE)
        sound = _join(sound, sample.sound, ending, period)
    fade = min(round(FADE * scale), len(sound))
    sound[len(sound) - fade :] *= np.cos(np.linspace(0.0, np.pi / 2, fade, dtype=np.float32)) ** 2
    return soxr.resample(sound, scale, sample_rate)


def _sustain(
    sample: NoteSample, length: int, period: float, rng: np.random.Generator
) -> np.ndarray:
    """The first `length` values; a shorter sample is extended by loops of its steady part."""
    steady = sample.sound[: sample.stop]
    sound = steady
    while len(sound) < length:
        loop = rng.integers(sample.start, sample.start + (sample.stop - sample.start) // 3 + 1)
        sound = _join(sound, steady, int(loop), period)
    return sound[:length].copy()


def _join(head: np.ndarray, source: np.ndarray, at: int, period: float) -> np.ndarray:
    """`head` crossfaded into `source` from `at` on, at the offset of the highest correlation.

    Searches one period (in samples). Equal-gain crossfade of SPLICE samples, because both sides
    are in phase.
    """
    fade = min(SPLICE, len(head), len(source) - at)
    search = source[at : at + fade + int(np.ceil(period))]
    correlation = np.correlate(search, head[len(head) - fade :], mode="valid")
    at += int(np.argmax(correlation))
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    splice = head[len(head) - fade :] * (1.0 - ramp) + source[at : at + fade] * ramp
    return np.concatenate([head[: len(head) - fade], splice, source[at + fade :]])
