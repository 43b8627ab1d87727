"""A performance of known rhythms with rubato, as beats, note values and MusicXML."""

from __future__ import annotations

import warnings
from fractions import Fraction

import numpy as np
import pytest

from helpers.music.midi import read_midi, write_midi
from helpers.music.musicxml import read_musicxml
from helpers.music.scores import Note, Part, Score
from helpers.transcription.beats import Beats, find_beats
from helpers.transcription.rhythm import Event, written
from helpers.transcription.sheet import key_of, spelled, write_sheet

VALUES = [1, 1, 0.5, 0.5, 1, 1.5, 0.5, 2, 1, 1, 1, 1, 4] * 2  # quarters
PITCHES = [62, 64, 66, 67, 69, 71, 69, 66, 64, 62, 61, 64, 62] * 2
STARTS = np.cumsum([0, *VALUES[:-1]])


def rubato(quarter: float) -> float:
    """Seconds: around 100 quarters a minute, faster and slower by a tenth of that."""
    return 0.4 + 0.6 * quarter + 0.15 * np.sin(quarter / 5)


def note(start: float, length: float, pitch: int, legato: float = 0.92) -> Note:
    onset = rubato(start)
    return Note(float(onset), float(legato * (rubato(start + length) - onset)), float(pitch))


@pytest.fixture(scope="module")
def trio() -> Score:
    jitter = np.random.default_rng(0).normal(0, 0.012, len(VALUES))
    line = [note(*each) for each in zip(STARTS, VALUES, PITCHES, strict=True)]
    line = [
        Note(each.onset + late, each.duration, each.pitch)
        for each, late in zip(line, jitter, strict=True)
    ]
    bass = [
        note(start, 4, pitch) for start, pitch in zip(range(0, 32, 4), [50, 57] * 4, strict=True)
    ]
    chords = [note(start, 2, pitch) for start in range(0, 32, 2) for pitch in (50, 57, 66, 69)]
    parts = (
        Part("violin", tuple(line)), Part("cello", tuple(bass)), Part("piano", tuple(chords)),
    )  # fmt: skip
    return Score("rubato", parts)


@pytest.fixture(scope="module")
def beats(trio) -> Beats:
    return find_beats(trio)


def test_the_beats_follow_the_rubato(beats):
    played = rubato(np.arange(30))
    nearest = np.abs(beats.seconds[:, None] - played).min(axis=0)
    assert nearest.max() < 0.05 and beats.seconds[0] == 0
    assert np.diff(beats.seconds).min() > 0


def test_the_notes_have_the_values_that_were_played(trio, beats):
    events = [event for event in written(trio.parts[0].notes, beats) if event.pitches]
    merged: list[list] = []
    for event in events:
        if event.tied_back:
            merged[-1][0] += event.end - event.start
        else:
            merged.append([event.end - event.start, event.pitches[0]])
    assert [pitch for _, pitch in merged] == PITCHES
    assert [float(value) for value, _ in merged[:-1]] == VALUES[:-1]


def test_the_sheet_opens_without_warnings_and_plays_in_time(trio, beats, tmp_path):
    from music21 import converter

    fifths, key = key_of(trio)
    assert (fifths, key) == (2, "D major")
    path = tmp_path / "score.musicxml"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_sheet(trio, beats, fifths, path)
        sheet = converter.parse(path, forceSource=True)
    assert [part.partName for part in sheet.parts] == ["Violin", "Cello", "Piano", "Piano"]
    played = read_musicxml(path)
    assert [part.instrument for part in played.parts] == ["violin", "cello", "piano"]
    for part, truth in zip(played.parts, trio.parts, strict=True):
        pairs = zip(part.notes, sorted(truth.notes, key=lambda n: (n.onset, n.pitch)), strict=True)
        late = [abs(a.onset - b.onset) for a, b in pairs]
        assert max(late) < 0.08 and np.median(late) < 0.03


