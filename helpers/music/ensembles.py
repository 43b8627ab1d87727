"""Who plays together: the ensembles that chamber music is written for, and any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .instruments import instrument
from .random_pieces import piece_score
from .scores import Note, Part, Score

#: From the repertoire: sonatas, duos, trios, quartets, arranged as in catalogues of chamber music.
REPERTOIRE = (
    ("violin", "piano"),
    ("viola", "piano"),
    ("cello", "piano"),
    ("flute", "piano"),
    ("oboe", "piano"),
    ("clarinet", "piano"),
    ("saxophone", "piano"),
    ("bassoon", "piano"),
    ("horn", "piano"),
    ("violin", "viola"),
    ("violin", "cello"),
    ("viola", "cello"),
    ("flute", "violin"),
    ("flute", "clarinet"),
    ("clarinet", "bassoon"),
    ("violin", "cello", "piano"),
    ("clarinet", "cello", "piano"),
    ("clarinet", "viola", "piano"),
    ("violin", "horn", "piano"),
    ("flute", "cello", "piano"),
    ("oboe", "bassoon", "piano"),
    ("violin", "viola", "cello"),
    ("flute", "violin", "viola"),
    ("oboe", "clarinet", "bassoon"),
    ("violin", "viola", "cello", "piano"),
    ("flute", "violin", "viola", "cello"),
    ("oboe", "violin", "viola", "cello"),
    ("clarinet", "violin", "viola", "cello"),
    ("flute", "oboe", "clarinet", "bassoon"),
    ("flute", "clarinet", "horn", "bassoon"),
    ("violin", "clarinet", "saxophone", "bassoon"),
)
HANDS_MEET = 60  # MIDI pitch: octaves are added above notes that are higher, below all others
PEDAL = (0.6, 2.0)  # seconds, on the page, between two changes
SIZES = (2, 3, 3, 4, 4)  # of an ensemble that shares four lines, as often as they stand here


def draw_ensemble(rng: np.random.Generator, instruments: Sequence[str]) -> tuple[str, ...]:
    """Two to four of the instruments, one keyboard at the most, none twice.

    Every other time an ensemble of the repertoire that they can form, otherwise any.
    ValueError where the instruments cannot form an ensemble of two.
    """
    keyboards = [name for name in instruments if instrument(name).family == "keyboard"]
    players = [name for name in instruments if name not in keyboards]
    if len(players) + bool(keyboards) < SIZES[0]:
        raise ValueError(f"{', '.join(instruments)} are no ensemble; name two that can play lines.")
    known = [each for each in REPERTOIRE if set(each) <= set(instruments)]
    if known and rng.random() < 0.5:
        return known[rng.integers(len(known))]
    alone = players + [keyboards[rng.integers(len(keyboards))]] if keyboards else players
    size = min(SIZES[rng.integers(len(SIZES))], len(alone))
    return tuple(rng.choice(alone, size, replace=False).tolist())


def ensemble_score(
    rng: np.random.Generator,
    name: str,
    instruments: Sequence[str],
    seed: int = 0,
    shuffled_registers: float = 0.0,
    piano_texture: float = 0.0,
) -> Score:
    """A piece for a drawn ensemble of the instruments.

    name, seed: as `pieces.piece_score` takes them. exchanged: how often the lines go to the players
    in any order, not by register. pianism: how often keyboards add octaves, and how often pedal, to
    the lines that remain for them. ValueError as in `draw_ensemble`.
    """
    ensemble = draw_ensemble(rng, instruments)
    shuffled = bool(rng.random() < shuffled_registers)
    if shuffled:
        ensemble = tuple(rng.permutation(ensemble).tolist())
    score = piece_score(name, ensemble, seed, ranked=not shuffled)
    if not piano_texture:
        return score
    return replace(
        score, parts=tuple(_as_pianists(rng, part, piano_texture) for part in score.parts)
    )


def _as_pianists(rng: np.random.Generator, part: Part, share: float) -> Part:
    """The lines of a quartet as a keyboard would play them: in octaves, with a pedal, or neither.

    Other instruments play what is written.
    """
    row = instrument(part.instrument)
    if row.family != "keyboard":
        return part
    octaves, pedal = rng.random(2) < share
    notes = list(part.notes)
    if octaves:
        doubled = (
            replace(note, pitch=note.pitch + (12 if note.pitch > HANDS_MEET else -12))
            for note in notes
        )
        played = {(note.onset, note.pitch) for note in notes}
        notes += [
            note
            for note in doubled
            if row.low <= note.pitch <= row.high and (note.onset, note.pitch) not in played
        ]
    if pedal:
        notes = _pedalled(notes, float(rng.uniform(*PEDAL)))
    return replace(part, notes=tuple(sorted(notes, key=lambda note: (note.onset, note.pitch))))


def _pedalled(notes: Sequence[Note], every: float) -> list[Note]:
    """Each note held to the next change of the pedal, or until its key is struck again."""
    again: dict[float, float] = {}
    held = []
    for note in sorted(notes, key=lambda note: -note.onset):
        change = every * (np.floor(note.onset / every + 1e-6) + 1.0)
        until = min(max(note.onset + note.duration, change), again.get(note.pitch, np.inf))
        held.append(replace(note, duration=float(until - note.onset)))
        again[note.pitch] = note.onset
    return held
