"""What the index of a folder of recorded notes says, in every layout that there is."""

from __future__ import annotations

import pytest

from helpers.synthesis.note_index import (
    indexed_notes,
    note_players,
    read_index,
    recorded_phrases,
)


def folder(tmp_path, text: str, name: str = "notes"):
    root = tmp_path / name
    root.mkdir()
    (root / "index.csv").write_text(text, encoding="utf-8")
    return root


def test_an_index_in_the_layout_of_the_philharmonia(tmp_path):
    root = folder(
        tmp_path,
        "instrument,pitch,length,dynamic,file\n"
        "french_horn,A#4,15,mezzo-forte,a.mp3\n"
        "kazoo,A4,1,forte,b.mp3\n"
        "cor anglais,C3,very-long,cresc-decresc,c.mp3\n"
        "violin,G3,phrase,piano,d.mp3\n",
    )
    horn, english_horn, violin = indexed_notes(root)
    assert (horn.instrument, horn.pitch, horn.dynamic, horn.swells) == ("horn", 70, 3.0, False)
    assert (english_horn.instrument, english_horn.pitch) == ("english-horn", 48)
    assert (english_horn.dynamic, english_horn.swells) == (2.5, True)
    assert violin.phrase and not horn.phrase
    assert recorded_phrases(root) == {"violin": [root / "d.mp3"]}
    assert note_players(root) == [root] and note_players(root, "violin") == []


def test_layers_go_from_pianissimo_to_fortissimo_and_the_folder_names_the_instrument(tmp_path):
    root = folder(
        tmp_path, "pitch,layer,file\nA0,2,a.mp3\nA0,5,b.mp3\nC8,14,c.mp3\n", "grand_piano"
    )
    notes = indexed_notes(root)
    assert {note.instrument for note in notes} == {"piano"}
    assert [note.dynamic for note in notes] == pytest.approx([0.0, 1.25, 5.0])
    assert [note.pitch for note in notes] == [21, 21, 108]
    short = folder(tmp_path, "pitch,layer,file\n60,PP,a.ogg\n61,MF,b.ogg\n108,FF,c.ogg\n", "piano")
    assert [(note.pitch, note.dynamic) for note in indexed_notes(short)] == [
        (60, 0.0), (61, 3.0), (108, 5.0),
    ]  # fmt: skip


def test_a_set_is_a_player_with_its_own_layers_and_gains(tmp_path):
    root = folder(
        tmp_path,
        "instrument,pitch,dynamic,file,gain_db,set\n"
        "cello,C3,forte,a.ogg,6.5,old\n"
        "cello,C3,level1,b.ogg,-1,new\n"
        "cello,C3,level5,c.ogg,,new\n"
        "tuba,C3,level9,d.ogg,0,third\n",
    )
    assert note_players(root) == [root / "old", root / "new", root / "third"]
    assert note_players([root], "cello") == [root / "old", root / "new"]
    assert note_players(root / "new") == [root / "new"]
    first, second = indexed_notes(root / "new")
    assert (first.dynamic, first.gain, second.dynamic, second.gain) == (0.0, -1.0, 5.0, 0.0)
    assert [note.dynamic for note in indexed_notes(root / "third")] == [2.5]


def test_a_changed_index_is_read_again(tmp_path):
    root = folder(tmp_path, "instrument,pitch,dynamic,file\noboe,A4,forte,a.wav\n")
    assert indexed_notes(root)[0].pitch == 69
    text = "instrument,pitch,dynamic,file\noboe,B4,forte,a.wav\noboe,C5,forte,a.wav\n"
    (root / "index.csv").write_text(text)
    (root / "index.csv").touch()
    assert [note.pitch for note in indexed_notes(root)] == [71, 72]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",A4,forte,a.wav,1", "line 2 .*its instrument is ''"),
        ("oboe,A4,level,a.wav,1", "its dynamic is 'level'"),
        ("oboe,A4,forte,a.wav,loud", "its gain_db is 'loud'"),
        ("oboe,A4,forte,,1", "its file is ''"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(tmp_path, row, message):
    root = folder(tmp_path, f"instrument,pitch,dynamic,file,gain_db\n{row}\n")
    with pytest.raises(ValueError, match=message):
        indexed_notes(root)


def test_only_the_columns_that_are_asked_for_are_checked(tmp_path):
    root = folder(tmp_path, "file\na.wav\n")
    assert [row["file"] for row in read_index(root / "index.csv", "file")] == ["a.wav"]


def test_a_set_with_an_index_of_its_own_is_the_same_player(tmp_path):
    header = "instrument,pitch,dynamic,file,gain_db,set"
    for folder, file in {"": "one/a.wav", "one": "a.wav"}.items():
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "index.csv").write_text(f"{header}\nviolin,A4,forte,{file},0,one\n")
    assert note_players(tmp_path) == note_players(tmp_path / "one") == [tmp_path / "one"]
