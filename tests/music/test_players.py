"""One player is one part, whatever tracks, channels and programs the file spreads it over."""

from __future__ import annotations

import warnings

import pytest

from helpers.music.midi import midi_score
from helpers.music.players import nearest_instrument
from helpers.music.scores import Score
from tests.music.midi_bytes import QUARTER, midi, name, notes, port, program, rest, tempo

SLOW = tempo(60)


def score(*tracks: bytes) -> Score:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return midi_score(midi(SLOW, *tracks), "piece.mid")


def names(made: Score) -> list[str]:
    return [part.instrument for part in made.parts]


# Who plays


def test_programs_in_a_setup_track_reach_the_channels_of_others():
    setup = program(0, 40) + program(1, 42)
    made = score(setup, name("upper") + notes(0, 67), name("lower") + notes(1, 48))
    assert names(made) == ["violin", "cello"]


def test_tracks_that_share_a_channel_keep_their_own_programs():
    made = score(program(0, 40) + notes(0, 67), program(0, 42) + notes(0, 48))
    assert names(made) == ["violin", "cello"]


def test_a_program_that_comes_after_the_first_note_counts_from_the_beginning():
    (part,) = score(notes(0, 67) + program(0, 40) + notes(0, 69)).parts
    assert (part.instrument, len(part.notes)) == ("violin", 2)


def test_the_number_of_a_name_that_is_no_instrument_is_not_a_players():
    assert score(name("March, BWV 50") + notes(0, 67)).parts[0].number is None


def test_the_channels_of_two_ports_are_different():
    one, two = port(0) + program(0, 40), port(1) + program(0, 42)
    assert names(score(one + notes(0, 67), two + notes(0, 48))) == ["violin", "cello"]


def test_a_name_is_read_in_utf8_and_in_latin1():
    flutes = (name("Flöte", coding) + notes(0, 72) for coding in ("utf-8", "latin-1"))
    assert [names(score(flute)) for flute in flutes] == [["flute"], ["flute"]]


def test_a_name_counts_for_more_than_a_program():
    assert names(score(name("Klarinette in B") + program(0, 0) + notes(0, 60))) == ["clarinet"]


def test_one_track_with_several_channels_has_a_player_for_each():
    one = program(0, 40) + program(1, 42) + program(2, 40)
    made = score(one + notes(0, 67) + notes(1, 48) + notes(2, 64))
    assert names(made) == ["violin", "cello", "violin"]


def test_players_keep_their_numbers():
    made = score(name("Violino II") + notes(1, 64), name("Violino I") + notes(0, 67))
    assert [part.number for part in made.parts] == [2, 1]


def test_soprano_alto_tenor_and_bass_are_voices():
    for setting in (b"", program(0, 0), program(0, 52)):
        parts = ("Soprano", "Alto", "Tenor", "Bass")
        made = score(*(name(part) + setting + notes(0, 60) for part in parts))
        assert names(made) == ["voice"] * 4


def test_alto_and_bass_among_strings_are_strings():
    parts = [("Violon", 76), ("Violon", 67), ("Alto", 60), ("Basse", 40)]
    with pytest.warns(UserWarning, match="may be"):
        made = midi_score(midi(*(name(n) + notes(c, k) for c, (n, k) in enumerate(parts))), "p.mid")
    assert names(made) == ["violin", "violin", "viola", "double-bass"]


def test_an_ambiguous_name_follows_its_program_or_is_told():
    assert names(score(name("Alto") + program(0, 65) + notes(0, 60))) == ["alto-saxophone"]
    assert names(score(name("Bass") + program(0, 43) + notes(0, 40))) == ["double-bass"]
    assert names(score(name("Alto") + program(0, 41) + notes(0, 60))) == ["viola"]
    with pytest.warns(UserWarning, match="'alto' may be viola, voice, alto-saxophone"):
        midi_score(midi(name("Alto") + notes(0, 60)), "piece.mid")


@pytest.mark.parametrize(
    ("index", "key", "instrument"),
    [
        (1, 60, "piano"), (5, 60, "piano"), (7, 60, "harpsichord"), (11, 72, "piano"),
        (17, 60, "organ"), (21, 60, "organ"), (25, 60, "guitar"), (33, 40, "double-bass"),
        (48, 79, "violin"), (48, 60, "viola"), (49, 50, "cello"), (51, 36, "double-bass"),
        (45, 79, "violin"), (53, 60, "voice"), (59, 70, "trumpet"), (61, 53, "trombone"),
        (75, 72, "flute"), (81, 60, "organ"), (91, 60, "organ"), (105, 60, "guitar"),
        (110, 72, "violin"), (111, 72, "oboe"), (117, 48, "timpani"), (127, 48, "timpani"),
    ],
)  # fmt: skip
def test_a_program_outside_the_table_is_the_nearest_family_and_told(index, key, instrument):
    with pytest.warns(UserWarning, match=f"program {index} .*{instrument}"):
        made = midi_score(midi(name("Staff") + program(0, index) + notes(0, key)), "piece.mid")
    assert names(made) == [instrument]


def test_every_program_has_an_instrument_and_none_but_voices_sing():
    sung = [n for n in range(128) if nearest_instrument(n, [60])[0].name == "voice"]
    assert sung == [52, 53, 54]


