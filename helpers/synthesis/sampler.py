"""A renderer of recorded single notes, joined into a legato line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr

from ..music.instruments import instrument
from ..music.scores import Note, Part
from .expression import Expression
from .note_index import DYNAMICS, note_players
from .note_pitch import RATE
from .note_samples import PREROLL, NoteSample, UnusableNotesError, decays, load_note_samples

WHOLE_TONE = 2.0  # semitones: the largest pitch shift of a sample
WIDEST_SHIFT = 3.25  # semitones, for players whose notes lie far apart
MARGIN = 0.25  # semitones beyond the middle of a gap: players tune
SWELL = 2.0  # seconds: shorter notes do not swell
LEVEL = -28.0  # dBFS RMS of an average sample at velocity 80
KEPT_SPREAD = 0.4  # share that is kept of a sample's distance in dB from its instrument's average

LEGATO_GAP = 0.06  # seconds: closer notes are joined
OVERLAP = 0.03  # seconds: overlap of joined notes
RELEASE = 0.12  # seconds: recorded release of a detached note
DAMPING = 0.15  # seconds until a damper has silenced a string
FADE = 0.05  # seconds: fade-out of every note
SPLICE = 1764  # samples (40 ms at RATE): crossfades inside a note


@dataclass(frozen=True)
class Sampler:
    """A renderer that plays each note with the nearest recorded note of one player.

    root: a folder of recorded notes, or one of its sets as `FOLDER/SET`, see `note_index.py`. Of
    several sets in a folder one plays the whole part, drawn from those that can. seed: also chooses
    among equally good samples and loop points; the same seed and part give the same bits.
    vibrato, noise, release: upper limits of `Expression.draw`.

    A sample is resampled from its measured pitch by at most a whole tone, or by what a player needs
    whose notes lie more than four semitones apart. Dynamic and level follow the velocity: 1 to 127
    is pianissimo to fortissimo, and a factor (velocity / 80) squared, as in General MIDI. Recording
    levels are uneven, within an instrument and between instruments: the distance of a sample from
    its instrument's average is reduced to 40 %, and every instrument averages -28 dBFS.

    A bowed or blown note that is too short is looped, and joined to the next one if they touch.
    Struck and plucked notes (`note_samples.DECAYING`) ring until they are damped at their end; with
    the pedal down, that is where the part says so.

    Chapter: 02.
    """

    root: Path
    seed: int = 0
    vibrato: float = 0.0
    noise: float = 0.0
    release: float = 0.0

    def can_play(self, part: Part) -> bool:
        """Whether a player has a sample within reach of every note."""
        return bool(self._able_players(part))

    def render(self, part: Part, sample_rate: int) -> np.ndarray:
        """(1, samples) float32, including the last release.

        ValueError if the instrument, or a pitch within reach of a note, is not recorded.
        """
        name = instrument(part.instrument).name
        samples = load_note_samples(self._player(part), name)
        reach = _reach(samples)
        average = float(np.mean([sample.level for sample in samples]))
        rng, own = np.random.default_rng(self.seed), np.random.default_rng([self.seed, 1])
        manner = Expression.draw(own, name, self.vibrato, self.noise, self.release)
        notes = sorted(part.notes, key=lambda note: note.onset)
        end = max((note.onset + note.duration for note in notes), default=0.0)
        ringing = OVERLAP + RELEASE + 2 * FADE + manner.release
        stem = np.zeros(round((end + ringing) * sample_rate), np.float32)
        for i, note in enumerate(notes):
            gap = notes[i + 1].onset - note.onset - note.duration if i + 1 < len(notes) else np.inf
            sample = _choose(samples, note, part.instrument, reach, rng)
            if decays(name):
                sound = _strike(sample, note, manner, sample_rate)
            else:
                legato = abs(gap) < LEGATO_GAP
                sound = _play(sample, note, legato, manner, sample_rate, rng, own)
            level = (
                LEVEL + KEPT_SPREAD * (sample.level - average) + 40.0 * np.log10(note.velocity / 80)
            )
            first = round((note.onset - PREROLL / RATE) * sample_rate)
            sound = sound[max(0, -first) :]
            target = stem[max(0, first) : max(0, first) + len(sound)]
            target += sound[: len(target)] * np.float32(10.0 ** ((level - sample.level) / 20.0))
        return stem[None]

    def _player(self, part: Part) -> Path:
        """The one that plays a part; one that cannot where nobody can."""
        players = self._able_players(part) or self._players(part)
        return players[np.random.default_rng([self.seed, 2]).integers(len(players))]

    def _able_players(self, part: Part) -> list[Path]:
        name = instrument(part.instrument).name
        return [
            player
            for player in note_players(self.root, name)
            if _covers(_usable_samples(player, name), part)
        ]

    def _players(self, part: Part) -> list[Path]:
        return note_players(self.root, instrument(part.instrument).name) or [self.root]


@lru_cache(maxsize=256)
def _usable_samples(player: Path, instrument: str) -> tuple[NoteSample, ...]:
    """The samples of a player, none where all are unusable."""
    try:
        return load_note_samples(player, instrument)
    except UnusableNotesError:
        return ()


def player_of(players: Sequence[Path], part: Part, turn: int, rng: np.random.Generator) -> Path:
    """The player of one of several takes of a part: different ones as long as there are some.

    players: folders or sets. turn: the number of the take. rng: the same for all takes of a part.
    Where none can play the part, any of them.
    """
    able = [player for player in players if Sampler(player).can_play(part)] or list(players)
    return able[rng.permutation(len(able))[turn % len(able)]]


def _reach(samples: Sequence[NoteSample]) -> float:
    """Semitones by which the samples of a player are shifted at the most."""
    pitches = np.unique([round(sample.pitch) for sample in samples])
    gap = np.diff(pitches).max(initial=0.0)
    return float(np.clip(gap / 2.0 + MARGIN, WHOLE_TONE, WIDEST_SHIFT))


def _covers(samples: Sequence[NoteSample], part: Part) -> bool:
    """Whether there is a sample that does not swell within reach of every note."""
    pitches = np.array([sample.pitch for sample in samples if not sample.swells])
    reach = _reach(samples)
    return len(pitches) > 0 and all(
        np.abs(pitches - note.pitch).min(initial=np.inf) < reach for note in part.notes
    )


def _choose(
    samples: Sequence[NoteSample], note: Note, player: str, reach: float, rng: np.random.Generator
) -> NoteSample:
    """A random one of the nearest in pitch, then dynamic; long enough ones are preferred."""
    samples = [each for each in samples if note.duration >= SWELL or not each.swells] or samples
    shifts = np.abs([sample.pitch - note.pitch for sample in samples])
    if shifts.min() > reach:
        pitches = [sample.pitch for sample in samples]
        raise ValueError(
            f"{player}: no note is recorded within {reach:g} semitones of MIDI pitch "
            f"{note.pitch:.1f}; the recorded range is {min(pitches):.0f} to {max(pitches):.0f}."
        )
    dynamic = (note.velocity - 1) / 126 * (len(DYNAMICS) - 1)
    near = np.flatnonzero(shifts <= min(reach, shifts.min() + 0.7))
    distances = np.array([abs(samples[i].dynamic - dynamic) for i in near])
    near = near[distances <= distances.min() + 1.0]
    long = [i for i in near if samples[i].stop >= note.duration * RATE]
    return samples[rng.choice(long or near)]


def _strike(sample: NoteSample, note: Note, manner: Expression, sample_rate: int) -> np.ndarray:
    """A decaying sample, damped at the end of the note: (samples,) at `sample_rate`."""
    scale = RATE * 2.0 ** ((note.pitch - sample.pitch) / 12.0)
    damping = round((DAMPING + manner.release) * scale)
    sound = sample.sound[: PREROLL + round(note.duration * scale) + damping]
    damping = min(damping, len(sound))
    sound[len(sound) - damping :] *= _fall(damping)
    return soxr.resample(sound, scale, sample_rate)


def _play(
    sample: NoteSample,
    note: Note,
    legato: bool,
    manner: Expression,
    sample_rate: int,
    rng: np.random.Generator,
    own: np.random.Generator,
) -> np.ndarray:
    """The sample at the length and pitch of the note: (samples,) at `sample_rate`.

    own: the generator of the expression.
    """
    speed = 2.0 ** ((note.pitch - sample.pitch) / 12.0)
    period = RATE / (440.0 * 2.0 ** ((sample.pitch - 69.0) / 12.0))
    scale = RATE * speed  # sample positions per second of the note
    length = PREROLL + round((note.duration + (OVERLAP if legato else 0.0)) * scale)
    sound = _sustain(sample, max(length, PREROLL + 2 * SPLICE), period, rng)
    if not legato:
        release = round((RELEASE + manner.release) * scale)
        ending = max(sample.start, len(sample.pcm) - release - SPLICE)
        sound = _join(sound, sample.sound, ending, period)
    fade = min(round(FADE * scale), len(sound))
    sound[len(sound) - fade :] *= _fall(fade)
    sound = manner.with_vibrato(sound, PREROLL / RATE, scale, own)
    sound = soxr.resample(sound, scale, sample_rate)
    if manner.noise:
        noise = manner.onset_noise(sample_rate, own) * np.float32(10.0 ** (sample.level / 20.0))
        first = round(PREROLL / scale * sample_rate)
        target = sound[first : first + len(noise)]
        target += noise[: len(target)]
    return sound


def _fall(samples: int) -> np.ndarray:
    """A fade-out, the square of a quarter of a cosine."""
    return np.cos(np.linspace(0.0, np.pi / 2, samples, dtype=np.float32)) ** 2


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
