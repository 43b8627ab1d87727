"""The comparison of all systems: what is measured, resumed, and made of a table that is known."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import numpy as np
import pandas as pd
import pytest

from experiments import comparison
from experiments.comparison import Piece, cost_jobs, duo, jobs, rendered_tests
from experiments.comparison_charts import SHOWN, plot_gains, plot_ranks, plot_speed
from experiments.comparison_tables import (
    COSTS,
    ENSEMBLES,
    PUBLISHED,
    advice,
    by_metric,
    by_soundfont,
    by_stem,
    differences,
    kinds,
    least_p,
    ranked,
)
from experiments.costs import EXAMPLES, FACTOR, MEMORY, PARAMETERS, SIZE
from experiments.jobs import missing, run
from experiments.systems import SYSTEMS
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.evaluation.rows import Provenance, Row
from helpers.music.splits import names
from helpers.training.checkpoints import available_models

WAVE_UNET = next(system for system in SYSTEMS if system.name == "tones wave-unet")
QUARTETS = ("quartet-FluidR3_GM", "quartet-TimGM6mb")
BACH = next(system for system in SYSTEMS if system.name == "bach-quartet")


def noise(name: str, instruments: tuple[str, ...]) -> Track:
    rng = np.random.default_rng(len(name))
    stems = {each: rng.normal(0, 0.1, (1, 8000)).astype(np.float32) for each in instruments}
    return Track(name, 8000, stems)


def piece(name: str, instruments: tuple[str, ...] = ("violin", "piano")) -> Piece:
    return Piece(name, instruments, partial(noise, name, instruments))


def test_every_rendered_test_has_the_same_works_none_of_which_trained_a_model():
    tests = rendered_tests()
    assert len(tests) == 6
    titles = {tuple(piece.name for piece in pieces) for pieces in tests.values()}
    ((*works,),) = titles
    held_out = {*names("quartet", "test"), *names("chorale", "test")}
    assert len(set(works)) == comparison.PIECES
    assert {title.partition("@")[0] for title in works} <= held_out
    fewer = rendered_tests(3)["duo-FluidR3_GM"]
    assert [piece.name for piece in fewer] == works[:3]


def test_a_rendered_track_has_the_name_by_which_its_rows_are_found_again():
    found = rendered_tests(2, seconds=1.0)["mixed-TimGM6mb"][1]
    track = found.load()
    assert track.name == found.name
    assert track.instruments == ENSEMBLES["mixed"]


def test_the_duo_is_the_trio_without_its_horn():
    found = duo(piece("brahms", ("violin", "horn", "piano"))).load()
    assert found.instruments == ("violin", "piano")
    assert np.allclose(found.mixture, found.stems["violin"] + found.stems["piano"])


def test_a_system_is_measured_on_what_it_knows_and_not_measured_twice(tmp_path):
    table, cards = tmp_path / "table.csv", available_models()
    tests = {"duo-x": [piece("a"), piece("bb")]}
    run(jobs(tests, [WAVE_UNET, BACH], cards), table)
    rows = results.read_table(table)
    measured = rows[rows["system"] == "tones wave-unet"]
    assert set(measured["track"]) == {"a", "bb"}
    assert set(measured["metric"]) == {"SI-SDR", "SI-SDRi", "SI-SIR", "SI-SAR", "SNR", "SDR"}
    assert set(measured["train_data"]) == {"tones"}
    assert "bach-quartet" not in set(rows["system"])
    before = table.stat().st_mtime_ns
    run(jobs(tests, [WAVE_UNET, BACH], cards), table)
    assert table.stat().st_mtime_ns == before


def test_other_weights_are_measured_again(tmp_path):
    table, cards = tmp_path / "table.csv", available_models()
    found = jobs({"duo-x": [piece("a")]}, [WAVE_UNET], cards)
    run(found, table)
    name = "tones-2-voices-wave-unet"
    changed = cards | {name: cards[name] | {"sha256": "new"}}
    (job,) = missing(jobs({"duo-x": [piece("a")]}, [WAVE_UNET], changed), table)
    assert job.columns["checkpoint_sha256"] == "new"


def test_costs_are_those_of_every_ensemble_that_a_system_knows():
    found = cost_jobs([WAVE_UNET, BACH], available_models())
    pairs = [(job.columns["system"], *job.tracks) for job in found]
    unet = [("tones wave-unet", ensemble) for ensemble in ENSEMBLES]
    assert pairs == [*unet, ("bach-quartet", "quartet")]


def test_costs_are_measured_in_a_process_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DIVISI_PROFILE", "smoke")  # two seconds of audio
    table = tmp_path / "table.csv"
    run(cost_jobs([WAVE_UNET], available_models(), ["quartet"]), table)
    rows = results.read_table(table).set_index("metric")["value"]
    assert set(rows.index) == {PARAMETERS, EXAMPLES, FACTOR, MEMORY, SIZE}
    assert rows[PARAMETERS] == available_models()["tones-4-voices-wave-unet"]["parameters"]
    assert rows[EXAMPLES] == 2000 * 4  # steps and batch of its card
    assert rows[SIZE] == pytest.approx(0.6957, abs=1e-3)
    assert 50 < rows[MEMORY] < 4000 and 0 < rows[FACTOR] < 20


#: SI-SDR of the quartet by system, of the duo, real-time factor, millions of parameters, data.
MADE_UP = {
    "mixture": (-5.0, 0.0, None, None, "none"),
    "oracle-irm": (9.0, 12.0, None, None, "none"),
    "bach-quartet": (6.0, None, 0.05, 5.0, "FluidR3_GM, TimGM6mb"),
    "chamber": (5.0, 8.0, 0.10, 5.0, "FluidR3_GM, TimGM6mb"),
    "nussl": (1.0, None, 0.02, 2.0, "bach10"),
    "violin-piano": (None, 9.0, 0.01, 1.0, "FluidR3_GM"),
}


@pytest.fixture
def rows() -> pd.DataFrame:
    """Six works in two tests of each ensemble; all systems know the stems of theirs."""
    found = []

    def add(test, system, track, name, metric, value, data):
        where = Provenance("09", test, train_data=data, commit="c", profile="full")
        found.append(
            Row(
                **asdict(where), system=system, track=track, instrument=name, metric=metric,
                value=value, n_seconds=1.0,
            )
        )  # fmt: skip

    for system, (quartet, both, factor, millions, data) in MADE_UP.items():
        for ensemble, quality in (("quartet", quartet), ("duo", both)):
            for font in ("FluidR3_GM", "TimGM6mb"):
                for number in range(6) if quality is not None else ():
                    for name in ENSEMBLES[ensemble]:
                        value = quality + 0.2 * number
                        place = f"{ensemble}-{font}", system, f"w{number}@0", name
                        floor = MADE_UP["mixture"][ensemble == "duo"]
                        add(*place, "SI-SDR", value, data)
                        add(*place, "SI-SDRi", quality - floor, data)
        for ensemble, quality in (("quartet", quartet), ("duo", both)):
            if factor and quality is not None:
                share = len(ENSEMBLES[ensemble]) / 4
                add(COSTS, system, ensemble, "all", FACTOR, share * factor, data)
                add(COSTS, system, ensemble, "all", PARAMETERS, 1e6 * millions, data)
    return pd.DataFrame(map(asdict, found))


def test_differences_are_paired_on_the_stems_that_both_separate(rows):
    found = differences(rows, "chamber", kinds(rows)["rendered"])
    assert list(found.index) == ["violin-piano", "nussl", "bach-quartet"]
    assert found["difference"].to_dict() == {"violin-piano": 1, "nussl": -4, "bach-quartet": 1}
    assert set(found["works"]) == {6}
    assert not found["significant"].any()  # 2 / 2^6 for one, three times as much for three


def test_a_difference_in_ten_works_is_significant_among_several(rows):
    more = [rows[rows["track"] == f"w{n}@0"].assign(track=f"w{n + 6}@0") for n in range(6)]
    found = differences(pd.concat([rows, *more]), "chamber", kinds(rows)["rendered"])
    assert set(found["works"]) == {12} and found["significant"].all()


def test_stems_of_one_work_count_once(rows):
    few = rows[rows["track"].isin(["w0@0", "w1@0"])]
    assert not differences(few, "chamber", kinds(few)["rendered"])["significant"].any()


def test_ranks_are_over_the_systems_that_know_everything(rows):
    found = {test: ranked(rows, test) for test in ("quartet-FluidR3_GM", "quartet-TimGM6mb")}
    for each in found.values():
        assert each.mean.to_dict() == {"bach-quartet": 1.0, "chamber": 2.0, "nussl (new)": 3.0}
        assert each.pieces == 6
    assert ranked(rows, "duo-FluidR3_GM") is None  # two systems
    axes = plot_ranks(found).axes
    assert [ax.get_title(loc="left") for ax in axes] == list(found)
    assert [dot.get_xdata().tolist() for dot in axes[0].lines] == [[1, 2, 3]]


def test_an_instrument_that_was_missed_has_no_value(rows):
    bad = rows["system"].eq("chamber") & rows["instrument"].eq("bassoon") & rows["track"].eq("w0@0")
    missed = rows.assign(value=rows["value"].where(~bad, -np.inf))
    test = "quartet-FluidR3_GM"
    assert by_stem(missed, [test])["chamber"].isna().sum() == 1
    assert ranked(missed, test) is None  # two systems are left with values for all stems
    assert "chamber" in by_metric(rows, test).index
    assert "chamber" not in by_metric(missed, test).index
    assert ("quartet", "chamber") not in by_soundfont(missed).index


def test_stems_that_a_system_missed_are_counted_beside_its_difference(rows):
    own = rows["system"].eq("bach-quartet") & rows["instrument"].eq("clarinet")
    bad = own & rows["metric"].eq("SI-SDR") & rows["track"].isin(["w0@0", "w1@0"])
    found = differences(rows.assign(value=rows["value"].where(~bad, -np.inf)), "chamber", QUARTETS)
    assert found["missed"].to_dict() == {"nussl": 0, "bach-quartet": 4}
    assert found["difference"]["bach-quartet"] == 1.0


def test_ranks_by_one_measure_are_not_computed_from_rounded_means(rows):
    close = rows["system"].eq("bach-quartet") & rows["metric"].isin(["SI-SDR", "SI-SDRi"])
    table = by_metric(
        rows.assign(value=rows["value"].where(~close, rows["value"] - 0.98)), QUARTETS[0]
    )
    order = table.rank(ascending=False).drop(index=["mixture", "oracle-irm"])
    assert (order["SI-SDR"] == order["SI-SDRi"]).all() and order["SI-SDR"].is_unique


def test_numbers_of_circles_say_to_whom_the_soundfont_is_new(rows):
    (ax,) = plot_speed(rows, ["quartet-FluidR3_GM"]).axes  # the systems of the duo have no number
    assert [text.get_text() for text in ax.texts] == ["1 new", "2", "3"]


def test_only_the_systems_in_the_picture_have_a_number(rows):
    for tests, systems in (
        (["duo-TimGM6mb"], ["violin-piano", "chamber"]),
        (
            ["duo-TimGM6mb", "quartet-TimGM6mb"],
            ["violin-piano", "nussl", "bach-quartet", "chamber"],
        ),
    ):
        (legend,) = plot_speed(rows, tests).legends
        names = [text.get_text().split("  ")[-1] for text in legend.get_texts()]
        assert names[: len(systems) + 1] == [*systems, "mixture"]
    assert {"duo-TimGM6mb", "mixed-TimGM6mb"} <= set(SHOWN)


def test_a_test_has_the_speed_of_its_ensemble(rows):
    axes = plot_speed(rows, ["duo-TimGM6mb", "quartet-TimGM6mb"]).axes
    speeds = [{round(c.get_offsets()[0][0], 4) for c in ax.collections} for ax in axes]
    assert speeds == [{0.05, 0.005}, {0.1, 0.05, 0.02}]


def test_a_soundfont_that_no_training_data_had_is_new(rows):
    found = by_soundfont(rows)
    assert found.loc[("duo", "violin-piano"), "FluidR3_GM"] == "9.5"
    assert found.loc[("duo", "violin-piano"), "TimGM6mb"] == "9.5 new"
    assert found.loc[("quartet", "nussl"), "FluidR3_GM"] == "1.5 new"
    assert found.loc[("quartet", "chamber"), "TimGM6mb"] == "5.5"


def test_advice_is_the_best_system_and_the_fastest_that_is_worth_it(rows):
    found = advice(rows).set_index(["ensemble", "you want"])
    best = found.loc[("quartet", "best")]
    assert best["command"] == "divisi separate my.wav --model bach-quartet"
    assert (best["SI-SDR"], best["mixture"], best["test"]) == (6.5, -4.5, "quartet-TimGM6mb")
    fastest = found.loc[("quartet", "fastest")]  # 6 of 11 dB of improvement, at 0.02
    assert fastest["command"].count("nussl-") == 4 and fastest["minutes"] == 0.1
    assert best["minutes"] == 0.2  # 5 minutes at 0.05
    assert ("duo", "fastest") not in found.index  # the best is the fastest
    assert found.loc[("duo", "best"), "command"].endswith("--model violin-piano")


def test_nothing_is_advised_where_the_mixture_is_better(rows):
    worse = rows[rows["system"].isin(["mixture", "oracle-irm"]) | (rows["test_data"] == COSTS)]
    bad = rows[rows["system"] == "chamber"].assign(value=-30.0)
    assert advice(pd.concat([worse, bad])).empty


def test_the_default_model_is_told_the_instruments(rows):
    found = advice(rows[rows["system"] != "violin-piano"]).set_index(["ensemble", "you want"])
    expected = "divisi separate my.wav --instruments violin,piano"
    assert found.loc[("duo", "best"), "command"] == expected
    assert found.loc[("duo", "best"), "minutes"] == 0.2  # at half the factor of four stems


def test_circles_stand_at_speed_and_quality_and_have_the_area_of_the_parameters(rows):
    figure = plot_speed(rows, ["quartet-FluidR3_GM"])
    circles = {
        tuple(np.round(circle.get_offsets()[0], 2)): circle.get_sizes()[0]
        for circle in figure.axes[0].collections
    }
    assert set(circles) == {(0.02, 1.5), (0.05, 6.5), (0.10, 5.5)}
    assert circles[0.02, 1.5] / circles[0.05, 6.5] == pytest.approx(2 / 5)


def test_figures_of_others_stand_where_they_are_comparable(rows):
    real = rows.replace({"test_data": {"quartet-FluidR3_GM": "bach10_excerpts"}})
    figure = plot_speed(real, ["bach10_excerpts", "quartet-TimGM6mb"])
    heights = [[line.get_ydata()[0] for line in ax.lines] for ax in figure.axes]
    theirs = np.mean([0.581, -1.2837, -2.179, -6.0057])
    assert np.isclose(heights[0], theirs).any() and not np.isclose(heights[1], theirs).any()
    assert [each.test for each in PUBLISHED if each.metric != "SI-SDR"] == [""] * 7


def test_a_system_with_values_for_some_pieces_is_a_hollow_circle(rows):
    some = rows[
        (rows["system"] != "nussl") | (rows["track"] == "w0@0") | (rows["track"] == "quartet")
    ]
    ax = plot_speed(some, ["quartet-FluidR3_GM"]).axes[0]
    hollow = [tuple(c.get_offsets()[0]) for c in ax.collections if not len(c.get_facecolor())]
    assert hollow == [(0.02, 1.0)]


def test_gains_are_improvements_by_instrument(rows):
    duo, ax = plot_gains(rows).axes
    assert [each.get_title(loc="left") for each in (duo, ax)] == [
        "duo-TimGM6mb",
        "quartet-TimGM6mb",
    ]
    shown = {text.get_position(): text.get_text() for text in ax.texts}
    systems = [text.get_text() for text in duo.get_yticklabels()]
    instruments = [text.get_text() for text in ax.get_xticklabels()]
    assert shown[instruments.index("Bassoon"), systems.index("bach-quartet")] == "11.0"
    assert (instruments.index("Bassoon"), systems.index("violin-piano")) not in shown


def test_a_test_that_a_system_does_not_know_has_no_column(rows):
    assert "violin-piano" not in by_stem(rows, ["quartet-TimGM6mb"])


def test_with_few_works_no_difference_can_be_significant(rows):
    found = differences(rows, "chamber", kinds(rows)["rendered"])
    assert least_p(found) == 3 * 2 / 2**6
    more = [rows[rows["track"] == f"w{n}@0"].assign(track=f"w{n + 6}@0") for n in range(6)]
    assert least_p(differences(pd.concat([rows, *more]), "chamber", QUARTETS)) == 2 * 2 / 2**12
    assert least_p(found.assign(works=1)) == 1


def test_advice_has_a_line_for_those_who_have_the_score(rows):
    real = rows.replace({"test_data": {"quartet-TimGM6mb": "bach10_excerpts"}})
    scored = real[real["system"].isin(["mixture", "chamber"])]
    scored = scored.replace({"system": {"chamber": "guided"}})
    found = advice(rows, scored).set_index(["ensemble", "you want"])
    line = found.loc[("quartet", "with the score")]
    assert line["command"] == "divisi separate my.wav --score my.mid"
    assert (line["SI-SDR"], line["mixture"], line["test"]) == (5.5, -4.5, "bach10_excerpts")
    assert len(found) == len(advice(rows)) + 1