def test_percussion_is_told_and_timpani_are_played():
    drums = name("Drums") + notes(9, 36)
    with pytest.warns(UserWarning, match="percussion"):
        made = midi_score(midi(drums, name("Violin") + notes(0, 67)), "piece.mid")
    assert names(made) == ["violin"]
    assert names(score(name("Pauken") + notes(9, 48))) == ["timpani"]


# One player


@pytest.mark.parametrize("named", ["Violin", ""])
def test_pizzicato_and_tremolo_by_program_are_the_same_player(named):
    line = program(0, 40) + notes(0, 67) + program(0, 45) + notes(0, 69)
    line += program(0, 44) + notes(0, 71) + program(0, 40) + notes(0, 72)
    (part,) = score(name(named) + line).parts
    assert part.instrument == "violin"
    assert [note.program for note in part.notes] == [None, 45, 44, None]


@pytest.mark.parametrize("named", ["Viola", ""])
def test_pizzicato_by_channel_is_the_same_player(named):
    line = program(0, 41) + program(1, 45) + notes(0, 60) + notes(1, 62) + notes(0, 64)
    made = score(name(named) + line, name("Oboe") + notes(5, 72))
    assert names(made) == ["viola", "oboe"]
    assert [note.pitch for note in made.parts[0].notes] == [60, 62, 64]


def test_a_track_of_pizzicato_belongs_to_the_player_of_its_name():
    violin = name("Violin") + program(0, 40) + notes(0, 67) + rest(0, 1)
    plucked = name("Violin") + program(1, 45) + rest(1, 1) + notes(1, 69)
    cello = name("Cello") + program(2, 42) + notes(2, 48)
    made = score(violin, plucked, cello)
    assert names(made) == ["violin", "cello"] and len(made.parts[0].notes) == 2


def test_a_quartet_with_tracks_of_pizzicato_has_four_players():
    tracks = []
    for channel, (player, index, key) in enumerate(
        [("Violin I", 40, 76), ("Violin II", 40, 67), ("Viola", 41, 60), ("Cello", 42, 48)]
    ):
        tracks.append(name(player) + program(channel, index) + notes(channel, key) + rest(0, 1))
        channel += 10
        tracks.append(name(f"{player} pizz.") + program(channel, 45) + rest(0, 1))
        tracks[-1] += notes(channel, key)
    made = score(*tracks)
    assert names(made) == ["violin", "violin", "viola", "cello"]
    assert [len(part.notes) for part in made.parts] == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("upper", "lower", "same_channel"),
    [
        ("Piano", "Piano", True), ("Piano", "Piano", False), ("", "", True), ("Piano", "", True),
        ("Piano RH", "Piano LH", False), ("Piano (right hand)", "Piano (left hand)", False),
        ("Right Hand", "Left Hand", False), ("Piano, staff 1", "Piano, staff 2", True),
        ("Klavier", "Pianoforte", True), ("Piano right", "Piano left", False),
    ],
)  # fmt: skip
def test_two_staves_of_a_piano_are_one_player(upper, lower, same_channel):
    channel = 1 if same_channel else 2
    made = score(
        name("Violin") + program(0, 40) + notes(0, 79),
        name(upper) + program(1, 0) + notes(1, 72, 74),
        name(lower) + program(channel, 0) + notes(channel, 48, 50),
    )
    assert names(made) == ["violin", "piano"]
    assert [note.pitch for note in made.parts[1].notes] == [48, 72, 50, 74]


def test_two_pianos_with_numbers_and_two_violins_are_two_players():
    made = score(name("Piano 1") + notes(0, 72), name("Piano 2") + notes(0, 48))
    assert names(made) == ["piano", "piano"]
    made = score(name("Violin") + notes(0, 72), name("Violin") + notes(0, 67))
    assert names(made) == ["violin", "violin"]


def test_a_key_that_both_staves_strike_sounds_once():
    made = score(name("Piano") + notes(0, 60), name("Piano") + notes(0, 60, each=2 * QUARTER))
    (part,) = made.parts
    assert [(note.pitch, note.duration) for note in part.notes] == [(60, 2)]


def test_tracks_of_articulations_and_keyswitches_are_one_player():
    legato = name("Violin 1 - legato") + notes(0, 67, 69) + rest(0, 2)
    short = name("Violin 1 - staccato") + rest(1, 2) + notes(1, 71, 72)
    switches = name("Violin 1 KS") + notes(2, 24) + rest(2, 1) + notes(2, 26)
    with pytest.warns(UserWarning, match="2 notes .* keyswitches"):
        made = midi_score(midi(SLOW, legato, short, switches), "piece.mid")
    assert names(made) == ["violin"]
    assert [note.pitch for note in made.parts[0].notes] == [67, 69, 71, 72]


def test_low_notes_of_a_piano_are_no_keyswitches():
    assert len(score(name("Piano") + notes(0, 21, 60, 64)).parts[0].notes) == 3


def test_hundreds_of_channels_are_refused():
    tracks = [port(n) + b"".join(notes(c, 60) for c in range(9)) for n in range(100)]
    with pytest.raises(ValueError, match=r"piece\.mid: .*500 voices"):
        midi_score(midi(*tracks), "piece.mid")
