"""Scores: the corpus without Bach10, and MIDI files."""

import json

import numpy as np
import pytest
from music21 import environment, note, stream, tie

from helpers.music import corpus
from helpers.music.corpus import BACH10_TITLES, chorale_names
from helpers.music.midi import read_midi, write_midi
from helpers.music.scores import (
    Note,
    Part,
    Score,
    corpus_score,
    rename_parts,
    transpose,
)

# What Bach10 recorded, and Bach's other settings of those hymns, by Bach-Werke-Verzeichnis.
BACH10_WORKS = {
    "Ach Gott und Herr": ("bwv255", "bwv48.3"),
    "Ach lieben Christen": ("bwv256", "bwv114.7"),
    "Christ der du bist Tag und Licht": ("bwv274", "bwv273"),
    "Christe du Beistand": ("bwv275",),
    "Die Nacht": ("bwv296",),
    "Die Sonne": ("bwv297",),
    "Herr Gott": ("bwv326", "bwv328"),
    "Für deinen Thron": ("bwv327",),
    "Jesus": ("bwv363", "bwv364", "bwv365", "bwv145-a"),
    "Nun bitten": ("bwv385", "bwv197.5", "bwv169.7"),
}

DUET = Score(
    "duet",
    (
        Part("violin", (Note(0.0, 1.0, 69.0, 80), Note(1.0, 0.5, 71.25, 100))),
        Part("cello", (Note(0.5, 2.0, 45.5, 64),)),
    ),
)


@pytest.fixture(scope="module")
def names():
    return chorale_names()


def melody(name: str) -> tuple[int, ...]:
    """The first twelve steps of the soprano in semitones, repeated notes counted once."""
    steps = np.diff([pitch for _, _, pitch in corpus.chorales()[name][0]["notes"]])
    return tuple(steps[steps != 0][:12])


@pytest.mark.parametrize("title", BACH10_TITLES)
def test_no_chorale_is_one_of_bach10_by_its_number(title, names):
    assert not set(names) & set(BACH10_WORKS[title])
    assert all(corpus.is_bach10(name) for name in BACH10_WORKS[title])


def test_no_chorale_has_one_of_the_ten_melodies(names):
    ten = {melody(name) for works in BACH10_WORKS.values() for name in works}
    assert [name for name in names if melody(name) in ten] == []


def test_three_hundred_and_twelve_chorales_in_four_parts_remain(names):
    assert len(names) == len(set(names)) == 312
    assert all(len(corpus.chorales()[name]) == 4 for name in names)


def test_first_bars_of_aus_meines_herzens_grunde():
    score = corpus_score("bwv269", tempo=60)
    soprano = [(note.onset, note.duration, note.pitch) for note in score.parts[0].notes[:5]]
    assert soprano == [(0, 1, 67), (1, 2, 67), (3, 1, 74), (4, 1.5, 71), (5.5, 0.5, 69)]
    assert [part.instrument for part in score.parts] == [
        "violin",
        "clarinet",
        "saxophone",
        "bassoon",
    ]


def test_twice_the_tempo_takes_half_the_time():
    slow, fast = corpus_score("bwv269", tempo=60), corpus_score("bwv269", tempo=120)
    assert fast.seconds == pytest.approx(slow.seconds / 2)


def test_the_parts_of_a_quartet_have_their_instruments():
    score = corpus_score("mozart/k80/movement1")
    assert [part.instrument for part in score.parts] == ["violin", "violin", "viola", "cello"]


def test_wrong_number_of_instruments_is_refused():
    with pytest.raises(ValueError, match="4 parts and 2 instruments"):
        corpus_score("bwv269", ["flute", "oboe"])


def test_unknown_work_is_refused_with_the_nearest():
    with pytest.raises(KeyError, match="mozart/k80/movement1"):
        corpus_score("mozart/k81/movement1")


def test_ties_are_merged_rests_kept_and_chords_spread(tmp_path):
    part = stream.Part(id="Flute")
    part.partName = "Flute"
    first, second = note.Note("C5", quarterLength=1), note.Note("C5", quarterLength=2)
    first.tie, second.tie = tie.Tie("start"), tie.Tie("stop")
    part.append([first, second, note.Rest(quarterLength=1), note.Note("E5", quarterLength=4)])
    file = tmp_path / "tied.musicxml"
    stream.Score([part]).write("musicxml", file)
    (parsed,) = corpus.parse(file)
    assert parsed == {"name": "Flute", "notes": [[0.0, 3.0, 72], [4.0, 4.0, 76]]}


