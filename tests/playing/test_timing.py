"""Players whose timing is known."""

import numpy as np
import pytest

from helpers.playing.onsets import PlayedPart
from helpers.playing.phase_correction import fit_coupling, simulate
from helpers.playing.timing import Chords, asynchrony, chords, tempo_curve

NAMES = ("violin-1", "violin-2", "viola", "cello")


def part(name, written, onsets):
    written = np.asarray(written, float)
    pitches = tuple((60.0,) for _ in written)
    onsets = np.asarray(onsets, float)
    return PlayedPart(name, "violin", written, onsets, onsets + 0.4, pitches)


def test_chords_are_the_onsets_that_the_score_gives_to_several_players():
    first = part("violin", [0, 1, 2, 3.0], [0.1, 1.1, 2.1, 3.1])
    second = part("cello", [0, 1.5, 2.0005, 3], [0.2, 1.7, 2.2, 3.2])
    found = chords([first, second])
    assert found.names == ("violin", "cello")
    assert found.written == pytest.approx([0, 2, 3], abs=1e-3)
    assert found.onsets == pytest.approx(np.array([[0.1, 0.2], [2.1, 2.2], [3.1, 3.2]]))


def test_a_score_that_was_played_in_needs_a_wider_chord():
    first = part("violin", [0, 1, 2], [0.1, 1.1, 2.1])
    second = part("cello", [0.03, 0.98, 2.2], [0.2, 1.2, 2.4])
    found = chords([first, second], same=0.05)
    assert found.onsets == pytest.approx(np.array([[0.1, 0.2], [1.1, 1.2]]))
    assert len(chords([first, second]).written) == 0


def test_a_player_who_is_always_20_ms_early_leads():
    rng = np.random.default_rng(0)
    late = np.array([-0.020, 0.005, 0.005, 0.010])
    onsets = np.arange(200.0)[:, None] + late + rng.normal(0, 0.015, (200, 4))
    found = asynchrony(Chords(NAMES, np.arange(200.0), onsets))
    assert found.mean == pytest.approx(late, abs=0.003)
    assert found.spread == pytest.approx(np.full(4, 0.015), rel=0.1)
    assert found.within == pytest.approx(np.sqrt(0.015**2 + late.var(ddof=1)), rel=0.1)
    assert found.leader() == "violin-1"


def test_rests_do_not_move_the_others():
    """The late player rests in every second chord: means over chords alone would be wrong."""
    late = np.array([-0.01, -0.01, 0.02])
    onsets = np.arange(100.0)[:, None] + late
    onsets[::2, 2] = np.nan
    found = asynchrony(Chords(NAMES[:3], np.arange(100.0), onsets))
    assert found.mean == pytest.approx(late, abs=1e-9)
    assert list(found.counts) == [100, 100, 50]


def test_nobody_leads_where_the_means_differ_by_chance():
    rng = np.random.default_rng(1)
    onsets = np.arange(30.0)[:, None] + rng.normal(0, 0.02, (30, 4))
    assert asynchrony(Chords(NAMES, np.arange(30.0), onsets)).leader() is None


def test_two_equal_players_have_a_leader_as_often_as_chance_has_it():
    """Beyond two standard errors lie 4.6 % of normal differences."""
    leads = []
    for seed in range(600):
        onsets = np.arange(50.0)[:, None] + np.random.default_rng(seed).normal(0, 0.02, (50, 2))
        found = asynchrony(Chords(NAMES[:2], np.arange(50.0), onsets))
        leads.append(found.leader() is not None)
    assert 0.025 < np.mean(leads) < 0.08


def test_the_spread_of_a_player_is_the_own_one_where_others_rest():
    rng = np.random.default_rng(2)
    onsets = np.arange(2000.0)[:, None] + rng.normal(0, 0.02, (2000, 3))
    onsets[:1000, 2] = np.nan
    found = asynchrony(Chords(NAMES[:3], np.arange(2000.0), onsets))
    assert found.spread == pytest.approx(np.full(3, 0.02), rel=0.05)


def test_a_player_without_a_chord_is_unknown_and_does_not_lead():
    onsets = np.arange(20.0)[:, None] + np.array([-0.01, 0.01, np.nan])
    found = asynchrony(Chords(NAMES[:3], np.arange(20.0), onsets))
    assert found.mean == pytest.approx(np.array([-0.01, 0.01, np.nan]), nan_ok=True)
    assert np.isnan([found.spread[2], found.error[2]]).all()
    assert list(found.counts) == [20, 20, 0]
    assert found.leader() == NAMES[0]


def test_groups_that_never_begin_together_are_refused():
    onsets = np.arange(20.0)[:, None] + np.array([-0.01, 0.01, 0.0, 0.02])
    onsets[:10, 2:] = onsets[10:, :2] = np.nan
    with pytest.raises(ValueError, match="never begin a note together"):
        asynchrony(Chords(NAMES, np.arange(20.0), onsets))


