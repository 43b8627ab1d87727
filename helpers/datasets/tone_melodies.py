"""Endless random melodies of synthetic singers: a task whose every rule is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..audio.track import Track
from ..music.scores import Note, Part, Score
from ..synthesis.renderer import render_score
from ..synthesis.tones import Tones, Voice

MAJOR = (0, 2, 4, 5, 7, 9, 11)  # semitones above the keynote
LEAPS = (-3, -2, -1, -1, 1, 1, 2, 3)  # steps of the scale to the next note
LENGTHS = (0.5, 0.5, 1.0, 1.0, 1.5, 2.0)  # of a note in beats
REST = 0.08  # how often a note is left out


@dataclass(frozen=True)
class Singer:
    """A voice and the range that it sings in, MIDI pitch `low` to `high`."""

    low: int
    high: int
    voice: Voice


#: Each has a register and a timbre of its own. Of soprano and bass only the bass' two weakest
#: partials reach into the other's register; those of alto and tenor lie in between and coincide
#: with both. Nothing is noisy, nothing reverberates, and there is no vibrato.
SINGERS = {
    "soprano": Singer(74, 86, Voice((1.0, 0.25, 0.1), attack=0.04, release=0.07)),
    "alto": Singer(62, 74, Voice((1.0, 0.6, 0.3, 0.15, 0.08), attack=0.03, release=0.06)),
    "tenor": Singer(52, 64, Voice((1.0, 0.1, 0.5, 0.06, 0.25), attack=0.03, release=0.06)),
    "bass": Singer(40, 52, Voice((1.0, 0.4, 0.2, 0.1, 0.05), attack=0.04, release=0.07)),
}

#: Who sings in a mixture of two, three and four voices.
ENSEMBLES = {
    2: ("soprano", "bass"),
    3: ("soprano", "alto", "bass"),
    4: ("soprano", "alto", "tenor", "bass"),
}


def draw_part(
    singer: str, seconds: float, key: int, tempo: float, rng: np.random.Generator
) -> Part:
    """A random walk through the singer's part of a major scale, with a rest now and then.

    key: pitch class of the keynote, 0 (C) to 11. tempo: beats per minute. The last note may sound
    on after `seconds`.
    """
    low, high = SINGERS[singer].low, SINGERS[singer].high
    scale = [pitch for pitch in range(low, high + 1) if (pitch - key) % 12 in MAJOR]
    rms = rng.uniform(65.0, 95.0)
    place, onset, notes = int(rng.integers(len(scale))), 0.0, []
    while onset < seconds:
        duration = rng.choice(LENGTHS) * 60.0 / tempo
        if rng.random() >= REST:
            velocity = round(rms + rng.uniform(-8.0, 8.0))
            notes.append(Note(onset, duration, scale[place], velocity))
        onset += duration
        place = abs(place + int(rng.choice(LEAPS)))  # turn round at the lowest note
        place = min(place, 2 * (len(scale) - 1) - place)  # and at the highest
    return Part(singer, tuple(notes))


class Melodies(Dataset):
    """Item i is (mixture (1, T), stems (S, 1, T)); track(i) is the same as a Track.

    singers: names in SINGERS. seconds: T / sample_rate. Melodies of different seeds have nothing
    in common, so a seed makes a training, validation or test set.
    """

    def __init__(
        self,
        singers: Sequence[str],
        seconds: float,
        seed: int,
        length: int = 2**31,
        sample_rate: int = 8000,
    ):
        self.singers = tuple(singers)
        self.sample_rate, self.seed, self.length = sample_rate, seed, length
        self.samples = round(seconds * sample_rate)
        self.renderers = {name: Tones(SINGERS[name].voice) for name in self.singers}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        stems = torch.from_numpy(np.stack(list(self.track(index).stems.values())))
        return stems.sum(0), stems

    def score(self, index: int) -> Score:
        """The parts of one key and tempo that are cut to T samples, up to two seconds longer."""
        rng = np.random.default_rng([self.seed, index])
        key, tempo = int(rng.integers(12)), rng.uniform(80.0, 160.0)
        seconds = self.samples / self.sample_rate + 60.0 / tempo
        parts = (draw_part(singer, seconds, key, tempo, rng) for singer in self.singers)
        return Score(f"melody-{self.seed}-{index:03d}", tuple(parts))

    def track(self, index: int) -> Track:
        """The singers' stems; where they begin lies anywhere in the first beat of the score."""
        score = self.score(index)
        track = render_score(score, self.renderers, self.sample_rate)
        beat = round(0.375 * self.sample_rate)  # the shortest
        start = int(np.random.default_rng([self.seed, index, 1]).integers(beat))
        stems = {}
        for name, stem in track.stems.items():
            stems[name] = np.zeros((1, self.samples), np.float32)  # rests until the end, if need be
            window = stem[:, start : start + self.samples]
            stems[name][:, : window.shape[1]] = window
        return Track(score.title, self.sample_rate, stems)
