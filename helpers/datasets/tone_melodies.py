"""Endless random melodies of synthetic singers: a separation task with known rules."""

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
from ..synthesis.tones import Timbre, Tones

MAJOR = (0, 2, 4, 5, 7, 9, 11)  # semitones above the tonic
LEAPS = (-3, -2, -1, -1, 1, 1, 2, 3)  # scale steps to the next note
LENGTHS = (0.5, 0.5, 1.0, 1.0, 1.5, 2.0)  # note lengths in beats
REST = 0.08  # probability of a rest


@dataclass(frozen=True)
class Singer:
    """A timbre and a range, MIDI pitch `low` to `high`."""

    low: int
    high: int
    timbre: Timbre


#: Each has its own register and timbre. Only the two weakest partials of the bass are in the
#: register of the soprano; those of alto and tenor coincide with both. There is no noise, no
#: reverberation and no vibrato.
SINGERS = {
    "soprano": Singer(74, 86, Timbre((1.0, 0.25, 0.1), attack=0.04, release=0.07)),
    "alto": Singer(62, 74, Timbre((1.0, 0.6, 0.3, 0.15, 0.08), attack=0.03, release=0.06)),
    "tenor": Singer(52, 64, Timbre((1.0, 0.1, 0.5, 0.06, 0.25), attack=0.03, release=0.06)),
    "bass": Singer(40, 52, Timbre((1.0, 0.4, 0.2, 0.1, 0.05), attack=0.04, release=0.07)),
}

#: The singers of a mixture of two, three and four.
ENSEMBLES = {
    2: ("soprano", "bass"),
    3: ("soprano", "alto", "bass"),
    4: ("soprano", "alto", "tenor", "bass"),
}


def draw_part(
    singer: str, seconds: float, key: int, tempo: float, rng: np.random.Generator
) -> Part:
    """A random walk in the singer's range of a major scale, with rests.

    key: pitch class of the tonic, 0 (C) to 11. tempo: beats per minute. The last note may end
    after `seconds`.
    """
    low, high = SINGERS[singer].low, SINGERS[singer].high
    scale = [pitch for pitch in range(low, high + 1) if (pitch - key) % 12 in MAJOR]
    mean_velocity = rng.uniform(65.0, 95.0)
    step, onset, notes = int(rng.integers(len(scale))), 0.0, []
    while onset < seconds:
        duration = rng.choice(LENGTHS) * 60.0 / tempo
        if rng.random() >= REST:
            velocity = round(mean_velocity + rng.uniform(-8.0, 8.0))
            notes.append(Note(onset, duration, scale[step], velocity))
        onset += duration
        step = abs(step + int(rng.choice(LEAPS)))  # reflected at the lowest note
        step = min(step, 2 * (len(scale) - 1) - step)  # and at the highest
    return Part(singer, tuple(notes))


class Melodies(Dataset):
    """Item i is (mixture (1, T), stems (S, 1, T)); track(i) is the same as a Track.

    singers: names in SINGERS. seconds: T / sample_rate. Different seeds give independent melodies,
    for training, validation and test.

    Chapter: 01.
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
        self.renderers = {name: Tones(SINGERS[name].timbre) for name in self.singers}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        stems = torch.from_numpy(np.stack(list(self.track(index).stems.values())))
        return stems.sum(0), stems

    def score(self, index: int) -> Score:
        """Parts of one key and tempo, up to two seconds longer than T samples."""
        rng = np.random.default_rng([self.seed, index])
        key, tempo = int(rng.integers(12)), rng.uniform(80.0, 160.0)
        seconds = self.samples / self.sample_rate + 60.0 / tempo
        parts = (draw_part(singer, seconds, key, tempo, rng) for singer in self.singers)
        return Score(f"melody-{self.seed}-{index:03d}", tuple(parts))

    def track(self, index: int) -> Track:
        """The singers' stems, from a random start in the first beat of the score."""
        score = self.score(index)
        track = render_score(score, self.renderers, self.sample_rate)
        beat = round(0.375 * self.sample_rate)  # of the fastest tempo
        start = int(np.random.default_rng([self.seed, index, 1]).integers(beat))
        stems = {}
        for name, stem in track.stems.items():
            stems[name] = np.zeros((1, self.samples), np.float32)
            window = stem[:, start : start + self.samples]
            stems[name][:, : window.shape[1]] = window
        return Track(score.title, self.sample_rate, stems)
