"""Licences, scores and splits of the recordings of a data set."""

from pathlib import Path

import pytest

from helpers.archives.listing import Entry
from helpers.archives.works import described, find_scores, groups, passages, splits
from helpers.folders import FolderError
from helpers.music.scores import Note, Part, Score, corpus_score, transpose


def entry(folder, name):
    return Entry(folder / f"{name}.wav", name, 1.0, 1)


def test_the_table_goes_before_what_holds_for_all(tmp_path):
    table = "recording,work,source,licence\na.wav,Octet,an archive,CC0\nb,Octet,,\n"
    (tmp_path / "recordings.csv").write_text(table)
    entries = [entry(tmp_path, name) for name in "abc"]
    found = described(entries, tmp_path, "CC BY 4.0", "a concert")
    assert [each.work for each in found.values()] == ["Octet", "Octet", "c"]
    assert [each.licence for each in found.values()] == ["CC0", "CC BY 4.0", "CC BY 4.0"]
    assert [each.source for each in found.values()] == ["an archive", "a concert", "a concert"]


def test_a_table_with_other_columns_is_refused(tmp_path):
    (tmp_path / "recordings.csv").write_text("file,licence\na.wav,CC0\n")
    with pytest.raises(FolderError, match="its columns should be recording, work, source, licence"):
        described([entry(tmp_path, "a")], tmp_path)
    (tmp_path / "recordings.csv").write_text("recording,licence\na.wav,CC0, or later\n")
    with pytest.raises(FolderError, match="more cells than columns"):
        described([entry(tmp_path, "a")], tmp_path)


def test_scores_lie_beside_the_recordings_or_elsewhere(tmp_path):
    folder, scores = tmp_path / "audio", tmp_path / "scores"
    (folder / "disc").mkdir(parents=True)
    scores.mkdir()
    for path in (folder / "disc" / "a.mid", scores / "a.musicxml", scores / "b.mxl"):
        path.touch()
    entries = [Entry(folder / "disc" / f"{name}.wav", f"disc/{name}.wav", 1.0, 1) for name in "abc"]
    assert find_scores(entries, folder, folder) == {"disc/a.wav": folder / "disc" / "a.mid"}
    assert find_scores(entries, folder, scores) == {
        "disc/a.wav": scores / "a.musicxml",
        "disc/b.wav": scores / "b.mxl",
    }
    (scores / "b.mid").touch()
    with pytest.raises(FolderError, match="the recording disc/b.wav has another score"):
        find_scores(entries, folder, scores)


def test_an_excerpt_in_another_key_belongs_to_its_chorale_and_other_chorales_do_not():
    first, second = corpus_score("bwv269"), corpus_score("bwv347")
    excerpt = Score("excerpt", tuple(
        Part(part.instrument, tuple(n for n in part.notes if 5 < n.onset < 20))
        for part in transpose(first, -4).parts
    ))  # fmt: skip
    works = {"whole": "BWV 269", "excerpt": "unknown", "other": "BWV 347", "copy": "BWV 347"}
    melodies = {"whole": passages(first), "excerpt": passages(excerpt), "other": passages(second)}
    found = groups(works, melodies)
    assert found["whole"] == found["excerpt"] == "BWV 269"
    assert found["other"] == found["copy"] == "BWV 347"


def test_scales_and_repeated_notes_are_no_melody():
    scale = Part("violin", tuple(Note(i, 1.0, 60 + i) for i in range(20)))
    repeated = Part("cello", tuple(Note(i, 1.0, 48) for i in range(20)))
    assert passages(Score("exercise", (scale, repeated))) == set()


def test_splits_have_whole_groups_and_about_a_tenth_of_the_time():
    of = {f"{group}-{take}": f"work {group}" for group in range(50) for take in range(3)}
    found = splits(of, {name: 60.0 for name in of})
    for group in range(50):
        assert len({found[f"{group}-{take}"] for take in range(3)}) == 1
    shares = [list(found.values()).count(name) / len(of) for name in ("validation", "test")]
    assert shares == pytest.approx([0.1, 0.1], abs=0.02)
    assert found == splits(dict(reversed(of.items())), {name: 60.0 for name in of})


def test_three_works_fill_three_splits_and_two_leave_something_to_train_on():
    three = splits({"a": "a", "b": "b", "c": "c"}, {"a": 1.0, "b": 1.0, "c": 1.0})
    assert sorted(three.values()) == ["test", "train", "validation"]
    two = splits({"a": "a", "b": "b"}, {"a": 1.0, "b": 1.0})
    assert "train" in two.values()
    assert splits({"a": "a"}, {"a": 1.0}) == {"a": "train"}


def test_a_recording_below_a_folder_is_known_by_its_path(tmp_path):
    (tmp_path / "recordings.csv").write_text("recording,licence,source\ndisc/a.wav,CC0,here\n")
    found = described([Entry(tmp_path / "disc" / "a.wav", "disc/a", 1.0, 1)], Path(tmp_path))
    assert found["disc/a"].recording == "disc/a.wav"
