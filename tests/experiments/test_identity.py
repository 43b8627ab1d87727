"""What errors of identity cost, with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.detection_pieces import Piece
from experiments.identity import identity_rows, reassigned, titles
from experiments.told import jobs
from helpers.audio.track import Track
from helpers.evaluation.rows import Provenance
from tests.inference.bands import RATE, BandModel, tone

WHERE = Provenance("test", "tones", train_data="none", checkpoint_sha256="0123")


def test_exchanged_pieces_go_back_to_their_players():
    stems = {"violin": tone("violin", 2.0), "cello": tone("cello", 2.0)}
    middle = slice(RATE // 2, RATE)
    wrong = {name: stem.copy() for name, stem in stems.items()}
    for name, other in (("violin", "cello"), ("cello", "violin")):
        wrong[name][:, middle] = stems[other][:, middle]
    right = reassigned(wrong, stems, RATE // 2)
    for name, stem in stems.items():
        np.testing.assert_array_equal(right[name], stem)
    assert list(right) == list(stems)
    kept = reassigned(wrong, stems, 2 * RATE)  # as a whole they are in the right order
    np.testing.assert_array_equal(kept["violin"], wrong["violin"])


class Confused(BandModel):
    """Exchanges its first two sources in every second segment."""

    def forward(self, mixture):
        estimates = super().forward(mixture)
        for example in estimates:
            self.segments += 1
            if self.segments % 2:
                example[:2] = example[:2].flip(0)
        return estimates


def test_a_model_whose_players_change_places_gains_by_reassignment():
    track = Track("duo", RATE, {name: tone(name, 8.0) for name in ("violin", "cello")})
    rows = list(identity_rows(Confused(), "bands", track, WHERE))
    values = {(row.system, row.instrument): row.value for row in rows}
    assert len(values) == 4
    for name in track.stems:
        assert values["bands", name] + 4 < values["bands reassigned", name]


def test_only_ensembles_whose_players_a_model_has_are_measured():
    pieces = [
        Piece("tones", name, players, lambda: None)
        for name, players in (("trio", ("violin", "cello")), ("duo", ("violin", "tuba")))
    ]
    assert [job.tracks for job in jobs("chamber", pieces, identity_rows, titles)] == [["trio"]]
    assert len(jobs("ensemble", pieces, identity_rows, titles)) == 2


def test_a_player_without_an_estimate_is_an_error():
    with pytest.raises(KeyError):
        reassigned({}, {"violin": tone("violin", 1.0)}, RATE)
