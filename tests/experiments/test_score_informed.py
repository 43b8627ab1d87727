"""The study of separation with a score: what is measured where a score lacks a part."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from experiments.real_recordings import guided_rows
from experiments.score_informed import without_each
from experiments.scored_pieces import ScoredTrack
from helpers.audio.track import Track
from helpers.evaluation.rows import Provenance
from helpers.music.scores import Note, Part, Score

RATE = 8000
NAMES = ("violin-1", "violin-2", "cello")


class Share(nn.Module):
    """Gives each part, and the rest, the same share of the mixture."""

    takes_score, sources = True, ("violin", "cello")
    sample_rate, channels, segment_seconds = RATE, 1, 30.0
    config = card = None

    def forward(self, mixture, notes, players):
        return (mixture / (notes.shape[1] + 1))[:, None].expand(-1, notes.shape[1] + 1, -1, -1)


@pytest.fixture(scope="module")
def quartet() -> ScoredTrack:
    """Stems of one level, nearly orthogonal."""
    noise = np.random.default_rng(0).normal(0.0, 0.1, (3, 1, 2 * RATE)).astype(np.float32)
    notes = (Note(0.0, 1.0, 69.0),)
    parts = (Part("violin", notes), Part("violin", notes), Part("cello", notes))
    return ScoredTrack(
        Track("trio", RATE, dict(zip(NAMES, noise, strict=True))), Score("trio", parts)
    )


def test_without_one_of_two_violins_the_other_is_measured_against_its_own_stem(quartet):
    rows = [
        row
        for row in without_each(Share(), quartet, Provenance("test", "noise"))
        if row.metric == "SI-SDR"
    ]
    assert sorted(row.instrument for row in rows) == sorted(NAMES)
    # One stem against the two others; against the sum of both violins it would be +3 dB.
    assert [row.value for row in rows] == pytest.approx([-3.01] * 3, abs=0.3)


def test_a_score_of_two_parts_is_not_made_shorter(quartet):
    duo = ScoredTrack(quartet.track, Score("duo", quartet.score.parts[:2]))
    assert not list(without_each(Share(), duo, Provenance("test", "noise")))


def test_the_table_of_real_recordings_says_how_good_the_scores_are(quartet):
    model = Share()
    model.card = {"architecture": "score_net.ScoreNet", "sha256": "0123", "provenance": {}}
    rows = list(guided_rows(model, [quartet], "noise", "cpu"))
    assert {row.system for row in rows} == {"guided"}
    assert sum(row.metric == "SDR" for row in rows) == len(NAMES)
    (heard,) = [row for row in rows if row.metric == "notes heard"]
    assert heard.instrument == "all" and 0.0 <= heard.value < 0.5  # there is only noise
