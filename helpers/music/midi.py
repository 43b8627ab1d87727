"""Scores from MIDI files and back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pretty_midi

from .bars import midi_bars
from .instruments import instrument, numbered_names
from .midi_file import BEND, CONTROL, LARGEST, PROGRAM, Event, MidiFile, parse_midi
from .midi_notes import (
    DEFAULT_BEND_RANGE,
    DEFAULT_VOLUME,
    VOLUME,
    Controls,
    Steps,
    Stroke,
    loudest,
    strokes,
)  # fmt: skip
from .players import Voice, know_instruments, players, read_label
from .scores import Bar, Note, Part, Score

PERCUSSION = 9  # channel, counted from 0
TICKS = 960  # per quarter note at 120 per minute: half a millisecond
MOST_VOICES = 500
OCTAVE = 12

Messages = dict[int, list[tuple[int, Event]]]  # by channel: (track, event)


def read_midi(path: Path | str) -> Score:
    """The players of a MIDI file, one part each; see `midi_score`."""
    path = Path(path)
    with path.open("rb") as file:
        return midi_score(file.read(LARGEST + 1), path.name)


def midi_score(data: bytes, name: str, bars: Sequence[tuple[str, float]] | None = None) -> Score:
    """The players of a MIDI file, one part each; percussion and empty tracks are left out.

    A player is known by the name of the track, otherwise by the program. Tempi of all tracks,
    pedals, bends in their range, tuning, volume and expression are applied; a note's pitch is that
    of its onset. Keyswitches, far below the range of an instrument, are left out. Warns where
    something is left out or played by another instrument.
    bars: number and first quarter note of each, counted from 0; None: see `midi_bars`.
    ValueError as in `parse_midi`. name: of the file; the title is its stem.
    """
    file = parse_midi(data, name)
    messages = _messages(file)
    voices, told = _voices(file, messages, name)
    told += know_instruments(voices, name)
    groups, more = players(voices, name)
    told, parts = told + more, []
    for group in groups:
        told += _drop_keyswitches(group, name)
        parts.append(_part(group, voices, messages, file))
    for warning in told:
        warnings.warn(warning, stacklevel=2)
    if bars is None:
        ticks = midi_bars(file)
    else:
        ticks = [(number, round(quarter * file.quarter)) for number, quarter in bars]
    measured = tuple(Bar(number, file.clock.seconds(tick)) for number, tick in ticks)
    return Score(Path(name).stem, tuple(parts), measured)


def written_names(score: Score) -> list[str]:
    """The names of the parts as in the file of the score, where they have one there."""
    names = numbered_names([(part.instrument, part.number) for part in score.parts])
    return [part.name or name for part, name in zip(score.parts, names, strict=True)]


def write_midi(
    score: Score,
    path: Path | str,
    names: Sequence[str] | None = None,
    beats: Sequence[float] = (),
    meters: Sequence[tuple[int, int]] = (),
) -> None:
    """One track for each part; fractional pitches become pitch bends.

    names: of the tracks, by default those of the stems. Ways to play, such as pizzicato, go to a
    track of the same name, because a track has one program. Gains become channel volumes.
    Times are rounded to half a millisecond. A bend applies to a whole track: of two simultaneous
    notes of a part, the later one sets it.
    beats: the second of each quarter, increasing from 0, as the tempo map; by default 120 quarters
    a minute. The seconds of the notes stay what they are, to a 960th of a beat. meters: beat and
    quarters in a bar of each time signature.
    """
    midi = pretty_midi.PrettyMIDI(resolution=TICKS, initial_tempo=120.0)
    if len(beats) > 1:
        midi._tick_scales = [(TICKS * k, s / TICKS) for k, s in enumerate(np.diff(beats).tolist())]
        midi._update_tick_to_time(TICKS * (len(beats) - 1))
    midi.time_signature_changes = [
        pretty_midi.TimeSignature(quarters, 4, float(beats[beat])) for beat, quarters in meters
    ]
    names = names or numbered_names([(part.instrument, part.number) for part in score.parts])
    for part, name in zip(score.parts, names, strict=True):
        programs = dict.fromkeys((None, *(note.program for note in part.notes)))
        for program in programs:
            notes = [note for note in part.notes if note.program == program]
            if notes or program is None:
                midi.instruments.append(_written_track(replace(part, notes=tuple(notes)), name))
    midi.write(str(path))


def _written_track(part: Part, name: str) -> pretty_midi.Instrument:
    programs = {note.program for note in part.notes} - {None}
    program = programs.pop() if programs else instrument(part.instrument).program
    name = name.encode("utf-8", "replace").decode("latin-1")  # as which the library writes it
    track = pretty_midi.Instrument(program=program, name=name)
    for second, factor in part.gain:
        volume = int(np.clip(round(DEFAULT_VOLUME * factor**0.5), 0, 127))
        track.control_changes.append(pretty_midi.ControlChange(VOLUME, volume, second))
    bend = 0
    for note in part.notes:
        key = int(np.clip(round(note.pitch), 0, 127))
        value = int(np.clip(round((note.pitch - key) / DEFAULT_BEND_RANGE * 8192), -8192, 8191))
        if value != bend:
            track.pitch_bends.append(pretty_midi.PitchBend(value, note.onset))
            bend = value
        end = note.onset + note.duration
        track.notes.append(pretty_midi.Note(note.velocity, key, note.onset, end))
    return track


def _messages(file: MidiFile) -> Messages:
    """All that is no note, by channel, with its track and in order of time."""
    found: Messages = {}
    for number, track in enumerate(file.tracks):
        for event in track.events:
            if event.kind in (CONTROL, PROGRAM, BEND):
                found.setdefault(event.channel, []).append((number, event))
    return {channel: sorted(each, key=lambda m: m[1].tick) for channel, each in found.items()}


def _voices(file: MidiFile, messages: Messages, name: str) -> tuple[list[Voice], list[str]]:
    """What sounds, by track, channel and program, without its instruments; and warnings."""
    voices, told = [], {}
    for number, track in enumerate(file.tracks):
        played = strokes(track, file.quarter)
        label, index, named, marked = read_label(track.names)
        for channel, notes in played.items():
            if channel % 16 == PERCUSSION and len(named) != 1:
                told[f"{name}: percussion (channel 10) is left out; no instrument plays it."] = 1
                continue
            programs = _programs(messages.get(channel, ()), number)
            groups: dict[int | None, list[Stroke]] = {}
            for note in notes:
                groups.setdefault(programs.at(note.on), []).append(note)
            for program, group in groups.items():
                voices.append(Voice(number, channel, program, group, label, index, named, marked))
                voices[-1].alone = len(played) == 1
            if len(voices) > MOST_VOICES:
                raise ValueError(f"{name}: it has more than {MOST_VOICES} voices; divide it.")
    return voices, list(told)


def _programs(messages: Sequence[tuple[int, Event]], track: int) -> Steps:
    """The programs of a track on a channel: its own, and before them those of other tracks.

    The first one counts from the beginning.
    """
    changes = [(number, event) for number, event in messages if event.kind == PROGRAM]
    own = next((event.tick for number, event in changes if number == track), float("inf"))
    valid = [event for number, event in changes if number == track or event.tick < own]
    steps = Steps(valid[0].a if valid else None)
    for event in valid:
        steps.add(event.tick, event.a)
    return steps


def _drop_keyswitches(group: Sequence[Voice], name: str) -> list[str]:
    """Leave out up to half of a player's notes where they lie far below its range; a warning."""
    row = group[0].instrument
    lowest = 0 if row.family == "keyboard" else row.low - OCTAVE
    keys = [note.key for voice in group for note in voice.notes]
    count = sum(key < lowest for key in keys)
    if not 0 < count <= len(keys) / 2:
        return []
    for voice in group:
        voice.notes = [note for note in voice.notes if note.key >= lowest]
    return [
        f"{name}: {count} notes more than an octave below the range of the {row.name} are left out "
        "as keyswitches."
    ]


