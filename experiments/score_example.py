"""What chapter 8 and its exercises share: a rendered quartet with its score, and its separation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from experiments.alignment import performed
from experiments.score_informed import follow
from experiments.scored_pieces import LEVEL, QUARTET, UNSEEN
from helpers.audio.track import Track
from helpers.evaluation.metrics import si_sdr
from helpers.inference.score_following import ScoreFollower
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.scores import Part, Score
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont

WORK = "mozart/k156/movement2"  # of the validation works, which did not train
RUBATO, APART, SEED = 0.12, 0.02, 3  # of `performed`: tempo, seconds between players


@dataclass(frozen=True)
class Example:
    """A score, the same notes as they are played, and their sound."""

    score: Score
    played: Score
    track: Track


def example(seconds: float, sample_rate: int = 44_100) -> Example:
    """The beginning of a string quartet, played with rubato by a soundfont that did not train."""
    score = arrangement(excerpts(WORK, seconds)[0], QUARTET)
    played = performed(score, np.random.default_rng(SEED), RUBATO, APART, 0.0)
    track = render_score(played, FluidSynth(find_soundfont(UNSEEN)), sample_rate)
    stems = {name: LEVEL * stem / stem.std() for name, stem in track.stems.items()}
    return Example(score, played, Track(WORK, sample_rate, stems))


def note_list(part: Part) -> list[tuple[float, float, float]]:
    """Onset and end in seconds, and pitch, of each note."""
    return [(note.onset, note.onset + note.duration, note.pitch) for note in part.notes]


def note_tensor(score: Score) -> Tensor:
    """The notes of all parts and, last, of the rest, which has none: (1, P + 1, M, 3)."""
    most = max(len(part.notes) for part in score.parts)
    notes = torch.full((1, len(score.parts) + 1, most, 3), -1.0)
    for number, part in enumerate(score.parts):
        notes[0, number, : len(part.notes)] = torch.tensor(note_list(part)).reshape(-1, 3)
    return notes


def separated(model: nn.Module, score: Score, track: Track) -> dict[str, np.ndarray]:
    """Estimates (1, samples) of the parts of a score in the time of a track."""
    return follow(ScoreFollower(model, score), track)


def quality(systems: Mapping[str, Mapping[str, np.ndarray]], track: Track) -> pd.DataFrame:
    """SI-SDR in dB of the estimates of each system: systems by stem, and their mean."""
    table = pd.DataFrame({
        system: {name: float(si_sdr(estimates[name][0], stem[0]))
                 for name, stem in track.stems.items()}
        for system, estimates in systems.items()
    }).T  # fmt: skip
    return table.assign(mean=table.mean(axis=1)).round(1)
