"""MusicXML as notation programs write it: what it says in seconds and at sounding pitch."""

from __future__ import annotations

import io
import warnings
import zipfile

import pytest

from helpers.music import musicxml
from helpers.music.corpus import parse
from helpers.music.musicxml import read_musicxml, unfoldings
from helpers.music.scores import Score

SLOW = '<direction><direction-type/><sound tempo="60"/></direction>'  # a quarter is a second
FAST = '<direction><direction-type/><sound tempo="240"/></direction>'
REPEAT = '<barline location="right"><repeat direction="backward"{}/></barline>'


def note(step: str, octave: int = 5, length: int = 1, staff: int | None = None) -> str:
    stave = f"<staff>{staff}</staff>" if staff else ""
    return (
        f"<note><pitch><step>{step}</step><octave>{octave}</octave></pitch>"
        f"<duration>{length}</duration><type>quarter</type>{stave}</note>"
    )


def bar(content: str, number: int = 1, attributes: str = "") -> str:
    if number == 1:
        time = "<time><beats>4</beats><beat-type>4</beat-type></time>"
        content = f"<attributes><divisions>1</divisions>{time}{attributes}</attributes>{content}"
    return f'<measure number="{number}">{content}</measure>'


FOUR = "".join(map(note, "CDEF"))


def transposed(chromatic: int, diatonic: int, octaves: int = 0) -> str:
    change = f"<octave-change>{octaves}</octave-change>" if octaves else ""
    return (
        f"<transpose><diatonic>{diatonic}</diatonic><chromatic>{chromatic}</chromatic>{change}"
        "</transpose>"
    )


def document(**parts: str) -> str:
    """Parts by name; `_` is a blank."""
    listed, bodies = "", ""
    for index, (name, bars) in enumerate(parts.items(), 1):
        written = name.replace("_", " ")
        listed += f'<score-part id="P{index}"><part-name>{written}</part-name></score-part>'
        bodies += f'<part id="P{index}">{bars}</part>'
    return (
        '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD '
        'MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">'
        f"<score-partwise><part-list>{listed}</part-list>{bodies}</score-partwise>"
    )


def read(tmp_path, content: str | bytes, name: str = "piece.musicxml") -> Score:
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(data)
    return read_musicxml(tmp_path / name)


def pitches(score: Score, part: int = 0) -> list[float]:
    return [note.pitch for note in score.parts[part].notes]


@pytest.mark.parametrize(
    ("name", "change", "shift"),
    [
        ("Clarinet_in_Bb", transposed(-2, -1), -2),
        ("Klarinette_in_A", transposed(-3, -2), -3),
        ("Horn_in_F", transposed(-7, -4), -7),
        ("Kontrabass", transposed(0, 0, -1), -12),
        ("Clarinet_in_Bb", "", 0),  # written where it sounds
    ],
)
def test_transposing_instruments_sound_where_they_sound(tmp_path, name, change, shift):
    score = read(tmp_path, document(Flute=bar(FOUR), **{name: bar(FOUR, attributes=change)}))
    assert pitches(score) == [72, 74, 76, 77]
    assert pitches(score, 1) == [72 + shift, 74 + shift, 76 + shift, 77 + shift]


def test_the_rows_of_a_corpus_work_are_at_sounding_pitch(tmp_path):
    file = tmp_path / "horn.musicxml"
    file.write_text(document(Horn=bar(FOUR, attributes=transposed(-7, -4))), encoding="utf-8")
    assert [pitch for _, _, pitch in parse(file)[0]["notes"]] == [65, 67, 69, 70]


def test_tempi_and_repeats_are_played(tmp_path):
    bars = bar(SLOW + FOUR) + bar(FAST + FOUR + REPEAT.format(""), 2)
    onsets = [note.onset for note in read(tmp_path, document(Oboe=bars)).parts[0].notes]
    once = [0, 1, 2, 3, 4, 4.25, 4.5, 4.75]
    assert onsets == pytest.approx([*once, *(5 + onset for onset in once)])


