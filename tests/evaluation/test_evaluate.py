"""Whole evaluations of tracks whose scores are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from helpers.audio.track import Track
from helpers.evaluation.evaluate import (
    evaluate,
    evaluate_baselines,
    match_stems,
    model_separator,
)
from helpers.evaluation.rows import Provenance

RATE = 8000
PROVENANCE = Provenance("test", "noise", train_data="noise", checkpoint_sha256="0123")


def noises(*names: str, samples: int = 2 * RATE) -> Track:
    """Stems that are orthogonal to each other, of zero mean and RMS 0.1."""
    draws = np.random.default_rng(0).normal(size=(samples, len(names)))
    basis = np.linalg.qr(np.column_stack([np.ones(samples), draws]))[0].T[1:]
    stems = (0.1 * math.sqrt(samples) * basis).astype(np.float32)
    return Track(
        "noises", RATE, {name: stem[None] for name, stem in zip(names, stems, strict=True)}
    )


def values(rows) -> dict[tuple[str, str], float]:
    return {(row.instrument, row.metric): row.value for row in rows}


def test_ten_percent_of_the_other_stem_is_twenty_db_in_every_metric():
    track = noises("violin", "cello")
    violin, cello = track.stems.values()
    estimates = {"violin": violin + 0.1 * cello, "cello": cello + 0.1 * violin}
    found = values(evaluate("m", lambda track: estimates, [track], PROVENANCE, museval=True))
    assert found["violin", "SI-SDR"] == pytest.approx(20, abs=1e-3)
    assert found["violin", "SI-SDRi"] == pytest.approx(20, abs=1e-3)
    assert found["violin", "SI-SIR"] == pytest.approx(20, abs=1e-3)
    assert found["violin", "SI-SAR"] > 100
    assert found["cello", "SNR"] == pytest.approx(20, abs=1e-3)
    assert found["cello", "SDR"] == pytest.approx(20, abs=0.3)


def test_rows_carry_track_length_and_provenance():
    track = noises("violin", "cello")
    row = evaluate("m", lambda track: dict(track.stems), [track], PROVENANCE)[0]
    assert (row.system, row.track, row.n_seconds) == ("m", "noises", 2.0)
    assert (row.train_data, row.checkpoint_sha256) == ("noise", "0123")


def test_floor_improves_nothing_and_baselines_name_no_training():
    rows = evaluate_baselines([noises("violin", "cello")], PROVENANCE)
    assert {row.system for row in rows} == {"mixture", "oracle-irm", "oracle-ibm"}
    assert {row.train_data for row in rows} == {row.checkpoint_sha256 for row in rows} == {"none"}
    floor = values(row for row in rows if row.system == "mixture")
    ceiling = values(row for row in rows if row.system == "oracle-irm")
    assert floor["violin", "SI-SDRi"] == 0
    assert ceiling["violin", "SI-SDR"] > floor["violin", "SI-SDR"] + 3


def test_stem_without_an_estimate_is_skipped_with_a_warning():
    track = noises("violin", "horn")
    estimates = {"violin": track.stems["violin"]}
    with pytest.warns(UserWarning, match="noises: m has no estimate of horn"):
        rows = evaluate("m", lambda track: estimates, [track], PROVENANCE)
    assert {row.instrument for row in rows} == {"violin"}


def test_estimate_of_an_absent_instrument_is_reported_as_its_leak():
    track = noises("violin", "cello")
    estimates = {**track.stems, "flute": 0.1 * track.mixture}
    found = values(evaluate("m", lambda track: estimates, [track], PROVENANCE))
    assert found["flute", "leak"] == pytest.approx(-20, abs=1e-3)
    assert ("flute", "SI-SDR") not in found


def test_silent_stem_has_a_leak_and_no_sdr():
    track = noises("violin", "cello")
    track.stems["rest"] = np.zeros_like(track.mixture)
    estimates = {**track.stems, "rest": 0.1 * track.mixture}
    found = values(evaluate("m", lambda track: estimates, [track], PROVENANCE, museval=True))
    assert found["rest", "leak"] == pytest.approx(-20, abs=1e-3)
    assert math.isnan(found["rest", "SI-SDR"])
    assert math.isnan(found["rest", "SDR"])
    assert found["violin", "SI-SDR"] == math.inf


def test_two_stems_of_one_instrument_are_summed_for_a_model_with_one_source():
    track = noises("violin-1", "violin-2", "vc")
    joined = match_stems(track, ("violin", "cello"))
    assert joined.instruments == ("violin", "cello")
    np.testing.assert_array_equal(
        joined.stems["violin"], track.stems["violin-1"] + track.stems["violin-2"]
    )


def test_numbered_sources_keep_their_own_stems():
    track = noises("violin-1", "violin-2", "violin-3", "unknown thing")
    assert match_stems(track, ("violin-1", "violin-2")).instruments == track.instruments
    track = noises("violin-2", "violin")  # in another order than the sources
    assert match_stems(track, ("violin", "violin-2")).instruments == track.instruments


def test_model_is_scored_by_the_order_of_its_sources():
    class Halves(nn.Module):
        sources, sample_rate, channels, segment_seconds = ("low", "high"), RATE, 1, 0.5

        def forward(self, mixture):
            spectrum = torch.fft.rfft(mixture)
            low = spectrum.clone()
            low[..., spectrum.shape[-1] // 2 :] = 0
            return torch.stack([torch.fft.irfft(part, n=mixture.shape[-1])
                                for part in (low, spectrum - low)], dim=1)  # fmt: skip

    time = np.arange(RATE) / RATE
    stems = {
        name: np.sin(2 * np.pi * frequency * time, dtype=np.float32)[None]
        for name, frequency in (("high", 3000), ("low", 500))
    }
    rows = evaluate("m", model_separator(Halves()), [Track("t", RATE, stems)], PROVENANCE)
    assert min(row.value for row in rows if row.metric == "SI-SDR") > 40


def test_estimate_of_another_length_is_refused():
    track = noises("violin")
    with pytest.raises(ValueError, match="noises: the estimate of violin has the shape"):
        evaluate("m", lambda track: {"violin": track.mixture[:, 1:]}, [track], PROVENANCE)


def test_source_without_an_estimate_counts_as_silence():
    track = noises("violin", "horn")
    estimates = {"violin": track.stems["violin"]}
    rows = evaluate("m", lambda track: estimates, [track], PROVENANCE, sources=("violin", "horn"))
    assert values(rows)["horn", "SI-SDR"] == -math.inf


PLAYERS = ("violin", "violin-2", "cello", "other")


def test_numbered_stems_go_to_the_players_of_a_model():
    track = noises("violin-1", "violin-2", "cello")
    assert list(match_stems(track, PLAYERS).stems) == ["violin", "violin-2", "cello"]
    assert list(match_stems(noises("violin", "cello"), PLAYERS).stems) == ["violin", "cello"]
    assert list(match_stems(track, ("violin", "cello")).stems) == ["violin", "cello"]
    with_third = match_stems(noises("violin-1", "violin-2", "violin-3"), PLAYERS)
    assert list(with_third.stems) == ["violin", "violin-2"]


def test_an_instrument_of_another_name_goes_to_the_source_it_counts_as():
    track = noises("alto-saxophone", "saxophone", "piano")
    sources, aliases = ("saxophone", "saxophone-2", "piano"), {"alto-saxophone": "saxophone"}
    assert list(match_stems(track, sources).stems) == ["alto-saxophone", "saxophone", "piano"]
    found = match_stems(track, sources, aliases).stems
    assert list(found) == ["saxophone-2", "saxophone", "piano"]
    np.testing.assert_array_equal(found["saxophone-2"], track.stems["alto-saxophone"])
    assert list(match_stems(track, ("piano",), aliases).stems) == list(track.stems)


def test_two_players_are_measured_in_their_better_order():
    """The first estimate is the second violin with ten percent of the first, and conversely."""
    track = noises("violin-1", "violin-2", "cello")
    one, two, cello = track.stems.values()

    def exchanged(_):
        return {"violin": two + 0.1 * one, "violin-2": one + 0.01 * two, "cello": cello}

    found = values(evaluate("m", exchanged, [track], PROVENANCE, sources=PLAYERS))
    assert found["violin-2", "SI-SDR"] == pytest.approx(20.0, abs=0.01)
    assert found["violin", "SI-SDR"] == pytest.approx(40.0, abs=0.01)
    assert found["cello", "SI-SDR"] > 100
    assert found["violin", "SI-SDRi"] == pytest.approx(40.0 + 3.01, abs=0.02)

    def in_order(_):
        return {"violin": one, "violin-2": two + 0.1 * one, "cello": cello}

    found = values(evaluate("m", in_order, [track], PROVENANCE, sources=PLAYERS))
    assert found["violin-2", "SI-SDR"] == pytest.approx(20.0, abs=0.01)
    assert found["violin", "SI-SDR"] > 100
