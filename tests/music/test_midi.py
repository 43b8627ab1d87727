"""A MIDI file is the music that it says: onsets, pitches and levels known from its bytes."""

from __future__ import annotations

import struct
import warnings

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from helpers.music.midi import midi_score, read_midi, write_midi, written_names
from helpers.music.midi_file import parse_midi
from helpers.music.scores import Note, Part, Score
from tests.music.midi_bytes import (
    QUARTER,
    bend,
    control,
    meta,
    midi,
    name,
    notes,
    off,
    on,
    port,
    program,
    rest,
    tempo,
)  # fmt: skip

SLOW = tempo(60)  # a quarter note is a second
VIOLIN = name("Violin") + program(0, 40)


def score(*tracks: bytes, **header) -> Score:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return midi_score(midi(*tracks, **header), "piece.mid")


def times(part: Part) -> list[tuple[float, float]]:
    """Onset and end of each note in seconds."""
    return [(round(n.onset, 4), round(n.onset + n.duration, 4)) for n in part.notes]


# Time


@pytest.mark.parametrize("track", [0, 1, 2])
def test_a_tempo_counts_on_whatever_track_it_stands(track):
    tracks = [name("conductor"), VIOLIN + notes(0, 67, 69), name("Cello") + notes(1, 48)]
    tracks[track] = SLOW + tracks[track]
    assert times(score(*tracks).parts[0]) == [(0, 1), (1, 2)]


def test_tempi_of_several_tracks_make_one_clock():
    change = tempo(240, 2 * QUARTER)
    made = score(SLOW, VIOLIN + notes(0, 67, 69, 71, 72), name("Cello") + change + notes(1, 48))
    assert times(made.parts[0]) == [(0, 1), (1, 2), (2, 2.25), (2.25, 2.5)]
    assert times(made.parts[1]) == [(2, 2.25)]


def test_a_file_without_a_tempo_has_120_a_minute():
    assert times(score(VIOLIN + notes(0, 67)).parts[0]) == [(0, 0.5)]


@pytest.mark.parametrize(
    ("frames", "per_second"), [(24, 24.0), (25, 25.0), (29, 30_000 / 1001), (30, 30.0)]
)
def test_smpte_ticks_are_parts_of_a_frame_whatever_the_tempo(frames, per_second):
    made = score(tempo(7), VIOLIN + notes(0, 67, each=400), division=bytes([256 - frames, 40]))
    assert made.parts[0].seconds == pytest.approx(10 / per_second)


def test_the_pieces_of_format_two_follow_each_other():
    made = score(SLOW + VIOLIN + notes(0, 67, 69), VIOLIN + notes(0, 71), kind=2)
    onsets = [note.onset for part in made.parts for note in part.notes]
    assert sorted(onsets) == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (midi(VIOLIN + notes(0, 67), division=b"\0\0"), "into 0 ticks"),
        (midi(VIOLIN + notes(0, 67), division=bytes([256 - 25, 0])), "into 0 ticks"),
        (midi(VIOLIN + notes(0, 67), division=bytes([256 - 77, 4])), "77 frames"),
        (midi(meta(0x51, bytes(3)) + VIOLIN + notes(0, 67)), "tempo is 0"),
        (b"", "MThd"),
        (b"do re mi", "MThd"),
        (b"MThd\0\0\0\6\0\1", "MThd"),
        (bytes(5 << 20), "3 MB"),
    ],
)
def test_a_file_without_time_or_form_is_refused_in_one_sentence(data, message):
    with pytest.raises(ValueError, match=rf"^piece\.mid: .*{message}"):
        midi_score(data, "piece.mid")


# Damage


@pytest.mark.parametrize(
    "damaged",
    [
        meta(0x59, bytes([246, 0])),  # ten flats
        meta(0x59, bytes([0, 255])),  # neither major nor minor
        meta(0x59, b""),
        meta(0x58, b"\4"),  # a time signature without its end
        meta(0x54, b"\xff"),  # an SMPTE offset
        meta(0x51, b"\7"),  # a tempo of one byte
        meta(0x01, b"\xff\xfe words"),
        b"\0\xf0\3\1\2\xf7",  # system exclusive
    ],
)
def test_damaged_events_that_no_renderer_needs_are_ignored(damaged):
    made = score(SLOW + damaged, VIOLIN + damaged + notes(0, 67, 69))
    assert times(made.parts[0]) == [(0, 1), (1, 2)]