def test_repeats_that_contradict_each_other_are_played_once(tmp_path):
    forward = '<barline location="left"><repeat direction="forward"/></barline>'
    bars = bar(FOUR) + bar(forward + FOUR, 2) + bar(forward + FOUR, 3)
    assert len(pitches(read(tmp_path, document(Oboe=bars)))) == 12


GRACE = note("B", 4).replace("<note>", "<note><grace/>").replace("<duration>1</duration>", "")


def line(score: Score, part: int = 0) -> list[tuple[float, float, float]]:
    """Onset, duration in quarter notes of half a second, and pitch of each note of a part."""
    return [(2 * n.onset, 2 * n.duration, n.pitch) for n in score.parts[part].notes]


def test_grace_notes_are_played_on_the_beat_and_chord_symbols_move_nothing(tmp_path):
    symbol = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
    score = read(tmp_path, document(Oboe=bar(symbol + note("C") + GRACE + note("D"))))
    assert line(score) == [(0, 1, 72), (1, 0.125, 71), (1.125, 0.875, 74)]
    short = note("D").replace("quarter", "16th").replace("<duration>1<", "<duration>0.25<")
    score = read(tmp_path, document(Oboe=bar(GRACE + GRACE + GRACE + GRACE + short)))
    assert line(score)[-1] == (0.125, 0.125, 74)


def test_grace_notes_that_no_note_follows_are_left_out(tmp_path):
    with pytest.warns(UserWarning, match=r"grace notes \(1\) at the end of a bar"):
        score = read(tmp_path, document(Oboe=bar(FOUR + GRACE)))
    assert pitches(score) == [72, 74, 76, 77]


def ornamented(mark: str) -> str:
    notations = f"<notations><ornaments>{mark}</ornaments></notations>"
    return note("C").replace("</note>", notations + "</note>")


@pytest.mark.parametrize(
    ("mark", "played"),
    [
        ("<trill-mark/>", [72, 74] * 4),
        ("<mordent/>", [72, 71, 72]),
        ("<turn/>", [74, 72, 71, 72]),
        ('<tremolo type="single">1</tremolo>', [72, 72]),
        ('<tremolo type="single">3</tremolo>', [72]),
    ],
)
def test_ornaments_are_written_out_in_the_time_of_their_note(tmp_path, mark, played):
    score = read(tmp_path, document(Oboe=bar(ornamented(mark) + note("D"))))
    assert [pitch for _, _, pitch in line(score)] == [*played, 74]
    assert line(score)[-1][:2] == (1, 1)
    assert sum(duration for _, duration, _ in line(score)) == pytest.approx(2)


def test_hidden_empty_and_cue_parts_are_no_players(tmp_path):
    hidden = FOUR.replace("<note>", '<note print-object="no">')
    cue = FOUR.replace("<note>", "<note><cue/>")
    empty = bar("<note><rest/><duration>4</duration></note>")
    parts = document(Oboe=bar(FOUR), Flute=bar(hidden), Horn=bar(cue), Tuba=empty)
    assert [part.instrument for part in read(tmp_path, parts).parts] == ["oboe"]


def test_percussion_is_left_out_with_a_warning(tmp_path):
    unpitched = (
        "<note><unpitched><display-step>E</display-step><display-octave>4</display-octave>"
        "</unpitched><duration>4</duration></note>"
    )
    with pytest.warns(UserWarning) as told:
        score = read(tmp_path, document(Oboe=bar(FOUR), Drumset=bar(unpitched)))
    assert ["percussion" in str(warning.message) for warning in told] == [True]
    assert [part.instrument for part in score.parts] == ["oboe"]


def test_numbered_players_are_parts_of_their_own(tmp_path):
    parts = document(Violin_I=bar(FOUR), Violin_II=bar(FOUR), Viola=bar(FOUR))
    players = [(part.instrument, part.number) for part in read(tmp_path, parts).parts]
    assert players == [("violin", 1), ("violin", 2), ("viola", None)]


def ending(number: int, side: str, kind: str) -> str:
    return f'<barline location="{side}"><ending number="{number}" type="{kind}"/>'


