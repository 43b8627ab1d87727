"""Takes for a stem bank: every voice of a score played in many ways; recorded solos and pieces."""

from __future__ import annotations

import platform
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.track import Track
from ..augmentation.effects import Brightness
from ..music.ensembles import ensemble_score
from ..music.instruments import INSTRUMENTS
from ..music.instruments import instrument as find_instrument
from ..music.performances import Performance
from ..music.random_pieces import piece_score
from ..music.scores import Part, Score, corpus_score, transpose
from ..synthesis.fluidsynth import FluidSynth, fluidsynth_version
from ..synthesis.note_samples import load_note_samples, sampled_instruments
from ..synthesis.renderer import Renderer
from ..synthesis.sampler import WHOLE_TONE, Sampler
from ..synthesis.soundfonts import find_soundfont
from ..synthesis.tones import Tones, Voice
from .fingerprints import load_training_stem
from .stem_bank import RenderedStem, file_sha256
from .stem_folders import solos

LIBRARIES = ("pyfluidsynth", "music21", "numpy", "soxr")  # that have a say in the samples
PIANO, FORTE = 26, 102  # velocities at which recorded notes of these dynamics are played
STRANGERS = ("strings", "woodwind", "brass", "keyboard", "voice")


@dataclass(frozen=True)
class RenderingConfig:
    """How often each voice of a score is played, and by what.

    `instruments` are given to the voices from the highest to the lowest. Per voice there is a take
    from each of the `soundfonts`, `notes` from recorded notes, `tones` with synthetic timbres, and
    `foreign` ones in which another instrument of that range plays the voice, from any of the
    soundfonts, so that a network learns to follow the voices of a score as well as the colour of a
    sound. `soundfonts` are names of files without their suffix. `longest` in seconds. `exchanged`:
    how often the players of a drawn ensemble do not sit in the order of their registers.
    `pianism`: how often its keyboard adds octaves to its lines, and how often pedal.

    `timing` to `intonation` are the most that `performances.Performance` may draw. A voice that is
    not played from recorded notes is `darkening` dB per octave above 500 Hz darker where it is
    piano than where it is forte; recorded notes are so by themselves.
    KeyError for an unknown instrument, ValueError where there is none to play.
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
    asynchrony: tuple[float, float] = (0.0, 0.0)
    swell: float = 0.0
    softness: float = 0.0
    intonation: float = 0.0
    darkening: float = 0.0

    def __post_init__(self) -> None:
        names = tuple(find_instrument(name).name for name in self.instruments)
        if not names:
            raise ValueError("no instruments are given; name one for each voice.")
        if self.timbre_substitution and not self.soundfonts:
            raise ValueError(
                "timbre substitution needs a soundfont; name one, or set timbre_substitution to 0."
            )
        object.__setattr__(self, "instruments", names)

    def perform(self, rng: np.random.Generator, n_parts: int) -> Performance:
        """A performance in the manner of this config."""
        return Performance.draw(
            rng, n_parts,
            timing=self.timing, accent=self.accent, asynchrony=self.asynchrony,
            swell=self.swell, softness=self.softness, intonation=self.intonation,
        )  # fmt: skip


def render_variants(
    score: Score,
    config: RenderingConfig,
    notes_root: Path | None,
    rng: np.random.Generator | None = None,
) -> Iterator[RenderedStem]:
    """All takes of a score, in one tempo; by default a function of its title and the seed.

    notes_root: the folder of recorded notes, None to do without. A voice that none of them, or no
    foreign instrument, can play has no such take.
    ValueError where a soundfont is missing.
    """
    rng = rng or _generator(config, score.title)
    tempo = config.perform(rng, len(score.parts)).tempo
    for kind, soundfont in _ways(config, notes_root):
        performance = replace(config.perform(rng, len(score.parts)), tempo=tempo)
        for voice, part in enumerate(performance.apply(score).parts):
            home = part.instrument
            part = _shorten(part, config.max_seconds)
            if kind == "timbre_substitution":
                strangers = _strangers(part)
                if not strangers:
                    continue
                part = replace(part, instrument=strangers[rng.integers(len(strangers))])
                soundfont = config.soundfonts[rng.integers(len(config.soundfonts))]
            renderer = _renderer(kind, soundfont, rng, notes_root)
            if kind != "notes" or _within_notes(part, notes_root):
                stem = renderer.render(part, config.sample_rate)
                if kind != "notes" and config.darkening:
                    stem = _brightness(part, config.darkening).apply(stem, config.sample_rate)
                yield RenderedStem(home, kind, voice, stem, score)


def chorale_variants(
    name: str, config: RenderingConfig, notes_root: Path | None
) -> Iterator[RenderedStem]:
    """All takes of one chorale, moved by a third at most; a function of the name and the seed.

    ValueError where the config has not four instruments.
    """
    rng = _generator(config, name)
    score = transpose(corpus_score(name, config.instruments), int(rng.integers(-4, 4)))
    yield from render_variants(score, config, notes_root, rng)


def piece_variants(
    name: str, config: RenderingConfig, notes_root: Path | None
) -> Iterator[RenderedStem]:
    """All takes of `random-00012`, or of an excerpt of a work, moved by a third at most.

    name: as `pieces.piece_score` takes it, with its errors.
    """
    rng = _generator(config, name)
    score = piece_score(name, config.instruments, config.seed)
    steps = 0 if name.startswith("random-") else int(rng.integers(-4, 4))
    yield from render_variants(transpose(score, steps), config, notes_root, rng)


def ensemble_variants(
    name: str, config: RenderingConfig, notes_root: Path | None
) -> Iterator[RenderedStem]:
    """All takes of an excerpt of a work, for an ensemble drawn from the instruments."""
    rng = _generator(config, name)
    score = ensemble_score(
        rng, name, config.instruments, config.seed, config.shuffled_registers, config.piano_texture
    )
    yield from render_variants(transpose(score, int(rng.integers(-4, 4))), config, notes_root, rng)


def manifest(config: RenderingConfig, notes_root: Path | None) -> dict[str, Any]:
    """All that the samples of takes depend on: config, sha256 of what plays, versions.

    ValueError where a soundfont or the index of the recorded notes is missing.
    """
    if notes_root:
        sampled_instruments(notes_root)
    return {
        "rendering": asdict(config),
        "notes": file_sha256(notes_root / "index.csv") if notes_root else None,
        "soundfonts": {name: file_sha256(find_soundfont(name)) for name in config.soundfonts},
        "versions": {
            "python": platform.python_version(),
            **({"fluidsynth": fluidsynth_version()} if config.soundfonts else {}),
            **{library: metadata.version(library) for library in LIBRARIES},
        },
    }


def solo_stems(instrument: str, root: Path, sample_rate: int) -> Iterator[RenderedStem]:
    """Recorded solo passages of one instrument under `root`; see `corpora.solos`."""
    for path in solos(root).get(instrument, []):
        yield RenderedStem(instrument, "solo", None, load_training_stem(path, sample_rate))


def real_stems(
    name: str, tracks: Mapping[str, Track], instruments: Sequence[str]
) -> Iterator[RenderedStem]:
    """The stems of a real recording, (1, samples) each; the voice is the instrument's place."""
    for voice, instrument in enumerate(instruments):
        if instrument not in tracks[name].stems:
            continue
        yield RenderedStem(instrument, "real", voice, tracks[name].stems[instrument])