def test_events_are_tied_over_barlines_and_around_triplets():
    beats = Beats(np.arange(9) * 0.5, in_bar=4, pickup=0)
    notes = [Note(0.5, 2.0, 60.0), *(Note(2.5 + k / 6, 1 / 6, 62.0 + k) for k in range(3))]
    events = written(notes, beats)
    third = Fraction(1, 3)
    assert events[:6] == [
        Event(Fraction(0), Fraction(1), ()),
        Event(Fraction(1), Fraction(4), (60,), tied_on=True),
        Event(Fraction(4), Fraction(5), (60,), tied_back=True),
        Event(Fraction(5), 5 + third, (62,)),
        Event(5 + third, 5 + 2 * third, (63,)),
        Event(5 + 2 * third, Fraction(6), (64,)),
    ]
    assert events[-1].end == 8 and not events[-1].pitches


def test_a_pickup_has_a_bar_of_its_own():
    beats = Beats(np.arange(10) * 0.5, in_bar=4, pickup=1)
    assert beats.bars() == [0, 1, 5, 9]
    assert Beats(np.arange(9) * 0.5, in_bar=4, pickup=0).bars() == [0, 4, 8]


def test_a_pickup_is_bar_zero_in_the_meter_of_the_others(tmp_path):
    from xml.etree import ElementTree

    beats = Beats(np.arange(10) * 0.5, in_bar=4, pickup=1)
    notes = tuple(Note(0.5 * k, 0.45, 60.0 + k) for k in range(9))
    write_sheet(Score("", (Part("flute", notes),)), beats, 0, tmp_path / "pickup.musicxml")
    part = ElementTree.parse(tmp_path / "pickup.musicxml").find("part")
    measures = [(m.get("number"), m.get("implicit"), len(m.findall("note"))) for m in part]
    assert measures == [("0", "yes", 1), ("1", "no", 4), ("2", "no", 4)]
    assert [time.find("beats").text for time in part.iter("time")] == ["4"]
    read = read_musicxml(tmp_path / "pickup.musicxml")
    assert [note.onset for note in read.parts[0].notes] == pytest.approx(0.5 * np.arange(9))
    assert [(bar.number, bar.start) for bar in read.bars] == [("0", 0.0), ("1", 0.5), ("2", 2.5)]


def test_midi_has_the_beats_as_its_tempo_map_and_the_notes_where_they_were(tmp_path):
    """400 beats with rubato: quarters begin on whole ticks, and nothing moves."""
    import pretty_midi

    seconds = rubato(np.arange(402)) - rubato(0)
    beats = Beats(seconds, in_bar=4, pickup=1)
    late = np.random.default_rng(0).uniform(0, 0.1, 400)
    notes = tuple(Note(s + x, 0.3, 60.0) for s, x in zip(seconds, late, strict=False))
    path = tmp_path / "rubato.mid"
    write_midi(Score("", (Part("flute", notes),)), path, beats=beats.seconds, meters=beats.meters())
    file = pretty_midi.PrettyMIDI(str(path))
    assert file.get_beats()[:400] == pytest.approx(seconds[:400], abs=1e-3)
    read = read_midi(path)
    onsets = [note.onset for note in read.parts[0].notes]
    assert onsets == pytest.approx([note.onset for note in notes], abs=1e-3)
    assert [bar.number for bar in read.bars[:3]] == ["0", "1", "2"]
    assert [bar.start for bar in read.bars[:3]] == pytest.approx(seconds[[0, 1, 5]], abs=1e-3)


@pytest.mark.parametrize(
    ("pitch", "fifths", "name"),
    [
        (66, 2, "F#4"), (70, -2, "B-4"), (61, -4, "D-4"), (60, 0, "C4"), (71, 7, "B4"),
        (59, -7, "C-4"), (65, 6, "E#4"), (68, 0, "G#4"), (63, 0, "E-4"), (21, 0, "A0"),
    ],
)  # fmt: skip
def test_pitches_are_spelled_in_their_key(pitch, fifths, name):
    assert spelled(pitch, fifths) == name


@pytest.mark.parametrize("notes", [(), (Note(0.3, 0.5, 60.0),), (Note(0.0, 0.01, 60.0),) * 2])
def test_few_notes_make_a_sheet_too(notes, tmp_path):
    score = Score("few", (Part("flute", tuple(notes)), Part("piano", ())))
    beats = find_beats(score)
    write_sheet(score, beats, key_of(score)[0], tmp_path / "few.musicxml")
    assert (tmp_path / "few.musicxml").stat().st_size > 1000
