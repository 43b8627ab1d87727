"""Scores played with recorded single notes, joined into a legato line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from ..music.instruments import instrument
from ..music.scores import Note, Part
from .note_samples import DYNAMICS, PREROLL, RATE, NoteSample, load_note_samples

WHOLE_TONE = 2.0  # semitones: the farthest a take is shifted
LEVEL = -28.0  # dB full scale RMS of an average take at velocity 80
KEPT = 0.4  # how much of a take's distance from its instrument's average level survives

LEGATO_GAP = 0.06  # seconds: notes that are closer are joined
OVERLAP = 0.03  # seconds that a joined note reaches into the next
RELEASE = 0.12  # seconds of the take's own ending under a detached note
FADE = 0.05  # seconds, at the end of every note
SPLICE = 1764  # samples (40 ms at RATE) of every crossfade inside a note


@dataclass(frozen=True)
class Sampler:
    """A renderer that plays each note with the nearest take of a folder of recorded notes.

    root: the folder, see `takes.py`. seed: chooses among equally good takes and where long notes
    are looped; the same seed and part give the same bits.

    A take's pitch is measured and it is resampled to the one asked for, at most a whole tone
    away. The dynamic follows the velocity (1 to 127 over pianissimo to fortissimo), and so does
    the level (a factor (velocity / 80) squared, as in General MIDI). Takes of one instrument were
    recorded at uneven levels, and those of two instruments with different gains: 60 % of a take's
    distance from the average of its instrument is taken away, and all instruments average -28 dB.
    """

    root: Path
    seed: int = 0

    def render(self, part: Part, sample_rate: int) -> np.ndarray:
        """(1, samples) float32, to the end of the last note's release.

        ValueError where the instrument was not recorded, or no take lies within a whole tone.
        """
        note_samples = load_note_samples(self.root, instrument(part.instrument).name)
        average = float(np.mean([note_sample.level for note_sample in note_samples]))
        rng = np.random.default_rng(self.seed)
        notes = sorted(part.notes, key=lambda note: note.onset)
        end = max((note.onset + note.duration for note in notes), default=0.0)
        stem = np.zeros(round((end + OVERLAP + RELEASE + 2 * FADE) * sample_rate), np.float32)
        for i, note in enumerate(notes):
            gap = notes[i + 1].onset - note.onset - note.duration if i + 1 < len(notes) else np.inf
            note_sample = _choose(note_samples, note, part.instrument, rng)
            sound = _play(note_sample, note, abs(gap) < LEGATO_GAP, sample_rate, rng)
            wanted = (
                LEVEL + KEPT * (note_sample.level - average) + 40.0 * np.log10(note.velocity / 80)
            )
            first = round((note.onset - PREROLL / RATE) * sample_rate)
            sound = sound[max(0, -first) :]
            place = stem[max(0, first) : max(0, first) + len(sound)]
            place += sound[: len(place)] * np.float32(10.0 ** ((wanted - note_sample.level) / 20.0))
        return stem[None]


def _choose(
    note_samples: tuple[NoteSample, ...], note: Note, player: str, rng: np.random.Generator
) -> NoteSample:
    """Nearest in pitch, then in dynamic, long enough where there is one; then by chance."""
    shifts = np.abs([note_sample.pitch - note.pitch for note_sample in note_samples])
    if shifts.min() > WHOLE_TONE:
        pitches = [note_sample.pitch for note_sample in note_samples]
        raise ValueError(
            f"{player}: no note was recorded within a whole tone of MIDI pitch {note.pitch:.1f}; "
            f"the recorded range is {min(pitches):.0f} to {max(pitches):.0f}."
        )
    dynamic = (note.velocity - 1) / 126 * (len(DYNAMICS) - 1)
    near = np.flatnonzero(shifts <= min(WHOLE_TONE, shifts.min() + 0.7))
    distances = np.array([abs(note_samples[i].dynamic - dynamic) for i in near])
    near = near[distances <= distances.min() + 1.0]
    long = [i for i in near if note_samples[i].stop >= note.duration * RATE]
    return note_samples[rng.choice(long or near)]


def _play(
    note_sample: NoteSample, note: Note, legato: bool, sample_rate: int, rng: np.random.Generator
) -> np.ndarray:
    """The take as long and as high as the note: (samples,) at `sample_rate`."""
    speed = 2.0 ** ((note.pitch - note_sample.pitch) / 12.0)
    period = RATE / (440.0 * 2.0 ** ((note_sample.pitch - 69.0) / 12.0))
    scale = RATE * speed  # samples of the take for a second of the note
    held = PREROLL + round((note.duration + (OVERLAP if legato else 0.0)) * scale)
    sound = _sustain(note_sample, max(held, PREROLL + 2 * SPLICE), period, rng)
    if not legato:
        ending = max(note_sample.start, len(note_sample.sound) - round(RELEASE * scale) - SPLICE)
        sound = _join(sound, note_sample.sound, ending, period)
    fade = min(round(FADE * scale), len(sound))
    sound[len(sound) - fade :] *= np.cos(np.linspace(0.0, np.pi / 2, fade, dtype=np.float32)) ** 2
    return soxr.resample(sound, scale, sample_rate)


def _sustain(
    note_sample: NoteSample, samples: int, period: float, rng: np.random.Generator
) -> np.ndarray:
    """The beginning of the take; where that is too short, its steady part again and again."""
    steady = note_sample.sound[: note_sample.stop]
    sound = steady
    while len(sound) < samples:
        again = rng.integers(
            note_sample.start, note_sample.start + (note_sample.stop - note_sample.start) // 3 + 1
        )
        sound = _join(sound, steady, int(again), period)
    return sound[:samples].copy()


def _join(head: np.ndarray, source: np.ndarray, at: int, period: float) -> np.ndarray:
    """`head` crossfaded into `source` from about `at`, where their waves agree best.

    Looks through one period (samples) after `at`; equal-gain fade over SPLICE samples, because
    the two sides are in phase.
    """
    fade = min(SPLICE, len(head), len(source) - at)
    search = source[at : at + fade + int(np.ceil(period))]
    likeness = np.correlate(search, head[len(head) - fade :], mode="valid")
    at += int(np.argmax(likeness))
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    splice = head[len(head) - fade :] * (1.0 - ramp) + source[at : at + fade] * ramp
    return np.concatenate([head[: len(head) - fade], splice, source[at + fade :]])