def _part(
    group: Sequence[Voice], voices: Sequence[Voice], messages: Messages, file: MidiFile
) -> Part:
    """The part of one player, who may play on several channels."""
    row, tracks = group[0].instrument, {voice.track for voice in group}
    played: dict[int, dict[Stroke, int | None]] = {}
    for voice in group:
        program = voice.program if voice.technique and voice.program != row.program else None
        played.setdefault(voice.channel, {}).update(dict.fromkeys(voice.notes, program))
    end, heard, controls = max(track.end for track in file.tracks), [], {}
    for channel, notes in played.items():
        others = {voice.track for voice in voices if voice.channel == channel} - tracks
        events = (e for number, e in messages.get(channel, ()) if number not in others)
        controls[channel] = Controls.of(events, end)
        ordered = sorted(notes, key=lambda note: (note.on, note.key))
        for note, held in zip(ordered, controls[channel].held(ordered), strict=True):
            heard.append((held, controls[channel], notes[note]))
    gain = loudest([each.gain for each in controls.values()])
    keys: dict[tuple[int, float], Note] = {}
    for note, control, program in heard:
        share = control.gain.at(note.on) / (gain.at(note.on) or 1.0)
        onset, pitch = file.clock.seconds(note.on), note.key + round(control.shift.at(note.on), 4)
        duration = file.clock.seconds(note.off) - onset
        velocity = max(1, round(note.velocity * share**0.5))
        twin = keys.get((note.on, pitch))  # in the other staff
        if twin is None or duration > twin.duration:
            keys[note.on, pitch] = Note(onset, duration, pitch, velocity, program)
    return Part(
        row.name,
        tuple(sorted(keys.values(), key=lambda note: (note.onset, note.pitch))),
        group[0].number,
        tuple((file.clock.seconds(tick), value) for tick, value in gain.changes()),
        next(iter(file.tracks[group[0].track].names), ""),
    )
