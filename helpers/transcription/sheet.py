"""A transcription as MusicXML: key, bars, ties and the tempo of each beat, by music21."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..music.instruments import has_staves, instrument, numbered_names
from ..music.scores import Note, Part, Score
from .beats import Beats
from .rhythm import Event, written

MIDDLE_C = 60  # the lowest note of the upper staff
LETTERS = "FCGDAEB"  # by fifths


def write_sheet(score: Score, beats: Beats, fifths: int, path: Path) -> None:
    """Write the parts of a score, whose notes have seconds, as MusicXML at sounding pitch.

    fifths: sharps of the key signature, flats below 0; see `key_of`. Played at the tempo that it
    gives for each beat, the file is in time with the recording. Keyboards have two staves.
    """
    from music21 import layout, metadata, stream

    sheet = stream.Score()
    sheet.metadata = metadata.Metadata(title=score.title, composer="")
    names = numbered_names([(part.instrument, part.number) for part in score.parts])
    for part, name in zip(score.parts, names, strict=True):
        staves = _staves(part)
        made = [_staff(name, part, notes, beats, fifths, len(staves) > 1) for notes in staves]
        for staff in made:
            sheet.insert(0, staff)
        if len(made) > 1:
            sheet.insert(0, layout.StaffGroup(made, name=_title(name), symbol="brace"))
    _add_tempi(sheet.parts[0], beats)
    sheet.write("musicxml", str(path))


def key_of(score: Score) -> tuple[int, str]:
    """The sharps (flats below 0) of the likeliest key of all notes, and its name."""
    from music21 import note, stream

    notes = stream.Stream()
    for each in (each for part in score.parts for each in part.notes):
        notes.append(note.Note(round(each.pitch), quarterLength=max(each.duration, 0.05)))
    if not notes:
        return 0, "C major"
    key = notes.analyze("key")
    return key.sharps, key.name


def spelled(pitch: int, fifths: int) -> str:
    """The name of a MIDI pitch in a key, such as `F#4`: from three fifths below the tonic of the
    major key with this signature to eight above it."""
    lowest = fifths - 3
    place = lowest + (7 * pitch - lowest) % 12  # fifths above C
    letter, accidentals = LETTERS[(place + 1) % 7], (place + 1) // 7
    sign = "#" * accidentals if accidentals > 0 else "-" * -accidentals
    natural = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[letter]
    return f"{letter}{sign}{(pitch - natural - accidentals) // 12 - 1}"


def _staves(part: Part) -> list[Sequence[Note]]:
    if not has_staves(instrument(part.instrument)):
        return [part.notes]
    upper = [note for note in part.notes if round(note.pitch) >= MIDDLE_C]
    return [upper, [note for note in part.notes if round(note.pitch) < MIDDLE_C]]


def _staff(
    name: str, part: Part, notes: Sequence[Note], beats: Beats, fifths: int, is_one_of_two: bool
):
    """A music21 part with measures."""
    from music21 import clef, key, meter, stream
    from music21.instrument import Instrument

    staff = (stream.PartStaff if is_one_of_two else stream.Part)()
    staff.partName = _title(name)
    player = Instrument(_title(name))
    player.midiProgram = instrument(part.instrument).program
    staff.insert(0, player)
    bars, events = beats.bars(), written(notes, beats)
    pitches = sorted(note.pitch for note in notes)
    middle = pitches[len(pitches) // 2] if pitches else MIDDLE_C
    first = 0 if beats.pickup else 1
    for number, (start, end) in enumerate(zip(bars[:-1], bars[1:], strict=True), first):
        bar = stream.Measure(number=number)
        if number == first:
            bar.insert(0, clef.TrebleClef() if middle >= MIDDLE_C - 3 else clef.BassClef())
            bar.insert(0, key.KeySignature(fifths))
            bar.insert(0, meter.TimeSignature(f"{beats.in_bar}/4"))
        if number == 0:
            bar.paddingLeft = beats.in_bar - beats.pickup
            bar.showNumber = stream.enums.ShowNumber.NEVER  # implicit="yes"
        for event in events:
            if start <= event.start < end:
                bar.insert(event.start - start, _element(event, fifths))
        staff.append(bar)
    return staff


def _element(event: Event, fifths: int):
    """A music21 note, chord or rest."""
    from music21 import chord, note, tie

    length = event.end - event.start
    names = [spelled(pitch, fifths) for pitch in event.pitches]
    if not names:
        return note.Rest(quarterLength=length)
    if len(names) == 1:
        element = note.Note(names[0], quarterLength=length)
    else:
        element = chord.Chord(names, quarterLength=length)
    if event.tied_back or event.tied_on:
        kind = {(False, True): "start", (True, True): "continue"}
        element.tie = tie.Tie(kind.get((event.tied_back, event.tied_on), "stop"))
    return element


def _add_tempi(staff, beats: Beats) -> None:
    """The tempo of each beat, shown at the first one alone."""
    from music21 import tempo

    bars = list(zip(beats.bars(), staff.getElementsByClass("Measure"), strict=False))
    lengths = beats.seconds[1:] - beats.seconds[:-1]
    usual = round(60 / float(sorted(lengths)[len(lengths) // 2]))
    for beat, seconds in enumerate(lengths):
        start, bar = max((each for each in bars if each[0] <= beat), key=lambda each: each[0])
        text = None if beat else f"\u2669 = {usual}"  # of the whole; the first beat may be slower
        mark = tempo.MetronomeMark(text, numberSounding=round(60 / float(seconds), 3))
        bar.insert(beat - start, mark)


def _title(name: str) -> str:
    """`violin-2` -> `Violin 2`."""
    return name.replace("-", " ").capitalize()
