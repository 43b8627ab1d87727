"""scripts/quotes.py finds wrong, unlisted and stale words, on a made-up page and table."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import quotes
from quotes import Order, Quote, rounds_to, value

from helpers.evaluation.results import append
from helpers.evaluation.rows import Provenance, Row

#: SI-SDR by system and seed.
VALUES = {("plain", 0): 1.0, ("plain", 1): 2.5, ("better", 0): 3.0, ("better", 1): 4.26}
LISTED = """
[[quote]]
page = "README.md"
words = "reaches 3.6 dB, the plain one 1.8 dB"
table = "tiny"
of = [{ system = "better" }, { system = "plain" }]

[[order]]
page = "README.md"
words = "better with every seed"
table = "tiny"
above = { system = "better" }
below = { system = "plain" }
same = ["seed"]

[constants]
"README.md" = ["20 dB is ten percent"]
"""
PAGE = """# Tiny

The network reaches 3.6 dB, the plain one 1.8 dB, and is better with every seed. An error of
20 dB is ten percent. In our run a note is 7 dB too loud. Another is
8 dB too soft.

| a table | 99 dB |
"""


@pytest.fixture
def root(tmp_path):
    for folder in ("scripts", "docs", "Notebooks"):
        (tmp_path / folder).mkdir()
    where = Provenance("none", "tones", commit="0", profile="full")
    stem = {"track": "one", "instrument": "violin", "metric": "SI-SDR", "n_seconds": 1.0}
    rows = [
        Row(**asdict(replace(where, seed=seed)), **stem, system=system, value=number)
        for (system, seed), number in VALUES.items()
    ]
    append(tmp_path / "Results" / "tiny.csv", rows)
    (tmp_path / "README.md").write_text(PAGE)
    (tmp_path / quotes.LIST).write_text(LISTED)
    return tmp_path


def edit(path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_page_that_says_what_the_table_says_has_no_faults(root, capsys):
    assert quotes.faults(root) == []
    assert quotes.main(root) == 0
    assert "1 quotes and 1 orders, 0 wrong" in capsys.readouterr().out


def test_a_wrong_number_is_found(root):
    edit(root / "README.md", "3.6 dB", "3.7 dB")
    edit(root / quotes.LIST, "3.6 dB", "3.7 dB")
    (fault,) = quotes.faults(root)
    assert fault == "WRONG README.md: reaches 3.7 dB, the plain one 1.8 dB [3.63, 1.75]"
    assert quotes.main(root) == 1


def test_a_number_that_changes_on_the_page_alone_is_found(root):
    edit(root / "README.md", "3.6 dB", "3.7 dB")
    faults = quotes.faults(root)
    assert [fault.split(" README")[0] for fault in faults] == ["NOT ON THE PAGE", "NOT LISTED"]


@pytest.mark.parametrize(
    "sentence",
    [
        "It is 5 dB better.",
        "It is -5.5 decibels.",
        "It is three decibels better.",
        "It wins with both seeds.",
        "All nine runs are better.",
        "In our run (`Results/tiny.csv`) it is 5 dB better.",
    ],
)
def test_a_sentence_that_nobody_lists_is_found(root, sentence):
    with (root / "README.md").open("a") as page:
        page.write(f"\n{sentence} The next sentence is fine.\n")
    assert quotes.faults(root) == [f"NOT LISTED README.md: {sentence}"]


def test_a_second_number_in_a_listed_sentence_is_found(root):
    edit(root / "README.md", "plain one 1.8 dB,", "plain one 1.8 dB, the mixture 0.3 dB,")
    (fault,) = quotes.faults(root)
    assert "NOT LISTED" in fault and "0.3 dB" in fault


def test_a_chapter_is_read_without_its_code_and_formulas(root):
    chapter = root / "Notebooks" / "01_tiny.py"
    chapter.write_text(
        "# %% [markdown]\n# Fine.\n#\n# $$x < 5 \\text{ dB}$$\n#\n# Now it is\n# 6 dB.\n\n"
        '# %%\nprint("7 dB")\n'
    )
    assert quotes.faults(root) == ["NOT LISTED Notebooks/01_tiny.py: Now it is 6 dB."]


def test_words_on_no_page_are_found(root):
    edit(root / quotes.LIST, "20 dB is ten percent", "20 dB is two percent")
    edit(root / quotes.LIST, '"README.md" = [', '"docs/gone.md" = ["1 dB"]\n"README.md" = [')
    faults = quotes.faults(root)
    assert "NOT ON THE PAGE README.md: 20 dB is two percent" in faults
    assert "NOT ON THE PAGE docs/gone.md: 1 dB" in faults


def test_an_order_holds_for_every_pair_of_means(root):
    above, below = {"system": "better"}, {"system": "plain"}
    order = Order("README.md", "better", "tiny", above, below, each=["seed"])
    assert order.values(root) == pytest.approx([3.0 - 2.5])
    assert order.is_right(root)
    within_a_seed = Order("README.md", "better", "tiny", above, below, same=["seed"])
    assert within_a_seed.values(root) == pytest.approx([4.26 - 2.5])
    assert not Order("README.md", "worse", "tiny", below, above, each=["seed"]).is_right(root)
    assert not Order("README.md", "2 dB better", "tiny", above, below).is_right(root)


@pytest.mark.parametrize(
    "take, over, expected",
    [
        ("mean", [], 2.69),
        ("min", ["system"], 1.75),
        ("max", ["system", "seed"], 4.26),
        ("range", ["system"], 1.88),
        ("range", ["system", "seed"], 1.5),  # of the seeds of `plain`
        ("range", ["seed", "system"], 2.0),  # of the systems with seed 0
    ],
)
def test_means_ranges_and_extremes_have_known_answers(root, take, over, expected):
    assert value(root, "tiny", {"take": take, "over": over}) == pytest.approx(expected)


def test_rows_that_no_table_has_are_an_error(root):
    with pytest.raises(LookupError, match="tiny.csv has no rows"):
        value(root, "tiny", {"system": "missing"})


@pytest.mark.parametrize(
    "number, written, right",
    [
        (3.64, "3.6", True),
        (3.66, "3.6", False),
        (3.65, "3.6", True),  # both roundings of a half are right
        (3.65, "3.7", True),
        (3.4, "3", True),
        (-4.8, "-4.8", True),
        (-4.8, "−4.8", True),
        (-4.8, "4.8", False),
    ],
)
def test_a_number_is_right_if_it_is_the_value_rounded_as_it_is_written(number, written, right):
    assert rounds_to(number, written) == right


@pytest.mark.parametrize("words", ["falls by 1.9 dB", "changes by -1.9 dB"])
def test_a_difference_needs_no_sign(root, words):
    one, other = [{"system": "plain"}], [{"system": "better"}]
    assert Quote("README.md", words, "tiny", one, other).is_right(root)
