"""Scores rendered in many ways for a stem bank."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..music.arrangements import Excerpt, arrangement
from ..music.ensembles import ensemble_score
from ..music.instruments import INSTRUMENTS
from ..music.instruments import instrument as find_instrument
from ..music.performances import Performance
from ..music.random_pieces import RandomPiece
from ..music.scores import Part, Score, corpus_score, transpose
from ..synthesis.fluidsynth import FluidSynth
from ..synthesis.renderer import Renderer
from ..synthesis.sampler import Sampler
from ..synthesis.soundfonts import find_soundfont
from ..synthesis.tones import Timbre, Tones
from .stem_bank import RenderedStem

SUBSTITUTE_FAMILIES = ("strings", "woodwind", "brass", "keyboard", "voice")
TRANSPOSITIONS = (-4, 4)  # semitones, the upper limit excluded


@dataclass(frozen=True)
class RenderingConfig:
    """How each voice of a score is rendered.

    instruments: of the voices, from high to low. A voice has one variant from each of the
    `soundfonts` (file names without suffix), `note_samples` from recorded notes, `tones` with
    random synthetic timbres, and `timbre_substitution` with another instrument of that range,
    which teaches a network to follow the voices of a score as well as timbres. max_seconds: longer
    stems are cut. shuffled_registers, piano_texture: see `ensemble_score`. timing, accent: see
    `Performance.draw`.
    KeyError for an unknown instrument, ValueError for none.

    A subclass may override `performance` and `renderer`.

    Chapter: 02.
    """

    instruments: tuple[str, ...]
    sample_rate: int = 22050
    soundfonts: tuple[str, ...] = ("FluidR3_GM", "MuseScore_General_Lite", "TimGM6mb")
    note_samples: int = 1
    tones: int = 1
    timbre_substitution: int = 1
    max_seconds: float = 30.0
    shuffled_registers: float = 0.0
    piano_texture: float = 0.0
    seed: int = 0
    timing: float = 0.025
    accent: float = 10.0

    def __post_init__(self) -> None:
        names = tuple(find_instrument(name).name for name in self.instruments)
        if not names:
            raise ValueError("instruments is empty; list one for each voice.")
        if self.timbre_substitution and not self.soundfonts:
            raise ValueError(
                "timbre substitution needs a soundfont; name one, or set timbre_substitution to 0."
            )
        object.__setattr__(self, "instruments", names)

    def performance(self, rng: np.random.Generator, n_parts: int) -> Performance:
        """Drawn once for each kind of variant; the tempo of the first is kept for all."""
        return Performance.draw(rng, n_parts, self.timing, self.accent)

    def renderer(
        self, kind: str, soundfont: str, rng: np.random.Generator, notes_root: Path | None
    ) -> Renderer:
        """The renderer of one stem."""
        if kind == "notes":
            return Sampler(notes_root, int(rng.integers(2**31)))
        if kind == "tones":
            return Tones(Timbre.draw(rng))
        return FluidSynth(find_soundfont(soundfont))

    def generator(self, title: str) -> np.random.Generator:
        """For all random draws of the piece `title`."""
        return np.random.default_rng([self.seed, zlib.crc32(title.encode())])


def render_chorale(
    work: str, config: RenderingConfig, notes_root: Path | None
) -> Iterator[RenderedStem]:
    """All variants of a whole chorale, transposed by up to a third.

    ValueError if the config has not four instruments.
    """
    rng = config.generator(work)
    steps = int(rng.integers(*TRANSPOSITIONS))
    score = transpose(corpus_score(work, config.instruments), steps)
    yield from render_variants(score, config, notes_root, rng)


def render_random_piece(
    piece: RandomPiece, config: RenderingConfig, notes_root: Path | None
) -> Iterator[RenderedStem]:
    """All variants of a random piece.

    Chapter: 02.
    """
    score = piece.score(config.instruments, config.seed)
    yield from render_variants(score, config, notes_root, config.generator(score.title))


def render_excerpt(
    excerpt: Excerpt, config: RenderingConfig, notes_root: Path | None
) -> Iterator[RenderedStem]:
    """All variants of an excerpt for its ensemble, or for the instruments of the config,
    transposed by up to a third."""
    rng = config.generator(excerpt.title)
    score = arrangement(excerpt, excerpt.ensemble or config.instruments)
    score = transpose(score, int(rng.integers(*TRANSPOSITIONS)))
    yield from render_variants(score, config, notes_root, rng)


def render_ensemble(
    excerpt: Excerpt, config: RenderingConfig, notes_root: Path | None
) -> Iterator[RenderedStem]:
    """All variants of an excerpt for an ensemble drawn from the instruments of the config,
    transposed by up to a third."""
    rng = config.generator(excerpt.title)
    score = ensemble_score(
        rng, excerpt, config.instruments, config.shuffled_registers, config.piano_texture
    )
    score = transpose(score, int(rng.integers(*TRANSPOSITIONS)))
    yield from render_variants(score, config, notes_root, rng)


def render_variants(
    score: Score, config: RenderingConfig, notes_root: Path | None, rng: np.random.Generator
) -> Iterator[RenderedStem]:
    """All variants of a score in one tempo.

    notes_root: the folder of recorded notes, None to use none. A kind of variant that cannot play
    all notes of a voice is left out.
    ValueError if a soundfont is missing.
    """
    kinds = [("soundfont", name) for name in config.soundfonts]
    kinds += [("notes", "")] * (config.note_samples if notes_root else 0)
    kinds += [("tones", "")] * config.tones
    kinds += [("timbre_substitution", "")] * config.timbre_substitution
    tempo = config.performance(rng, len(score.parts)).tempo
    for kind, soundfont in kinds:
        performance = replace(config.performance(rng, len(score.parts)), tempo=tempo)
        for voice, part in enumerate(performance.apply(score).parts):
            instrument = part.instrument
            notes = tuple(note for note in part.notes if note.onset < config.max_seconds)
            part = replace(part, notes=notes)
            if kind == "timbre_substitution":
                substitutes = _substitutes(part)
                if not substitutes:
                    continue
                substitute = substitutes[rng.integers(len(substitutes))]
                part = replace(part, instrument=substitute)
                soundfont = config.soundfonts[rng.integers(len(config.soundfonts))]
            renderer = config.renderer(kind, soundfont, rng, notes_root)
            if kind != "notes" or renderer.can_play(part):
                stem = renderer.render(part, config.sample_rate)
                yield RenderedStem(instrument, kind, voice, stem, notes)


def _substitutes(part: Part) -> list[str]:
    """Other instruments that can play all notes of a part; keyboards for keyboards."""
    keyboard = find_instrument(part.instrument).family == "keyboard"
    families = ("keyboard",) if keyboard else SUBSTITUTE_FAMILIES
    return [
        other.name
        for other in INSTRUMENTS
        if other.family in families and other.name != part.instrument
        if all(other.low <= note.pitch <= other.high for note in part.notes)
    ]
