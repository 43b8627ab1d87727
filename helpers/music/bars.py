"""Where the bars of a MIDI file begin, by its time signatures."""

from __future__ import annotations

import math
from itertools import pairwise

from .midi_file import NOTE_OFF, NOTE_ON, MidiFile

COMMON = (4, 4)  # the time signature before the first one
MOST_BARS = 10_000  # a symphony has about 2000; more are a damaged file


def midi_bars(file: MidiFile) -> list[tuple[str, int]]:
    """Number and tick of each bar until the last note; [] for a file without time signature.

    A time signature begins a bar. Numbers count from 1, or from 0 where the first bar is a pickup:
    shorter than the second, with a time signature of its own.
    Standard MIDI Files 1.0, RP-001, MIDI Association: time signature.
    """
    meters = sorted((tick, beats, whole) for t in file.tracks for tick, beats, whole in t.meters)
    notes = [e.tick for t in file.tracks for e in t.events if e.kind in (NOTE_ON, NOTE_OFF)]
    if not meters or not notes:
        return []
    lengths = {0: COMMON, **{tick: (beats, whole) for tick, beats, whole in meters}}
    ticks = {tick: 4 * file.quarter * beats / whole for tick, (beats, whole) in lengths.items()}
    end = max(notes)
    spans = [
        (start, min(stop, end), ticks[start])
        for start, stop in pairwise([*ticks, math.inf])
        if start < end
    ]
    counts = [math.ceil((stop - start) / length) for start, stop, length in spans]
    if sum(counts) > MOST_BARS:
        return []
    starts = [
        round(start + number * length)
        for (start, _, length), count in zip(spans, counts, strict=True)
        for number in range(count)
    ]
    first = spans[0][1] - spans[0][0]
    pickup = len(spans) > 1 and counts[0] == 1 and first < spans[1][2]
    return [(str(number), tick) for number, tick in enumerate(starts, 0 if pickup else 1)]