def test_running_status_goes_on_behind_a_meta_event():
    short = on(0, 67) + meta(0x01, b"") + b"\x83\x60\x43\x00"  # 480 ticks, key 67, velocity 0
    assert times(score(SLOW, VIOLIN + short).parts[0]) == [(0, 1)]


def test_a_file_that_breaks_off_is_read_so_far_and_told():
    whole = midi(SLOW, VIOLIN + notes(0, 67, 69, 71))
    with pytest.warns(UserWarning, match=r"^piece\.mid: breaks off"):
        made = midi_score(whole[:-14], "piece.mid")
    assert [note.pitch for note in made.parts[0].notes][:2] == [67, 69]


def test_a_riff_header_is_no_hindrance():
    data = midi(SLOW, VIOLIN + notes(0, 67))
    wrapped = b"RIFF" + struct.pack("<I", len(data) + 12) + b"RMIDdata" + struct.pack("<I", 9)
    assert midi_score(wrapped + data, "piece.rmi").parts[0].notes[0].pitch == 67


# Notes


def test_a_note_that_never_ends_lasts_until_its_key_or_the_track_does():
    struck_again = on(0, 67) + on(0, 67, after=QUARTER) + off(0, 67, QUARTER)
    assert times(score(SLOW, VIOLIN + struck_again).parts[0]) == [(0, 1), (1, 2)]
    hanging = on(0, 60) + notes(0, 67, 69, 71)
    assert times(score(SLOW, VIOLIN + hanging).parts[0])[0] == (0, 3)
    last = notes(0, 67) + on(0, 60)
    assert times(score(SLOW, VIOLIN + last).parts[0]) == [(0, 1), (1, 2)]


def test_notes_of_one_key_end_in_the_order_in_which_they_began():
    both = on(0, 67) + on(0, 67, after=240) + off(0, 67, 240) + off(0, 67, 480)
    assert times(score(SLOW, VIOLIN + both).parts[0]) == [(0, 1), (0.5, 2)]


def test_a_note_without_length_is_no_note_that_never_ends():
    for both in (on(0, 60) + off(0, 60), off(0, 60) + on(0, 60)):
        assert times(score(SLOW, VIOLIN + both + notes(0, 67)).parts[0]) == [(0, 1)]


def test_all_notes_off_ends_them():
    stopped = on(0, 67) + control(0, 123, 0, QUARTER) + off(0, 67, QUARTER)
    assert times(score(SLOW, VIOLIN + stopped).parts[0]) == [(0, 1)]


# Pedals


def pedalled(*events: bytes) -> list[tuple[float, float]]:
    return times(score(SLOW, name("Piano") + b"".join(events)).parts[0])


def test_a_sustain_pedal_holds_the_notes_until_it_is_lifted():
    down, up = control(0, 64, 127), control(0, 64, 0, 3 * QUARTER)
    assert pedalled(down, notes(0, 48), up) == [(0, 4)]
    assert pedalled(control(0, 64, 63), notes(0, 48), up) == [(0, 1)]  # not down far enough
    assert pedalled(notes(0, 48), control(0, 64, 127, 1), up) == [(0, 1)]  # too late


def test_a_pedal_that_is_never_lifted_holds_to_the_end_of_the_piece():
    assert pedalled(control(0, 64, 127), notes(0, 48), rest(0, 4)) == [(0, 5)]


def test_a_key_that_is_struck_again_ends_the_held_note():
    again = notes(0, 48) + rest(0, 1) + notes(0, 48)
    assert pedalled(control(0, 64, 127), again, control(0, 64, 0)) == [(0, 2), (2, 3)]


