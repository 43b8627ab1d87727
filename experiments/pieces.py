"""Rendered pieces for chapters and experiments."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from helpers.audio.track import Track
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.performances import Performance
from helpers.music.scores import Score, corpus_score
from helpers.music.splits import names
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont

SAMPLE_RATE = 44_100
RMS = 0.05


def performed(score: Score, soundfont: str | Path, seed: int) -> Track:
    """A score played by a soundfont as in the training data: a performance drawn from `seed`."""
    performance = Performance.draw(np.random.default_rng(seed), len(score.parts))
    return render_score(performance.apply(score), _synthesiser(soundfont), SAMPLE_RATE)


def rendered(
    score: Score, seconds: float, name: str = "", soundfont: str | Path = "FluidR3_GM"
) -> Track:
    """The first seconds of a score as it is written; stems that sound have the same RMS."""
    track = render_score(score, _synthesiser(soundfont), SAMPLE_RATE)
    stems = {part: stem[:, : round(seconds * SAMPLE_RATE)] for part, stem in track.stems.items()}
    stems = {part: RMS * stem / (np.std(stem) or 1.0) for part, stem in stems.items()}
    return Track(name or track.name, SAMPLE_RATE, stems)


def _synthesiser(soundfont: str | Path) -> FluidSynth:
    return FluidSynth(soundfont if isinstance(soundfont, Path) else find_soundfont(soundfont))


def chorale(work: str, instruments: tuple[str, ...], seconds: float) -> Track:
    """A chorale of music21's corpus, such as `bwv269`, for these instruments from high to low."""
    return rendered(corpus_score(work, instruments), seconds, work)


def haydn(instruments: tuple[str, ...], seconds: float) -> Track:
    """An excerpt of a quartet by Haydn that no model was trained on, for instruments from high to
    low."""
    excerpt = excerpts(names("quartet", "test")[0], 12.0)[1]
    return rendered(arrangement(excerpt, instruments), seconds, "Haydn")