def test_every_choice_of_repeats_is_offered(tmp_path):
    first = ending(1, "left", "start") + "</barline>" + note("D") * 4
    first += ending(1, "right", "stop") + '<repeat direction="backward"/></barline>'
    second = ending(2, "left", "start") + "</barline>" + note("E") * 4
    second += ending(2, "right", "discontinue") + "</barline>"
    last = note("F") * 4 + REPEAT.format("")
    forward = '<barline location="left"><repeat direction="forward"/></barline>'
    bars = bar(note("C") * 4) + bar(first, 2) + bar(second, 3) + bar(forward + last, 4)
    file = tmp_path / "piece.musicxml"
    file.write_text(document(Oboe=bars, Horn=bars), encoding="utf-8")
    names = {72: "C", 74: "D", 76: "E", 77: "F"}
    for part in (0, 1):
        played = ["".join(names[p] for p in pitches(s, part)[::4]) for s in unfoldings(file)]
        assert played == ["CDCEFF", "CDCEF", "CEFF", "CEF"]


def test_an_octave_line_leaves_the_pitches_as_the_file_gives_them(tmp_path):
    line, stop = (
        f'<direction><direction-type><octave-shift type="{kind}" size="8"/></direction-type>'
        "</direction>"
        for kind in ("down", "stop")
    )
    part = bar(line + FOUR + stop, attributes=transposed(-2, -1))
    assert pitches(read(tmp_path, document(Clarinet=part))) == [70, 72, 74, 75]


def test_dynamics_are_velocities(tmp_path):
    soft, loud = (
        f"<direction><direction-type><dynamics><{each}/></dynamics></direction-type></direction>"
        for each in ("pp", "ff")
    )
    bars = bar(soft + FOUR) + bar(loud + FOUR, 2)
    notes = read(tmp_path, document(Oboe=bars)).parts[0].notes
    assert notes[0].velocity < 64 < 100 < notes[-1].velocity


def test_two_staves_are_one_pianist_and_two_violins_two_players(tmp_path):
    upper = "".join(note(step, staff=1) for step in "CDEF")
    lower = "".join(note(step, 3, staff=2) for step in "CDEF")
    back = "<backup><duration>4</duration></backup>"
    piano = bar(upper + back + lower, attributes="<staves>2</staves>")
    score = read(tmp_path, document(Violine=bar(FOUR), Violin=bar(FOUR), Klavier=piano))
    assert [part.instrument for part in score.parts] == ["violin", "violin", "piano"]
    assert pitches(score, 2) == [48, 72, 50, 74, 52, 76, 53, 77]


def test_a_part_that_names_no_instrument_is_told(tmp_path):
    with pytest.warns(UserWarning, match=r"^piece\.musicxml: 'Kazoo' names no instrument"):
        score = read(tmp_path, document(Kazoo=bar(FOUR), Oboe=bar(FOUR)))
    assert [part.instrument for part in score.parts] == ["piano", "oboe"]


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_every_encoding_that_is_declared_is_read(tmp_path, coding):
    declared = document(Flöte=bar(FOUR)).replace("UTF-8", coding.removesuffix("-sig"))
    score = read(tmp_path, declared.encode(coding))
    assert [part.instrument for part in score.parts] == ["flute"]


# Archives


