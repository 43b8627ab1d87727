"""The notes of recordings whose score lies beside them, corrected by the sound of each stem.

A score that is aligned to the mixture is up to a tenth of a second off. In a stem the pitch tracker
pyin hears when the pitch of a note begins and ends. So a reader that uses pyin is favoured by this
truth. Where a pitch is struck again, the energy at its partials says when. Of melodies in pure
tones, whose onsets are known, this misses some by up to 50 ms: it is a truth for comparisons, not
for the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helpers.audio.resampling import resample
from helpers.music.onset_refinement import Freedom, Group, refined
from helpers.music.pitch_features import RATE
from helpers.music.scores import Note

REACH = 0.25  # seconds by which the alignment may be wrong
FREEDOM = Freedom(reach=REACH, stay=1.0, stiffness=0.02)
JOINED = 0.06  # seconds: shorter gaps in the score are none
NEAR = 0.6  # semitones
HEARD = 0.08  # seconds for which the pitch of a note must be heard; others are cut off by the edge
HOP = 256  # samples


def corrected(stem: np.ndarray, sample_rate: int, notes: Sequence[Note]) -> tuple[Note, ...]:
    """The notes of a line as they are heard in its stem (samples,).

    notes: of the aligned score, at the pitch of the sound, in order of onset. Those that are not
    heard are left out.
    """
    sound = resample(stem, sample_rate, RATE)
    seconds, pitch = heard_pitch(sound)
    groups = [Group(note.onset, (note.pitch,)) for note in notes]
    struck = refined(sound, groups, 0.0, FREEDOM)
    moved: list[Note] = []
    for place, (note, again) in enumerate(zip(notes, struck, strict=True)):
        before = notes[place - 1] if place else None
        if before and before.onset + before.duration < note.onset - JOINED:
            before = None
        if before and round(before.pitch) == round(note.pitch):
            onset = float(again)
        else:
            onset = begins(note, before, seconds, pitch)
        moved.append(replace(note, onset=onset, duration=note.onset + note.duration - onset))
    following = [note.onset for note in moved[1:]] + [np.inf]
    ended = [
        replace(note, duration=ends(note, limit, seconds, pitch) - note.onset)
        for note, limit in zip(moved, following, strict=True)
    ]
    return tuple(note for note in ended if heard(note, seconds, pitch) >= HEARD)


def heard_pitch(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds and MIDI pitch of frames, (frames,) each; NaN where there is none."""
    import librosa

    hertz, voiced, _ = librosa.pyin(
        sound, fmin=55.0, fmax=2637.0, sr=RATE, hop_length=HOP, frame_length=2048, resolution=0.2
    )
    seconds = np.arange(len(hertz)) * HOP / RATE
    return seconds, np.where(voiced, librosa.hz_to_midi(np.where(voiced, hertz, 440.0)), np.nan)


def sounds(pitch: np.ndarray, of: float) -> np.ndarray:
    return np.abs(np.nan_to_num(pitch, nan=-100.0) - of) < NEAR


def begins(note: Note, before: Note | None, seconds: np.ndarray, pitch: np.ndarray) -> float:
    """The second within REACH before which the note before is heard, and after which this one."""
    after = sounds(pitch, note.pitch)
    first = sounds(pitch, before.pitch) if before else ~after
    inside = np.flatnonzero(np.abs(seconds - note.onset) <= REACH)
    if not inside.size:
        return note.onset
    change = np.cumsum(first[inside].astype(int) - after[inside].astype(int))
    change = np.concatenate([[0], change[:-1]])  # of those before each frame
    best = np.flatnonzero(change == change.max())
    nearest = best[np.abs(seconds[inside[best]] - note.onset).argmin()]
    return float(seconds[inside[nearest]])


def ends(note: Note, limit: float, seconds: np.ndarray, pitch: np.ndarray) -> float:
    """The last second at which the note is heard, within REACH of its end in the score."""
    end = min(note.onset + note.duration, limit)
    if limit - end < JOINED:
        return min(limit, note.onset + note.duration + REACH)
    inside = (seconds >= max(note.onset, end - REACH)) & (seconds <= min(end + REACH, limit))
    last = np.flatnonzero(sounds(pitch, note.pitch) & inside)
    return float(seconds[last[-1]]) if last.size else max(end - REACH, note.onset + 0.03)


def heard(note: Note, seconds: np.ndarray, pitch: np.ndarray) -> float:
    """For how many seconds of a note its pitch is heard."""
    inside = (seconds >= note.onset) & (seconds < note.onset + note.duration)
    return float(np.sum(sounds(pitch, note.pitch) & inside) * HOP / RATE)
