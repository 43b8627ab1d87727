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
from ..synthesis.note_index import NotesRoot, note_players
from ..synthesis.renderer import Renderer
from ..synthesis.sampler import Sampler, player_of
from ..synthesis.soundfonts import find_soundfont
from ..synthesis.tones import Timbre, Tones
from .stem_bank import RenderedStem

SUBSTITUTE_FAMILIES = ("strings", "woodwind", "brass", "keyboard", "voice")
TRANSPOSITIONS = (-4, 4)  # semitones, the upper limit excluded


@dataclass(frozen=True)
class RenderingConfig:
    """How each voice of a score is rendered.

    instruments: of the voices, from high to low. A voice has one variant from each of the
    `soundfonts` (file names without suffix), `note_samples` from recorded notes, of as many players
    as there are, `tones` with random synthetic timbres, and `timbre_substitution` with another
    instrument of that range, which teaches a network to follow the voices of a score as well as
    timbres. max_seconds: longer stems are cut. shuffled_registers: probability that the lines of an
    excerpt ignore the registers of the instruments. piano_texture, piano_figures, doubles,
    most_players, twice, doubled_lines: see `ensemble_score`. timing, accent, lag, tuning: see
    `Performance.draw`. vibrato_depth, onset_noise, release: of recorded notes, upper limits of
    `Expression.draw`.
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
    piano_figures: float = 0.0
    seed: int = 0
    timing: float = 0.025
    accent: float = 10.0
    lag: float = 0.0
    tuning: float = 6.0
    vibrato_depth: float = 0.0
    onset_noise: float = 0.0
    release: float = 0.0
    doubles: float = 0.0
    most_players: int = 4
    twice: tuple[str, ...] = ()
    doubled_lines: float = 0.0

    def __post_init__(self) -> None:
        names = tuple(find_instrument(name).name for name in self.instruments)
        if not names:
            raise ValueError("instruments is empty; list one for each voice.")
        if self.timbre_substitution and not self.soundfonts:
            raise ValueError(
                "timbre substitution needs a soundfont; name one, or set timbre_substitution to 0."
            )
        object.__setattr__(self, "instruments", names)
        twice = tuple(find_instrument(name).name for name in self.twice)
        if other := [name for name in twice if name not in names]:
            raise ValueError(f"'{other[0]}' of twice is none of the instruments; add it to them.")
        object.__setattr__(self, "twice", twice)

    def performance(self, rng: np.random.Generator, n_parts: int) -> Performance:
        """Drawn once for each kind of variant; the tempo of the first is kept for all."""
        return Performance.draw(
            rng, n_parts, self.timing, self.accent, lag=self.lag, tuning=self.tuning
        )

    def renderer(
        self, kind: str, soundfont: str, rng: np.random.Generator, player: Path | None
    ) -> Renderer:
        """The renderer of one stem. player: of recorded notes."""
        if kind == "notes":
            seed = int(rng.integers(2**31))
            return Sampler(player, seed, self.vibrato_depth, self.onset_noise, self.release)
        if kind == "tones":
            return Tones(Timbre.draw(rng))
        return FluidSynth(find_soundfont(soundfont))

    def generator(self, title: str) -> np.random.Generator:
        """For all random draws of the piece `title`."""
        return np.random.default_rng([self.seed, zlib.crc32(title.encode())])


def render_chorale(
    work: str, config: RenderingConfig, notes_root: NotesRoot
) -> Iterator[RenderedStem]:
    """All variants of a whole chorale, transposed by up to a third.

    ValueError if the config has not four instruments.
    """
    rng = config.generator(work)
    steps = int(rng.integers(*TRANSPOSITIONS))
    score = transpose(corpus_score(work, config.instruments), steps)
    yield from render_variants(score, config, notes_root, rng)


def render_random_piece(
    piece: RandomPiece, config: RenderingConfig, notes_root: NotesRoot
) -> Iterator[RenderedStem]:
    """All variants of a random piece.

    Chapter: 02.
    """
    score = piece.score(config.instruments, config.seed)
    yield from render_variants(score, config, notes_root, config.generator(score.title))


def render_excerpt(
    excerpt: Excerpt, config: RenderingConfig, notes_root: NotesRoot
) -> Iterator[RenderedStem]:
    """All variants of an excerpt for its ensemble, or for the instruments of the config,
    transposed by up to a third."""
    rng = config.generator(excerpt.title)
    ensemble = excerpt.ensemble or config.instruments
    shuffled = config.shuffled_registers > 0 and rng.random() < config.shuffled_registers
    if shuffled:
        ensemble = tuple(rng.permutation(ensemble).tolist())
    score = arrangement(excerpt, ensemble, by_register=not shuffled)
    score = transpose(score, int(rng.integers(*TRANSPOSITIONS)))
    yield from render_variants(score, config, notes_root, rng)


def render_ensemble(
    excerpt: Excerpt, config: RenderingConfig, notes_root: NotesRoot
) -> Iterator[RenderedStem]:
    """All variants of an excerpt for an ensemble drawn from the instruments of the config,
    transposed by up to a third."""
    rng = config.generator(excerpt.title)
    score = ensemble_score(
        rng, excerpt, config.instruments, config.shuffled_registers, config.piano_texture,
        config.doubles, config.most_players, config.twice, config.doubled_lines,
        config.piano_figures,
    )  # fmt: skip
    score = transpose(score, int(rng.integers(*TRANSPOSITIONS)))
    yield from render_variants(score, config, notes_root, rng)


def render_variants(
    score: Score, config: RenderingConfig, notes_root: NotesRoot, rng: np.random.Generator
) -> Iterator[RenderedStem]:
    """All variants of a score in one tempo.

    notes_root: folders of recorded notes, or sets in them; None to use none. A kind of variant that
    cannot play all notes of a voice is left out.
    ValueError if a soundfont is missing.
    """
    kinds = [("soundfont", name) for name in config.soundfonts]
    kinds += [("notes", str(i)) for i in range(config.note_samples if notes_root else 0)]
    kinds += [("tones", "")] * config.tones
    kinds += [("timbre_substitution", "")] * config.timbre_substitution
    players = note_players(notes_root)
    tempo = config.performance(rng, len(score.parts)).tempo
    for kind, source in kinds:
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
                source = config.soundfonts[rng.integers(len(config.soundfonts))]
            player = None
            if kind == "notes":
                own = config.generator(f"{score.title} {voice}")
                player = player_of(players, part, int(source), own)
            renderer = config.renderer(kind, source, rng, player)
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