def packed(**files: str | bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def container(path: str) -> dict[str, str]:
    rootfile = f'<rootfiles><rootfile full-path="{path}"/></rootfiles>'
    return {"META-INF/container.xml": f"<container>{rootfile}</container>"}


def test_a_packed_score_is_the_one_that_its_container_names(tmp_path):
    other = {"a.xml": document(Tuba=bar(FOUR)), "scores/b.xml": document(Oboe=bar(FOUR))}
    score = read(tmp_path, packed(**container("scores/b.xml"), **other), "piece.mxl")
    assert [part.instrument for part in score.parts] == ["oboe"] and score.title == "piece"
    assert read(tmp_path, packed(**other), "piece.mxl").parts[0].instrument == "tuba"


def test_an_archive_that_grows_without_end_is_refused_and_nothing_is_unpacked(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(musicxml, "LARGEST", 1 << 20)
    bomb = packed(**{"s.xml": b" " * (50 << 20)})
    assert len(bomb) < 1 << 20
    with pytest.raises(ValueError, match=r"^piece\.mxl: larger than 1 MB"):
        read(tmp_path, bomb, "piece.mxl")
    escaping = packed(**container("../../outside.xml"), **{"../x.xml": document(Oboe=bar(FOUR))})
    with pytest.raises(ValueError, match=r"^piece\.mxl: the archive holds no score"):
        read(tmp_path, escaping, "piece.mxl")
    assert [file.name for file in tmp_path.iterdir()] == ["piece.mxl"]


# Refused


ENTITIES = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{ENTITIES}<score-partwise>&b;</score-partwise>", "declares entities"),
        (f"{OUTSIDE}<score-partwise>&a;</score-partwise>", "declares entities"),
        ("<score-timewise/>", "begins with <score-timewise>, not with <score-partwise>; export it"),
        ("<museScore/>", "export it as MusicXML"),
        ("<svg/>", "begins with <svg>"),
        ("<score-partwise><part>", "not well-formed"),
        ("<score-partwise>" + "<a>" * 5000, "nested deeper"),
        (document(Oboe=bar(FOUR + REPEAT.format(' times="99999"'))), "more than 16 times"),
        (document(Oboe=bar(FOUR).replace("s>4</b", "s>99999999</b")), "<beats> is 99999999"),
        (document(Oboe=bar(FOUR).replace(">1</div", ">0</div")), "cannot read this score"),
        (b"PK\3\4 and no more", "not a readable archive"),
        (b"\xff\xfe\0", "its text is not in"),
        (b'<?xml version="1.0" encoding="klingon"?><score-partwise/>', "not in klingon"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value[:20],
)
def test_what_is_no_score_is_refused_in_one_sentence(tmp_path, content, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=rf"^piece\.musicxml: .*{message}") as caught:
            read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_cue_notes_are_not_played(tmp_path):
    cue = note("G").replace("<note>", "<note><cue/>")
    chord = note("B").replace("<note>", "<note><cue/><chord/>")
    score = read(tmp_path, document(Oboe=bar(note("C") + cue + chord + note("D"))))
    assert [(n.onset, n.pitch) for n in score.parts[0].notes] == [(0, 72), (1.0, 74)]


def test_bars_are_played_in_the_order_of_endings_and_keep_their_numbers(tmp_path):
    first = ending(1, "left", "start") + "</barline>" + FOUR
    first += ending(1, "right", "stop") + '<repeat direction="backward"/></barline>'
    second = ending(2, "left", "start") + "</barline>" + FAST + FOUR
    second += ending(2, "right", "discontinue") + "</barline>"
    part = bar(SLOW + FOUR) + bar(first, 2) + bar(second, 3) + bar(FOUR, 4)
    (tmp_path / "piece.musicxml").write_text(document(Oboe=part), encoding="utf-8")
    taken, left = unfoldings(tmp_path / "piece.musicxml")
    assert taken.bars == (("1", 0), ("2", 4), ("1", 8), ("3", 12), ("4", 13))
    assert left.bars == (("1", 0), ("3", 4), ("4", 5))


def test_a_da_capo_plays_its_bars_again_by_their_numbers(tmp_path):
    fine, back = (
        f"<direction><direction-type><words>{words}</words></direction-type><sound {sound}/>"
        "</direction>"
        for words, sound in (("Fine", 'fine="yes"'), ("D.C. al Fine", 'dacapo="yes"'))
    )
    part = bar(SLOW + FOUR + fine).replace('number="1"', 'number="7"') + bar(FOUR + back, 8)
    score = read(tmp_path, document(Oboe=part))
    assert score.bars == (("7", 0), ("8", 4), ("7", 8))
    assert len(pitches(score)) == 12


def test_the_number_of_a_bar_is_one_line_without_quotation_marks(tmp_path):
    part = bar(FOUR) + bar(FOUR, 2).replace('number="2"', "number='X&#10;\"`&apos;1'")
    assert [number for number, _ in read(tmp_path, document(Oboe=part)).bars] == ["1", "X 1"]
