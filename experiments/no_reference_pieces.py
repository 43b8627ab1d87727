"""Rendered ensembles and recordings, on which estimates of quality are fitted and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from experiments.pieces import SAMPLE_RATE
from experiments.scored_pieces import in_time
from helpers.audio.track import Track
from helpers.augmentation.effects import Tilt
from helpers.augmentation.recording_chain import Microphone
from helpers.augmentation.rooms import room_positions
from helpers.datasets.stem_folders import find_tracks
from helpers.music.arrangements import excerpts
from helpers.music.ensembles import draw_ensemble, ensemble_score
from helpers.music.performances import Performance
from helpers.music.random_pieces import RandomPiece
from helpers.music.score_files import read_unfoldings
from helpers.music.scores import Score
from helpers.music.splits import RANDOM, names
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont

SECONDS = 10.0  # of a rendered ensemble
GAIN = 4.0  # dB, standard deviation of the balance
LEVEL = 0.05  # RMS of a stem before its gain


@dataclass(frozen=True)
class Scored:
    """A track, and where it has one its score in the time and at the pitch of its sound."""

    track: Track
    score: Score | None = None


def ensemble(
    number: int,
    instruments: Sequence[str],
    split: str,
    soundfonts: Sequence[str],
    doubles: float = 0.0,
    most_players: int = 5,
) -> Scored:
    """A rendered ensemble of two to `most_players` players, drawn from its number; the share
    `doubles` of them has two players of one instrument.

    Every second one has reverberation, a microphone or a duller sound, which are new to a model in
    this strength: an estimate must also see bad stems.
    """
    rng = np.random.default_rng([number, split == "test"])
    if number % 3 == 2:
        piece = RandomPiece(RANDOM[split][number % len(RANDOM[split])])
        score = piece.score(draw_ensemble(rng, instruments, doubles), seconds=SECONDS)
    else:
        works = names("quartet", split) + names("chorale", split)
        parts = excerpts(works[number % len(works)], 1.4 * SECONDS)
        excerpt = parts[int(rng.integers(len(parts)))]
        score = ensemble_score(rng, excerpt, instruments, 0.2, 0.5, doubles, most_players)
    score = Performance.draw(rng, len(score.parts)).apply(score)
    sound = synthesiser(str(rng.choice(list(soundfonts))))
    track = render_score(score, sound, SAMPLE_RATE)
    samples = round(SECONDS * SAMPLE_RATE)
    stems = np.zeros((len(track.stems), 1, samples), np.float32)
    effects = rng.random(3) < 0.4
    positions = room_positions(int(rng.integers(32)))
    for k, (own, stem) in enumerate(zip(stems, track.stems.values(), strict=True)):
        own[:, : stem.shape[1]] = stem[:, :samples]
        if effects[0]:
            own[:] = positions[k % len(positions)].apply(own, SAMPLE_RATE)
        if effects[1]:
            own[:] = Tilt.draw(rng).apply(own, SAMPLE_RATE)
        own *= LEVEL / (np.std(own) or 1.0) * 10 ** (rng.normal(0.0, GAIN) / 20)
    if effects[2]:
        stems = Microphone.draw(rng).apply(stems, SAMPLE_RATE)
    name = f"ensemble {number:03d}"
    return Scored(Track(name, SAMPLE_RATE, dict(zip(track.stems, stems, strict=True))), score)


@cache
def synthesiser(soundfont: str) -> FluidSynth:
    return FluidSynth(find_soundfont(soundfont))


@cache
def recorded(folder: Path) -> Scored:
    """The real recording in a folder, in mono, with its score where there is one."""
    (piece,) = find_tracks(folder)
    track = piece.load(channels=1)
    scores = sorted(folder.glob("score.*"))
    score = in_time(track, list(read_unfoldings(scores[0]))) if scores else None
    return Scored(track, score)