def test_parsing_leaves_no_pickle_that_another_process_could_read_half_written(
    tmp_path, monkeypatch
):
    piece = stream.Score([stream.Part([note.Note("C5", quarterLength=4)])])
    file = tmp_path / "one.musicxml"
    piece.write("musicxml", file)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(environment.Environment, "getRootTempDir", lambda _: scratch)
    assert corpus.parse(file) and not list(scratch.iterdir())


def written(*lengths: str) -> str:
    """A part in MusicXML: bars in 2/4 of C5 in quarters and eighths, such as `"qq"` and `"qe"`."""
    notes = {
        kind: f"<note><pitch><step>C</step><octave>5</octave></pitch><duration>{length}</duration>"
        f"<type>{name}</type></note>"
        for kind, length, name in (("q", 2, "quarter"), ("e", 1, "eighth"))
    }
    time = "<attributes><divisions>2</divisions><time><beats>2</beats><beat-type>4</beat-type>"
    bars = (
        f'<measure number="{number}">{"" if number else time + "</time></attributes>"}'
        f"{''.join(notes[kind] for kind in bar)}</measure>"
        for number, bar in enumerate(lengths)
    )
    return "".join(bars)


def test_bars_begin_together_though_one_part_has_a_misprint(tmp_path):
    parts = {"P1": written("qq", "qq", "q"), "P2": written("qe", "qqe", "q")}
    parts["P3"] = parts["P1"]
    listed = "".join(f'<score-part id="{name}"><part-name/></score-part>' for name in parts)
    bars = "".join(f'<part id="{name}">{part}</part>' for name, part in parts.items())
    file = tmp_path / "misprint.musicxml"
    file.write_text(
        f"<score-partwise><part-list>{listed}</part-list>{bars}</score-partwise>", encoding="utf-8"
    )
    onsets = [[onset for onset, _, _ in part["notes"]] for part in corpus.parse(file)]
    assert onsets == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 4], [0, 1, 2, 3, 4]]


def test_cached_work_is_the_parsed_work(tmp_path, monkeypatch):
    monkeypatch.setenv("DIVISI_CACHE", str(tmp_path))
    parsed = corpus.work("bwv269")
    (file,) = (tmp_path / "scores").glob("*.json")
    assert json.loads(file.read_text()) == parsed == corpus.work("bwv269")


def test_midi_survives_writing_and_reading(tmp_path):
    write_midi(DUET, tmp_path / "duet.mid")
    score = read_midi(tmp_path / "duet.mid")
    assert score.title == "duet"
    assert [part.instrument for part in score.parts] == ["violin", "cello"]
    for part, expected in zip(score.parts, DUET.parts, strict=True):
        for copy, original in zip(part.notes, expected.notes, strict=True):
            assert copy.onset == pytest.approx(original.onset, abs=0.001)
            assert copy.duration == pytest.approx(original.duration, abs=0.001)
            assert copy.pitch == pytest.approx(original.pitch, abs=0.001)
            assert copy.velocity == original.velocity


def test_file_that_is_no_midi_is_refused_by_name(tmp_path):
    (tmp_path / "notes.mid").write_text("do re mi")
    with pytest.raises(ValueError, match=r"notes\.mid"):
        read_midi(tmp_path / "notes.mid")


def test_octave_up_and_down_is_the_same_score():
    assert transpose(transpose(DUET, 12), -12) == DUET
    assert transpose(DUET, 0.5).parts[0].notes[0].pitch == 69.5


def test_parts_get_other_instruments_by_their_written_names():
    parts = [Part("piano", (), name=name) for name in ("Clarinet in A", "Solo", "solo ")]
    score = rename_parts(Score("trio", tuple(parts)), {"clarinet in a": "clarinet", "Solo": "vn 2"})
    assert [(part.instrument, part.number) for part in score.parts] == [
        ("clarinet", None), ("violin", 2), ("violin", 2),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no part 'Horn'; its parts are 'Clarinet in A', 'Solo'"):
        rename_parts(Score("trio", tuple(parts)), {"Horn": "horn"})
    with pytest.raises(KeyError, match="theremin"):
        rename_parts(Score("trio", tuple(parts)), {"Solo": "theremin"})
