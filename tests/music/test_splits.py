"""No melody is in two splits, and none is in Bach10."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from experiments import splits as script
from helpers.music import corpus
from helpers.music import splits as table
from helpers.music.scores import corpus_score
from helpers.music.splits import KINDS, SPLITS, TEST, kind_of, names

HELD_OUT = (*names("chorale", "validation"), *TEST)

# What Bach10 recorded, and Bach's other settings of those hymns, by Bach-Werke-Verzeichnis.
BACH10_WORKS = {
    "bwv255", "bwv48.3", "bwv256", "bwv114.7", "bwv274", "bwv273", "bwv275", "bwv296", "bwv297",
    "bwv326", "bwv328", "bwv327", "bwv363", "bwv364", "bwv365", "bwv145-a", "bwv385", "bwv197.5",
    "bwv169.7",
}  # fmt: skip


@pytest.fixture(scope="module")
def splits():
    """The names of each split."""
    return {split: names("chorale", split) for split in SPLITS}


def melody(name: str, length: int) -> tuple[int, ...]:
    """The first intervals of the soprano in semitones, repeated notes counted once."""
    steps = np.diff([pitch for _, _, pitch in corpus.chorales()[name][0]["notes"]])
    return tuple(steps[steps != 0][:length])


def opus(work: str) -> str:
    """`mozart/k80/movement1` is of `mozart/k80`."""
    return "/".join(work.split("/")[:2])


def titles(name: str) -> set[str]:
    """The hymns of a chorale, their letters only."""
    listed = corpus._titles().get(name, [])
    return {"".join(filter(str.isalpha, title.lower())) for title in listed}


def test_every_chorale_is_in_exactly_one_split(splits):
    chorales = [name for split in splits.values() for name in split]
    assert len(chorales) == len(set(chorales)) == 312
    assert set(chorales) == set(corpus.chorale_names())


def test_the_table_is_what_its_script_writes(tmp_path):
    script.write(tmp_path / "splits.csv")
    beside = Path(table.__file__).with_name("splits.csv")
    assert (tmp_path / "splits.csv").read_text() == beside.read_text()


def test_every_work_is_listed_once_and_is_in_the_corpus():
    works = [work for kind in KINDS for split in SPLITS for work in names(kind, split)]
    assert len(works) == len(set(works)) == 371
    assert set(works) <= set(corpus.works())


def test_all_movements_of_a_quartet_are_in_one_split():
    quartets = [{opus(work) for work in names("quartet", split)} for split in SPLITS]
    assert [len(each) for each in quartets] == [13, 2, 2]
    assert len(set().union(*quartets)) == 17


def test_quartets_and_piano_music_train_validate_and_test():
    assert "mozart/k80/movement1" in names("quartet", "training")
    assert "mozart/k156/movement1" in names("quartet", "validation")
    assert "haydn/opus74no1/movement1" in names("quartet", "test")
    assert names("piano", "validation") == ["cpebach/h186"]
    assert names("piano", "test") == ["chopin/mazurka06-2", "mozart/k545/movement1_exposition"]
    assert len(names("piano", "training")) == 5


def test_the_kind_of_a_work_is_known():
    assert kind_of("bwv269") == "chorale"
    assert kind_of("mozart/k80/movement1") == "quartet"
    assert kind_of("joplin/maple_leaf_rag") == "piano"


def test_an_unlisted_work_is_refused_with_the_nearest():
    with pytest.raises(KeyError, match="'mozart/k81/movement1'; the nearest are: mozart/k80"):
        kind_of("mozart/k81/movement1")


@pytest.mark.parametrize("arguments", [("sonata", "test"), ("piano", "dev")])
def test_an_unknown_kind_or_split_is_refused(arguments):
    with pytest.raises(ValueError, match="'sonata'.*chorale, quartet|'dev'.*training, validation"):
        names(*arguments)


@pytest.mark.parametrize("split", ["training", "validation", "test"])
def test_no_split_holds_a_chorale_of_bach10_by_its_number(splits, split):
    assert not set(splits[split]) & BACH10_WORKS
    assert not any(corpus.is_bach10(name) for name in splits[split])


@pytest.mark.parametrize("split", ["training", "validation", "test"])
def test_no_split_holds_a_melody_of_bach10(splits, split):
    """By twelve intervals: two other hymns begin with the first line of bwv326."""
    ten = {melody(name, 12) for name in BACH10_WORKS}
    assert [name for name in splits[split] if melody(name, 12) in ten] == []


def test_held_out_melodies_occur_nowhere_else_in_the_corpus():
    counts = Counter(melody(name, 8) for name in corpus.chorales())
    assert [name for name in HELD_OUT if counts[melody(name, 8)] > 1] == []


@pytest.mark.parametrize("name", HELD_OUT)
def test_held_out_hymns_occur_nowhere_else_in_the_corpus(name):
    hymns = titles(name)
    assert hymns
    assert [other for other in corpus.chorales() if other != name and titles(other) & hymns] == []


@pytest.mark.parametrize("name", HELD_OUT)
def test_held_out_chorales_last_thirty_to_ninety_seconds(name):
    assert 30.0 <= corpus_score(name).seconds <= 90.0
