"""Ensembles: those of the chamber music repertoire, and random ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .arrangements import Excerpt, arrangement
from .instruments import instrument
from .scores import Note, Part, Score

#: Sonatas, duos, trios and quartets for which chamber music is written.
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
MIDDLE_C = 60  # octaves are doubled above higher notes and below all others
PEDAL = (0.6, 2.0)  # seconds in the score between two pedal changes
SIZES = (2, 3, 3, 4, 4)  # of an ensemble that is not from the repertoire; repeats are weights


def draw_ensemble(rng: np.random.Generator, instruments: Sequence[str]) -> tuple[str, ...]:
    """Two to four different instruments, at most one of them a keyboard.

    With probability 0.5 an ensemble of REPERTOIRE that they can form, otherwise any.
    ValueError if the instruments cannot form a duo.
    """
    keyboards = [name for name in instruments if instrument(name).family == "keyboard"]
    others = [name for name in instruments if name not in keyboards]
    if len(others) + bool(keyboards) < SIZES[0]:
        raise ValueError(
            f"{', '.join(instruments)}: these form no ensemble; give two instruments, at most one "
            "of them a keyboard."
        )
    known = [ensemble for ensemble in REPERTOIRE if set(ensemble) <= set(instruments)]
    if known and rng.random() < 0.5:
        return known[rng.integers(len(known))]
    available = others + [keyboards[rng.integers(len(keyboards))]] if keyboards else others
    size = min(SIZES[rng.integers(len(SIZES))], len(available))
    return tuple(rng.choice(available, size, replace=False).tolist())


def ensemble_score(
    rng: np.random.Generator,
    excerpt: Excerpt,
    instruments: Sequence[str],
    shuffled_registers: float = 0.0,
    piano_texture: float = 0.0,
) -> Score:
    """An excerpt arranged for an ensemble drawn from the instruments.

    shuffled_registers: probability that the lines ignore the registers of the instruments.
    piano_texture: probabilities that a keyboard doubles its lines in octaves, and that it uses the
    pedal. ValueError as in `draw_ensemble` and `arrangement`.
    """
    ensemble = draw_ensemble(rng, instruments)
    shuffled = bool(rng.random() < shuffled_registers)
    if shuffled:
        ensemble = tuple(rng.permutation(ensemble).tolist())
    score = arrangement(excerpt, ensemble, by_register=not shuffled)
    if not piano_texture:
        return score
    parts = tuple(_with_piano_texture(rng, part, piano_texture) for part in score.parts)
    return replace(score, parts=parts)


def _with_piano_texture(rng: np.random.Generator, part: Part, share: float) -> Part:
    """A keyboard part with octave doublings, pedal, both or neither; other parts unchanged."""
    row = instrument(part.instrument)
    if row.family != "keyboard":
        return part
    octaves, pedal = rng.random(2) < share
    notes = list(part.notes)
    if octaves:
        doubled = (
            replace(note, pitch=note.pitch + (12 if note.pitch > MIDDLE_C else -12))
            for note in notes
        )
        written = {(note.onset, note.pitch) for note in notes}
        notes += [
            note
            for note in doubled
            if row.low <= note.pitch <= row.high and (note.onset, note.pitch) not in written
        ]
    if pedal:
        notes = _with_pedal(notes, float(rng.uniform(*PEDAL)))
    return replace(part, notes=tuple(sorted(notes, key=lambda note: (note.onset, note.pitch))))


def _with_pedal(notes: Sequence[Note], interval: float) -> list[Note]:
    """Each note lasts until the next pedal change or until its key is struck again."""
    next_onset: dict[float, float] = {}
    sustained = []
    for note in sorted(notes, key=lambda note: -note.onset):
        change = interval * (np.floor(note.onset / interval + 1e-6) + 1.0)
        end = min(max(note.onset + note.duration, change), next_onset.get(note.pitch, np.inf))
        sustained.append(replace(note, duration=float(end - note.onset)))
        next_onset[note.pitch] = note.onset
    return sustained