def test_sostenuto_holds_only_the_keys_that_were_down():
    keys = on(0, 48) + control(0, 66, 127, QUARTER) + off(0, 48, 1)
    later = notes(0, 60) + control(0, 66, 0, 2 * QUARTER - 1)
    assert pedalled(keys, later) == [(0, 4), (1.0021, 2.0021)]


def test_the_pedal_in_one_stave_holds_the_other_too():
    upper = name("Piano") + notes(0, 72) + rest(0, 3)
    lower = name("Piano") + control(0, 64, 127) + notes(0, 48) + control(0, 64, 0, 3 * QUARTER)
    (part,) = score(SLOW, upper, lower).parts
    assert times(part) == [(0, 4), (0, 4)]


# Pitch


def pitches(*events: bytes) -> list[float]:
    part = score(SLOW, VIOLIN + b"".join(events)).parts[0]
    return [round(note.pitch, 2) for note in part.notes]


def bend_range(semitones: int, cents: int = 0) -> bytes:
    return (
        control(0, 101, 0) + control(0, 100, 0) + control(0, 6, semitones) + control(0, 38, cents)
    )


def test_a_bend_has_the_range_that_the_file_gives_it():
    assert pitches(bend(0, 4096), notes(0, 67)) == [68]  # 2 semitones by default
    assert pitches(bend_range(12), bend(0, 4096), notes(0, 67)) == [73]
    assert pitches(bend_range(0, 50), bend(0, -8192), notes(0, 67)) == [66.5]
    assert pitches(bend(0, 4096), bend_range(12), notes(0, 67)) == [73]


def test_data_after_the_null_parameter_changes_nothing():
    null = control(0, 101, 127) + control(0, 100, 127) + control(0, 6, 24)
    assert pitches(bend_range(12), null, bend(0, 4096), notes(0, 67)) == [73]
    unregistered = control(0, 99, 1) + control(0, 98, 8) + control(0, 6, 24)
    assert pitches(bend_range(12), unregistered, bend(0, 4096), notes(0, 67)) == [73]


def test_channel_tuning_is_heard():
    coarse = control(0, 101, 0) + control(0, 100, 2) + control(0, 6, 64 - 12)
    fine = control(0, 101, 0) + control(0, 100, 1) + control(0, 6, 96)
    assert pitches(coarse, notes(0, 67)) == [55]
    assert pitches(fine, notes(0, 67)) == [67.5]


def test_resetting_the_controllers_ends_a_bend():
    assert pitches(bend(0, 8191), control(0, 121, 0), notes(0, 67)) == [67]


# Level


def test_volume_and_expression_are_the_gain_of_a_part():
    setup = VIOLIN + control(0, 7, 50) + notes(0, 67) + control(0, 11, 64) + notes(0, 69)
    (part,) = score(SLOW, setup).parts
    (_, quiet), (second, quieter) = part.gain
    assert (quiet, second) == (0.25, 1.0)
    assert quieter == pytest.approx(0.25 * (64 / 127) ** 2)


def test_the_default_volume_is_a_gain_of_one():
    assert score(SLOW, VIOLIN + control(0, 7, 100) + notes(0, 67)).parts[0].gain == ()


def test_a_volume_in_the_setup_track_counts():
    setup = SLOW + control(0, 7, 50) + control(1, 7, 127)
    upper, lower = score(setup, VIOLIN + notes(0, 67), name("Cello") + notes(1, 48)).parts
    assert upper.gain == ((0.0, 0.25),) and lower.gain == ((0.0, 1.27**2),)


def test_a_quieter_channel_of_one_player_has_lower_velocities():
    plucked = program(1, 45) + control(1, 7, 50) + notes(1, 69)
    (part,) = score(SLOW, VIOLIN + notes(0, 67) + plucked).parts
    assert [note.velocity for note in part.notes] == [80, 40] and part.gain == ()


# Writing


