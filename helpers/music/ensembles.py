"""Ensembles: those of the chamber music repertoire, and random ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .arrangements import Excerpt, arrangement, in_range, line_count
from .instruments import instrument
from .piano_texture import with_piano_texture
from .scores import Part, Score

#: Duos to septets for which chamber music is written.
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
    ("trumpet", "piano"),
    ("trombone", "piano"),
    ("english-horn", "piano"),
    ("double-bass", "piano"),
    ("violin", "harpsichord"),
    ("flute", "harpsichord"),
    ("flute", "guitar"),
    ("violin", "guitar"),
    ("cello", "double-bass"),
    ("violin", "cello", "harpsichord"),
    ("horn", "trumpet", "trombone"),
    ("flute", "viola", "guitar"),
    ("oboe", "english-horn", "bassoon"),
    ("clarinet", "bass-clarinet", "bassoon"),
    ("soprano-saxophone", "alto-saxophone", "saxophone", "baritone-saxophone"),
    ("trumpet", "horn", "trombone", "tuba"),
    # two of one instrument
    ("violin", "violin"),
    ("viola", "viola"),
    ("cello", "cello"),
    ("flute", "flute"),
    ("clarinet", "clarinet"),
    ("bassoon", "bassoon"),
    ("horn", "horn"),
    ("trumpet", "trumpet"),
    ("guitar", "guitar"),
    ("violin", "violin", "viola"),
    ("violin", "violin", "cello"),
    ("violin", "violin", "piano"),
    ("violin", "violin", "harpsichord"),
    ("flute", "flute", "piano"),
    ("oboe", "oboe", "english-horn"),
    ("violin", "violin", "viola", "cello"),
    ("violin", "viola", "viola", "cello"),
    ("trumpet", "trumpet", "trombone", "trombone"),
    # quintets to septets
    ("violin", "violin", "viola", "cello", "piano"),
    ("violin", "viola", "cello", "double-bass", "piano"),
    ("violin", "violin", "viola", "viola", "cello"),
    ("violin", "violin", "viola", "cello", "cello"),
    ("violin", "violin", "viola", "cello", "double-bass"),
    ("clarinet", "violin", "violin", "viola", "cello"),
    ("flute", "violin", "violin", "viola", "cello"),
    ("oboe", "violin", "violin", "viola", "cello"),
    ("horn", "violin", "viola", "viola", "cello"),
    ("flute", "oboe", "clarinet", "horn", "bassoon"),
    ("oboe", "clarinet", "horn", "bassoon", "piano"),
    ("flute", "oboe", "clarinet", "bassoon", "piano"),
    ("trumpet", "trumpet", "horn", "trombone", "tuba"),
    ("violin", "viola", "cello", "clarinet", "horn", "piano"),
    ("flute", "oboe", "clarinet", "horn", "bassoon", "piano"),
    ("violin", "violin", "viola", "viola", "cello", "cello"),
    ("violin", "viola", "cello", "double-bass", "clarinet", "bassoon", "horn"),
    ("flute", "clarinet", "violin", "violin", "viola", "cello", "piano"),
)
SIZES = (2, 3, 3, 4, 4)  # of an ensemble that is not from the repertoire; repeats are weights
LARGE = 4  # players: larger ensembles share the four lines of a work
PHRASE = (3.0, 7.0)  # seconds for which a player has a shared line


def draw_ensemble(
    rng: np.random.Generator,
    instruments: Sequence[str],
    doubles: float = 0.0,
    most_players: int = LARGE,
    twice: Sequence[str] = (),
) -> tuple[str, ...]:
    """Two to `most_players` instruments, at most one of them a keyboard.

    With probability 0.5 an ensemble of REPERTOIRE that they can form, otherwise any. With
    probability `doubles` it has two of one instrument, otherwise they are all different.
    twice: the instruments of which there may be two; by default all but keyboards.
    ValueError if the instruments cannot form a duo.
    """
    keyboards = [name for name in instruments if instrument(name).family == "keyboard"]
    others = [name for name in instruments if name not in keyboards]
    if len(others) + bool(keyboards) < SIZES[0]:
        raise ValueError(
            f"{', '.join(instruments)}: these form no ensemble; give two instruments, at most one "
            "of them a keyboard."
        )
    doubled = bool(doubles) and rng.random() < doubles
    pairs = [name for name in others if not twice or name in twice]
    known = [
        ensemble
        for ensemble in REPERTOIRE
        if set(ensemble) <= set(instruments)
        if len(ensemble) <= most_players and (len(set(ensemble)) < len(ensemble)) == doubled
        if all(ensemble.count(name) == 1 or name in pairs for name in ensemble)
    ]
    if known and rng.random() < 0.5:
        return known[rng.integers(len(known))]
    available = others + [keyboards[rng.integers(len(keyboards))]] if keyboards else others
    sizes = (*SIZES, *range(LARGE + 1, most_players + 1))
    sizes = [size for size in sizes if size <= most_players]
    size = min(sizes[rng.integers(len(sizes))], len(available) + doubled)
    if not doubled:
        return tuple(rng.choice(available, size, replace=False).tolist())
    pair = pairs[rng.integers(len(pairs))]
    rest = [name for name in available if name != pair]
    return (pair, pair, *rng.choice(rest, size - 2, replace=False).tolist())


def ensemble_score(
    rng: np.random.Generator,
    excerpt: Excerpt,
    instruments: Sequence[str],
    shuffled_registers: float = 0.0,
    piano_texture: float = 0.0,
    doubles: float = 0.0,
    most_players: int = LARGE,
    twice: Sequence[str] = (),
    doubled_lines: float = 0.0,
    piano_figures: float = 0.0,
) -> Score:
    """An excerpt arranged for an ensemble drawn from the instruments.

    shuffled_registers: probability that the lines ignore the registers of the instruments.
    piano_texture, piano_figures: see `with_piano_texture`. doubles, most_players, twice: see
    `draw_ensemble`. Of more players than a work has lines, each further one doubles a line in
    octaves or thirds, with probability `doubled_lines`, or shares one, in turns of 3 to 7 seconds.
    Two of one instrument are numbered.
    ValueError as in `draw_ensemble` and `arrangement`.
    """
    ensemble = draw_ensemble(rng, instruments, doubles, most_players, twice)
    shuffled = bool(rng.random() < shuffled_registers)
    if shuffled:
        ensemble = tuple(rng.permutation(ensemble).tolist())
    first, sharing = _first_players(ensemble, line_count(excerpt.work))
    score = arrangement(excerpt, first, by_register=not shuffled)
    parts = list(score.parts)
    for name in sharing:
        doubling = bool(doubled_lines) and rng.random() < doubled_lines
        parts = (_double_a_line if doubling else _share_a_line)(rng, parts, name)
    if piano_texture or piano_figures:
        parts = [with_piano_texture(rng, part, piano_texture, piano_figures) for part in parts]
    return replace(score, parts=_numbered(parts))


def _first_players(ensemble: Sequence[str], lines: int) -> tuple[list[str], list[str]]:
    """Those that have a line of their own, and the others.

    A keyboard has one, and players from the highest to the lowest.
    """
    if len(ensemble) <= lines:
        return list(ensemble), []
    keyboards = [name for name in ensemble if instrument(name).family == "keyboard"]
    others = [name for name in ensemble if name not in keyboards]
    others.sort(key=lambda name: -instrument(name).low)
    places = np.linspace(0, len(others) - 1, lines - len(keyboards)).round()
    first = [name for i, name in enumerate(others) if i in places]
    return first + keyboards, [name for i, name in enumerate(others) if i not in places]


def _share_a_line(rng: np.random.Generator, parts: Sequence[Part], name: str) -> list[Part]:
    """The parts and one more, which takes turns with the one whose line suits it best.

    Lines with many notes are preferred; that of a keyboard is not shared. The new player has the
    second turn.
    """
    row, shared = instrument(name), _line_for(parts, name)
    notes = parts[shared].notes
    changes = np.cumsum(rng.uniform(*PHRASE, 1 + int(parts[shared].seconds / PHRASE[0])))
    turns = np.searchsorted(changes, [note.onset for note in notes], side="right") % 2
    first = tuple(note for note, turn in zip(notes, turns, strict=True) if not turn)
    second = tuple(
        replace(note, pitch=in_range(note.pitch, row))
        for note, turn in zip(notes, turns, strict=True)
        if turn
    )
    parts = [*parts, Part(row.name, second)]
    parts[shared] = replace(parts[shared], notes=first)
    return parts


def _double_a_line(rng: np.random.Generator, parts: Sequence[Part], name: str) -> list[Part]:
    """The parts and one more, an octave or a third from the one whose line suits it best.

    The third is the minor or the major one, whichever note occurs more often in the parts.
    """
    row, notes = instrument(name), parts[_line_for(parts, name)].notes
    sign, third = rng.choice((-1, 1)), rng.random() < 0.5
    often = Counter(note.pitch % 12 for part in parts for note in part.notes)

    def doubled(pitch: float) -> float:
        steps = max((3, 4), key=lambda step: often[(pitch + sign * step) % 12]) if third else 12
        found = [pitch + sign * steps, pitch - sign * steps]
        return next((p for p in found if row.low <= p <= row.high), in_range(found[0], row))

    return [*parts, Part(row.name, tuple(replace(n, pitch=doubled(n.pitch)) for n in notes))]


def _line_for(parts: Sequence[Part], name: str) -> int:
    """The part with most notes in the range of an instrument, but no keyboard's."""
    row = instrument(name)

    def suits(i: int) -> int:
        return sum(row.low <= note.pitch <= row.high for note in parts[i].notes)

    candidates = [i for i, p in enumerate(parts) if instrument(p.instrument).family != "keyboard"]
    return max(candidates, key=suits)


def _numbered(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Parts with the number of the player where an instrument is there twice."""
    names = [part.instrument for part in parts]
    return tuple(
        replace(part, number=names[:i].count(part.instrument) + 1)
        if names.count(part.instrument) > 1
        else part
        for i, part in enumerate(parts)
    )
