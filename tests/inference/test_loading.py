"""Which model separates, where the user names none."""

from __future__ import annotations

import pytest

from helpers.inference.loading import model_for
from helpers.runtime import DEFAULT_MODEL, LARGE_MODEL


@pytest.mark.parametrize(
    "instruments", [None, "violin,cello", ["Violine", "horn"], "all", "violin,xylorimba", "", [3]]
)
def test_the_default_model_separates_what_it_knows_and_says_what_is_wrong(instruments):
    assert model_for(None, instruments) == model_for(DEFAULT_MODEL, instruments) == DEFAULT_MODEL


@pytest.mark.parametrize(
    "instruments",
    ["violin,violin,viola,cello", ["violin-1", "violin-2"], "trumpet", "alto sax,alto sax"],
)
def test_players_that_the_default_model_lacks_are_separated_by_the_large_one(instruments):
    assert model_for(None, instruments) == LARGE_MODEL


def test_a_chosen_model_stays():
    assert model_for("bach-quartet", "trumpet") == "bach-quartet"