def test_gains_ways_to_play_and_numbers_survive_writing_and_reading(tmp_path):
    line = (Note(0, 1, 67, 80), Note(1, 1, 69.25, 90, program=45))
    parts = (Part("violin", line, 1, ((0.0, 0.25), (1.0, 1.0))), Part("violin", line[:1], 2))
    write_midi(Score("duo", parts), tmp_path / "duo.mid")
    read = read_midi(tmp_path / "duo.mid")
    assert [(part.instrument, part.number) for part in read.parts] == [("violin", 1), ("violin", 2)]
    assert [note.program for note in read.parts[0].notes] == [None, 45]
    assert [note.pitch for note in read.parts[0].notes] == pytest.approx([67, 69.25], abs=1e-3)
    assert read.parts[0].gain == parts[0].gain and read.parts[1].gain == ()


def test_tracks_have_the_names_of_the_parts_in_any_letters(tmp_path):
    names = ["Violino I", "Скрипка 2"]
    line = (Note(0, 1, 67), Note(1, 1, 69, program=45))  # pizzicato has a track of its own
    parts = (Part("violin", line, name=names[0]), Part("violin", line[:1], name=names[1]))
    duo = Score("duo", (*parts, Part("cello", line[:1])))
    assert written_names(duo) == [*names, "cello"]
    write_midi(duo, tmp_path / "duo.mid", written_names(duo))
    read = read_midi(tmp_path / "duo.mid")
    assert [part.name for part in read.parts] == [*names, "cello"]


# Anything


SEED_FILE = midi(
    SLOW + meta(0x59, b"\2\0"),
    VIOLIN + bend_range(12) + notes(0, 67, 69) + program(0, 45) + notes(0, 71),
    port(1) + name("Klavier") + control(1, 64, 127) + control(1, 7, 90) + notes(1, 48, 52),
    name("Drums") + notes(9, 36, 38),
)
PLACE = st.integers(0, len(SEED_FILE) - 1)
CHANGE = st.tuples(PLACE, st.sampled_from(["set", "cut", "insert"]), st.binary(max_size=8))


def mutated(changes: list[tuple[int, str, bytes]]) -> bytes:
    data = SEED_FILE
    for place, kind, new in changes:
        behind = place + {"set": len(new), "cut": len(new), "insert": 0}[kind]
        data = data[:place] + (b"" if kind == "cut" else new) + data[behind:]
    return data


@seed(15)
@settings(max_examples=400, deadline=5000, database=None)
@given(st.lists(CHANGE, min_size=1, max_size=4))
def test_any_bytes_are_a_score_or_one_sentence(changes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = midi_score(mutated(changes), "piece.mid")
        except ValueError as error:
            assert str(error).startswith("piece.mid: ") and "\n" not in str(error)
        else:
            sound = [note for part in made.parts for note in part.notes]
            assert all(note.onset >= 0 and note.duration > 0 for note in sound)
            assert all(1 <= note.velocity <= 127 for note in sound)


def test_a_variable_number_of_five_bytes_does_not_hang():
    track = VIOLIN + notes(0, 67) + b"\xff\xff\xff\xff\x7f"
    with pytest.warns(UserWarning, match="breaks off"):
        assert len(midi_score(midi(track), "piece.mid").parts[0].notes) == 1
    assert len(parse_midi(midi(VIOLIN), "piece.mid").tracks) == 1


@pytest.mark.parametrize("length", [0, 9, 2**32 - 1])
def test_a_track_whose_length_is_wrong_is_read_to_the_next(length):
    whole = midi(name("Oboe") + notes(0, 70, 72), name("Horn") + notes(1, 50))
    with pytest.warns(UserWarning, match="breaks off or is damaged"):
        score = midi_score(whole[:18] + struct.pack(">I", length) + whole[22:], "f.mid")
    assert [note.pitch for note in score.parts[0].notes] == [70, 72]
    assert [part.instrument for part in score.parts] == ["oboe", "horn"][: len(score.parts)]


@pytest.mark.parametrize("system", [b"\0\xf8", b"\0\xf6", b"\0\xf2\1\2", b"\0\xf3\1"])
def test_messages_of_the_system_are_passed_over(system):
    score = midi_score(midi(name("Oboe") + notes(0, 70) + system + notes(0, 72)), "f.mid")
    assert [note.pitch for note in score.parts[0].notes] == [70, 72]
