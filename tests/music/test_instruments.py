"""The table of instruments: every name and alias finds its row, and one row only."""

from collections import Counter

import pretty_midi
import pytest

from helpers.music.instruments import INSTRUMENTS, instrument


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("violin", "violin"),
        ("Violin II", "violin"),
        ("vn", "violin"),
        ("vn_1", "violin"),
        ("Violin-2", "violin"),
        ("va", "viola"),
        ("vc", "cello"),
        ("Violoncello", "cello"),
        ("double bass", "double-bass"),
        ("db", "double-bass"),
        ("fl", "flute"),
        ("ob", "oboe"),
        ("cl", "clarinet"),
        ("sax", "saxophone"),
        ("tenor-sax", "saxophone"),
        ("Alto Saxophone", "alto-saxophone"),
        ("bn", "bassoon"),
        ("tpt", "trumpet"),
        ("hn", "horn"),
        ("french_horn", "horn"),
        ("French Horn", "horn"),
        ("cor anglais", "english-horn"),
        ("tbn", "trombone"),
        ("tba", "tuba"),
        (" Piano ", "piano"),
    ],
)
def test_instrument_is_found_however_it_is_written(written, name):
    assert instrument(written).name == name


def test_unknown_instrument_is_refused_with_the_nearest_name():
    with pytest.raises(KeyError, match="There is no instrument 'violine d'amour'.*'violin'"):
        instrument("violine d'amour")


@pytest.mark.parametrize("name", ["", "  ", "-1", "xyzzyx"])
def test_what_resembles_nothing_is_refused_too(name):
    with pytest.raises(KeyError, match="There is no instrument"):
        instrument(name)


def test_every_name_and_alias_means_one_instrument():
    names = Counter(alias for row in INSTRUMENTS for alias in (row.name, *row.aliases))
    assert [name for name, count in names.items() if count > 1] == []
    assert all(instrument(alias) is row for row in INSTRUMENTS for alias in row.aliases)


def test_ranges_lie_on_the_keyboard_and_in_order():
    assert all(0 <= row.low < row.high <= 127 for row in INSTRUMENTS)


def test_open_strings_and_lowest_notes_are_where_players_have_them():
    lowest = {"violin": "G3", "viola": "C3", "cello": "C2", "flute": "C4", "bassoon": "A#1"}
    for name, note in lowest.items():
        assert instrument(name).low == pretty_midi.note_name_to_number(note)


@pytest.mark.parametrize(
    ("name", "general_midi"),
    [
        ("violin", "Violin"),
        ("viola", "Viola"),
        ("cello", "Cello"),
        ("double-bass", "Contrabass"),
        ("harp", "Orchestral Harp"),
        ("guitar", "Acoustic Guitar (nylon)"),
        ("flute", "Flute"),
        ("oboe", "Oboe"),
        ("english-horn", "English Horn"),
        ("clarinet", "Clarinet"),
        ("bass-clarinet", "Clarinet"),  # General MIDI has no bass clarinet
        ("saxophone", "Tenor Sax"),
        ("alto-saxophone", "Alto Sax"),
        ("soprano-saxophone", "Soprano Sax"),
        ("baritone-saxophone", "Baritone Sax"),
        ("bassoon", "Bassoon"),
        ("horn", "French Horn"),
        ("trumpet", "Trumpet"),
        ("trombone", "Trombone"),
        ("tuba", "Tuba"),
        ("piano", "Acoustic Grand Piano"),
        ("harpsichord", "Harpsichord"),
        ("organ", "Church Organ"),
        ("voice", "Choir Aahs"),
        ("timpani", "Timpani"),
        ("piccolo", "Piccolo"),
        ("recorder", "Recorder"),
    ],
)
def test_program_is_the_general_midi_one(name, general_midi):
    assert pretty_midi.program_to_instrument_name(instrument(name).program) == general_midi