def _generator(config: RenderingConfig, name: str) -> np.random.Generator:
    return np.random.default_rng([config.seed, zlib.crc32(name.encode())])


def _ways(config: RenderingConfig, notes_root: Path | None) -> Iterator[tuple[str, str]]:
    """The kind of each take of a voice, and its soundfont where that is settled."""
    yield from (("soundfont", name) for name in config.soundfonts)
    yield from [("notes", "")] * (config.note_samples if notes_root else 0)
    yield from [("tones", "")] * config.tones
    yield from [("timbre_substitution", "")] * config.timbre_substitution


def _renderer(
    kind: str, soundfont: str, rng: np.random.Generator, notes_root: Path | None
) -> Renderer:
    if kind == "notes":
        return Sampler(notes_root, int(rng.integers(2**31)))
    if kind == "tones":
        return Tones(Voice.draw(rng))
    return FluidSynth(find_soundfont(soundfont))


def _brightness(part: Part, darkening: float) -> Brightness:
    """As dark as the velocity of each note says: nothing at FORTE, `darkening` at PIANO."""
    slopes = [darkening * min(0.0, (n.velocity - FORTE) / (FORTE - PIANO)) for n in part.notes]
    return Brightness(tuple(note.onset for note in part.notes), tuple(slopes))


def _shorten(part: Part, max_seconds: float) -> Part:
    return replace(part, notes=tuple(note for note in part.notes if note.onset < max_seconds))


def _strangers(part: Part) -> list[str]:
    """Instruments, other than the part's, that can play all of its notes; keyboards for chords."""
    keyboard = find_instrument(part.instrument).family == "keyboard"
    families = ("keyboard",) if keyboard else STRANGERS
    return [
        other.name
        for other in INSTRUMENTS
        if other.family in families and other.name != part.instrument
        if all(other.low <= note.pitch <= other.high for note in part.notes)
    ]


def _within_notes(part: Part, notes_root: Path) -> bool:
    """Whether the instrument was recorded within a whole tone of every note."""
    if part.instrument not in sampled_instruments(notes_root):
        return False
    pitches = [variant.pitch for variant in load_note_samples(notes_root, part.instrument)]
    return all(
        min(abs(pitch - note.pitch) for pitch in pitches) < WHOLE_TONE for note in part.notes
    )