def test_a_single_chord_has_no_asynchrony():
    with pytest.raises(ValueError, match="fewer than two chords"):
        asynchrony(Chords(NAMES[:2], np.zeros(1), np.zeros((1, 2))))


def test_the_tempo_curve_of_a_ritardando_slows_down_by_what_it_should():
    written = np.arange(0, 40, 0.5)
    onsets = written / 1.2 + 0.004 * written**2  # the tempo is 1 / (1 / 1.2 + 0.008 w)
    times, tempo = tempo_curve(part("violin", written, onsets), width=1.0)
    inner = slice(6, -6)
    assert tempo[inner] == pytest.approx(1 / (1 / 1.2 + 0.008 * written[inner]), rel=1e-3)
    assert times[inner] == pytest.approx(onsets[inner], abs=0.005)


def performed(correction, timekeeper, motor, seed, events=40, intervals=None):
    rng = np.random.default_rng(seed)
    gaps = np.full(events - 1, 0.5) if intervals is None else intervals
    onsets = simulate(correction, timekeeper, motor, gaps, rng)
    written = np.concatenate([[0.0], np.cumsum(np.full(events - 1, 0.5))])
    return Chords(NAMES[: len(correction)], written, onsets)


#: The first violin leads: it corrects little, and the others correct to it above all.
LED = np.array([
    [np.nan, 0.05, 0.05, 0.05],
    [0.40, np.nan, 0.10, 0.10],
    [0.35, 0.15, np.nan, 0.10],
    [0.30, 0.10, 0.20, np.nan],
])  # fmt: skip


def test_the_correction_of_simulated_players_is_found():
    passages = [performed(LED, np.full(4, 0.02), np.full(4, 0.008), seed) for seed in range(60)]
    found = fit_coupling(passages)
    off = ~np.eye(4, dtype=bool)
    assert found.correction[off] == pytest.approx(LED[off], abs=0.06)
    assert np.isnan(np.diag(found.correction)).all()
    assert found.timekeeper == pytest.approx(np.full(4, 0.020), abs=0.002)
    assert found.motor == pytest.approx(np.full(4, 0.008), abs=0.002)
    assert found.following().argmin() == 0
    assert found.count == 60 * 39


def test_the_standard_errors_cover_the_truth():
    off = ~np.eye(4, dtype=bool)
    inside = []
    for seed in range(40):
        passages = [performed(LED, np.full(4, 0.02), np.full(4, 0.008), 100 * seed + k)
                    for k in range(4)]  # fmt: skip
        found = fit_coupling(passages)
        inside.append(np.abs(found.correction - LED)[off] < 2 * found.error[off])
    assert 0.85 < np.mean(inside) <= 1.0


def test_players_who_do_not_listen_have_no_correction():
    alone = np.zeros((2, 2))
    passages = [performed(alone, np.full(2, 0.02), np.full(2, 0.005), s) for s in range(40)]
    found = fit_coupling(passages)
    assert abs(found.correction[0, 1]) < 0.05
    assert abs(found.correction[1, 0]) < 0.05


def test_a_tempo_that_changes_slowly_does_not_hide_the_correction_in_many_passages():
    """In 2,400 chords, with a small bias upwards; a single passage of 80 errs by 0.11 (RMS)."""
    swell = 0.5 * (1 + 0.15 * np.sin(np.arange(79) / 79 * 2 * np.pi))
    passages = [
        performed(LED, np.full(4, 0.02), np.full(4, 0.008), seed, 80, swell) for seed in range(30)
    ]
    found = fit_coupling(passages, width=2.0)
    off = ~np.eye(4, dtype=bool)
    assert found.correction[off] == pytest.approx(LED[off], abs=0.07)
    assert found.following().argmin() == 0
    alone = [fit_coupling([passage], width=2.0).correction[off] - LED[off] for passage in passages]
    assert np.sqrt(np.mean(np.square(alone))) == pytest.approx(0.11, abs=0.01)


def test_errors_of_measured_onsets_bring_the_corrections_closer_to_each_other():
    pair, rng = np.array([[np.nan, 0.1], [0.5, np.nan]]), np.random.default_rng(5)
    exact = [performed(pair, np.full(2, 0.015), np.full(2, 0.005), s, 400) for s in range(20)]
    noisy = [
        Chords(each.names, each.written, each.onsets + rng.normal(0, 0.02, each.onsets.shape))
        for each in exact
    ]
    (a, b), (c, d) = (fit_coupling(p).correction[[0, 1], [1, 0]] for p in (exact, noisy))
    assert (a, b) == pytest.approx((0.1, 0.5), abs=0.03)
    assert d < 0.4 and d - c < 0.6 * (b - a)


def test_too_few_intervals_are_refused():
    with pytest.raises(ValueError, match="12 at least"):
        fit_coupling([performed(LED, np.full(4, 0.02), np.full(4, 0.008), 0, events=8)])
