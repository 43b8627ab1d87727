"""A row refuses to be written without its provenance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.evaluation.rows import HEADER, Provenance


def test_header_is_the_agreed_one():
    assert ", ".join(HEADER) == (
        "notebook, system, train_data, test_data, track, instrument, metric, value, n_seconds, "
        "seed, config, checkpoint_sha256, commit, device, profile"
    )


@pytest.mark.parametrize("name", ["notebook", "train_data", "checkpoint_sha256", "commit"])
def test_blank_provenance_is_refused_by_name(row, name):
    with pytest.raises(ValueError, match=f"row of wave-unet lacks its {name};"):
        replace(row, **{name: " "})


@pytest.mark.parametrize(
    ("value", "cell"),
    [(12.34567, "12.3457"), (-0.00001, "0.0000"), (-10.00004, "-10.0000"), (3, "3.0000"),
     (float("nan"), "nan"), (float("-inf"), "-inf")],
)  # fmt: skip
def test_value_is_written_to_four_decimals(row, value, cell):
    assert replace(row, value=value).cells()[HEADER.index("value")] == cell


def test_the_seed_is_part_of_the_key_and_the_commit_is_not(row):
    assert replace(row, value=1.0, commit="def", device="cuda", n_seconds=1.0).key == row.key
    assert replace(row, seed=1).key != row.key
    assert replace(row, config="he").key != row.key


def test_provenance_of_this_process_knows_profile_and_commit(monkeypatch):
    monkeypatch.setenv("DIVISI_PROFILE", "smoke")
    provenance = Provenance("01", "tones-2")
    assert provenance.profile == "smoke"
    assert provenance.commit
