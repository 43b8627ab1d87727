"""When each player of an ensemble begins each note: a score alignment, refined on every stem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..audio.resampling import resample
from ..music.alignment import Alignment
from ..music.instruments import numbered_names
from ..music.onset_refinement import HIGHEST, NEAR, PARTIALS, Freedom, Group, refined
from ..music.pitch_features import RATE, spectra
from ..music.scores import Part

#: Around the common onset of all players. Wider than in the mixture: a stem has one player.
ALONE = Freedom(reach=0.12, stay=1.0, stiffness=0.02)
HOP, SIZE = 55, 4096  # samples: a frame every 2.5 ms, and of the transform
BEFORE, AFTER = 0.06, 0.06  # seconds around an onset in which its rise is followed
PERIODS, SHORTEST, LONGEST = 5.0, 0.025, 0.07  # of a window: periods of the note, and seconds
CLEAR = 1.3  # a rise by less than this factor says nothing


@dataclass(frozen=True, eq=False)
class PlayedPart:
    """What one player plays, with one entry for each time at which the part has an onset.

    written: (n,), increasing seconds in the score. onsets, ends: (n,) seconds in the recording; an
    onset is where the amplitude of the note has risen half of its way, for a harp as for a horn, so
    that a slow attack is heard late.
    pitches: of each entry, MIDI as they sound in equal temperament at the tuning of the recording.
    """

    name: str
    instrument: str
    written: np.ndarray
    onsets: np.ndarray
    ends: np.ndarray
    pitches: tuple[tuple[float, ...], ...]


def played_parts(
    stems: Mapping[str, np.ndarray], sample_rate: int, found: Alignment
) -> list[PlayedPart]:
    """The parts as they are played in stems (channels, samples), in the order of the score.

    stems: by the names of the parts (`violin-1`); true ones or estimates. found: the score aligned
    to their mixture. Parts without a note in the recording are left out. ValueError for a part
    without a stem.
    """
    parts = found.written.parts
    names = numbered_names([(part.instrument, part.number) for part in parts])
    if missing := [name for name in names if name not in stems]:
        raise ValueError(
            f"{found.written.title}: there is no stem for {missing[0]}; the stems are "
            f"{', '.join(sorted(stems))}."
        )
    tables = [_inside(part, found) for part in parts]
    played = []
    for number, (name, part) in enumerate(zip(names, parts, strict=True)):
        if not tables[number]:
            continue
        sound = resample(np.mean(stems[name], axis=0, dtype=np.float32), sample_rate, RATE)
        others = [table for other, table in enumerate(tables) if other != number]
        played.append(_played(sound, name, part, tables[number], others, found.tuning))
    return played


Table = dict[float, list[tuple[float, float, float]]]


def _inside(part: Part, found: Alignment) -> Table:
    """By the written onset of the notes in the recording: common onset, common end, pitch."""
    table: Table = {}
    start, stop = found.times[1, [0, -1]]
    for note in sorted(part.notes, key=lambda note: note.onset):
        times = [note.onset, note.onset + note.duration]
        if found.times[0, 0] - 1e-3 <= times[0] < found.times[0, -1]:
            onset, end = np.interp(times, *found.times)
            if start <= onset < stop:
                row = float(onset), float(end), note.pitch
                table.setdefault(round(note.onset, 3), []).append(row)
    return table


def _played(
    sound: np.ndarray, name: str, part: Part, table: Table, others: Sequence[Table], tuning: float
) -> PlayedPart:
    groups = [
        Group(
            rows[0][0],
            tuple(pitch for _, _, pitch in rows),
            tuple(pitch for other in others for _, _, pitch in other.get(written, ())),
        )
        for written, rows in table.items()
    ]
    found = refined(sound, groups, tuning, ALONE)
    pitches = tuple(tuple(p + tuning / 100 for p in group.pitches) for group in groups)
    onsets = np.array([_half_risen(sound, *each) for each in zip(found, pitches, strict=True)])
    onsets = np.maximum.accumulate(onsets)
    ends = np.array([max(end for _, end, _ in rows) for rows in table.values()])
    ends = np.maximum(ends, onsets + 0.03)
    return PlayedPart(name, part.instrument, np.array(list(table)), onsets, ends, pitches)


def _half_risen(sound: np.ndarray, onset: float, pitches: Sequence[float]) -> float:
    """The second near an onset at which the partials of its notes have risen half of their way.

    A shorter window than that of `refined` sees the rise of a single line to a few milliseconds.
    """
    fundamentals = 440.0 * 2.0 ** ((np.asarray(pitches) - 69.0) / 12.0)
    seconds = np.clip(PERIODS / fundamentals.min(), SHORTEST, LONGEST)
    window = np.hanning(round(seconds * RATE)).astype(np.float32)
    first, count = int((onset - BEFORE) * RATE), int((BEFORE + AFTER) * RATE / HOP) + 1
    block = spectra(sound, first, count, HOP, window, SIZE)
    hertz = np.outer(fundamentals, np.arange(1, PARTIALS + 1)).ravel()
    near = 2.0 ** (NEAR / 12.0)
    edges = [
        (int(f / near * SIZE / RATE), int(np.ceil(f * near * SIZE / RATE)) + 1)
        for f in hertz[hertz < HIGHEST]
    ]
    level = np.sqrt(sum(block[:, low:high].max(axis=1) ** 2 for low, high in edges))
    middle = round(BEFORE * RATE / HOP)
    top = middle + int(level[middle:].argmax())
    bottom = int(level[: top + 1].argmin())
    half = (level[bottom] + level[top]) / 2
    if level[top] < CLEAR * level[bottom] + 1e-9:
        return float(onset)
    place = bottom + int(np.argmax(level[bottom:] >= half))  # at least bottom + 1
    share = (half - level[place - 1]) / (level[place] - level[place - 1])
    return float((first + (place - 1 + share) * HOP) / RATE)
