"""Charts of tables whose means are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from experiments.charts import CEILING, FLOOR, plot_ablation, plot_comparison, plot_seeds
from experiments.curves import plot_curves, plot_training
from experiments.nussl.charts import plot_masks
from helpers.display.palette import colour

RATE = 16_000


@pytest.fixture
def table() -> pd.DataFrame:
    values = {"mixture": [-6, -4], "mask-net": [2, 4, np.nan], "oracle-irm": [9, 11]}
    return pd.DataFrame(
        [
            {"system": system, "metric": "SI-SDR", "instrument": name, "value": value}
            for system, row in values.items()
            for name, value in zip(("violin", "cello", "horn"), row, strict=False)
        ]
    )


def test_bars_are_means_with_their_standard_deviation(table):
    figure = plot_comparison(table)
    (bar,) = figure.axes[0].patches
    assert bar.get_height() == 3
    _, (whisker,) = figure.axes[0].containers[1].lines[1:]
    assert np.diff(whisker.get_segments()[0][:, 1]) == pytest.approx(2 * np.sqrt(2))


def test_floor_and_ceiling_are_lines_at_their_means(table):
    lines = {line.get_label(): line for line in plot_comparison(table).axes[0].lines}
    assert set(lines["mixture"].get_ydata()) == {-5}
    assert set(lines["oracle-irm"].get_ydata()) == {10}


def test_groups_are_the_values_of_a_column(table):
    ax = plot_comparison(table, by="instrument").axes[0]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["Violin", "Cello"]
    assert [bar.get_height() for bar in ax.patches] == [2, 4]


def test_a_table_without_the_metric_is_refused(table):
    with pytest.raises(ValueError, match="no value of SDR .* the table has: SI-SDR"):
        plot_comparison(table, metric="SDR")


def test_a_table_of_baselines_alone_can_be_drawn(table):
    assert not plot_comparison(table[table["system"] == FLOOR]).axes[0].patches


@pytest.fixture
def ablation() -> pd.DataFrame:
    """Two ablation steps of two seeds and two tracks, another budget, floor and ceiling."""
    rows = [("mixture", "none", "none", 0, -5.0), ("oracle-irm", "none", "none", 0, 9.0)]
    rows += [
        ("02 more", "sha", "10 steps", seed, 2.0 + seed + i) for seed in (0, 1) for i in (0, 2)
    ]
    rows += [("01 one", "sha", "10 steps", seed, 1.0) for seed in (0, 1)]
    rows += [("01 one", "sha", "99 steps", 0, 7.0)]
    columns = ["system", "checkpoint_sha256", "config", "seed", "value"]
    return pd.DataFrame(rows, columns=columns).assign(metric="SI-SDR")


def test_an_ablation_shows_a_dot_for_each_seed_of_each_step_from_top_to_bottom(ablation):
    ax = plot_ablation(ablation, config="10 steps").axes[0]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["01 one", "02 more"]
    assert ax.yaxis_inverted()
    *dots, strokes = [line for line in ax.lines if line.get_label() not in (FLOOR, CEILING)]
    assert list(strokes.get_xdata()) == [1.0, 3.5]
    assert [list(line.get_xdata()) for line in dots] == [[1.0, 1.0], [3.0, 4.0]]


def test_an_ablation_shows_floor_and_ceiling(ablation):
    lines = {line.get_label(): line for line in plot_ablation(ablation).axes[0].lines}
    assert set(lines[FLOOR].get_xdata()) == {-5.0}
    assert set(lines[CEILING].get_xdata()) == {9.0}


def test_an_ablation_without_systems_is_refused(ablation):
    with pytest.raises(ValueError, match="no trained system with a value of SI-SDR"):
        plot_ablation(ablation, config="7 steps")


def test_a_mask_runs_from_white_to_the_colour_of_its_instrument():
    mask = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    mesh = plot_masks({"oboe": mask}, RATE, 256).axes[0].collections[0]
    assert to_hex(mesh.cmap(0.0)) == "#ffffff"
    assert to_hex(mesh.cmap(1.0)).upper() == colour("oboe")
    assert np.array_equal(mesh.get_array(), mask)


def test_seeds_of_a_system_are_dots_around_the_stroke_of_their_mean(ablation):
    rows = ablation.assign(test_data="real")
    (ax,) = plot_seeds(rows[rows["config"] == "10 steps"], ["02 more", "01 one"], ["real"]).axes
    assert [list(line.get_xdata()) for line in ax.lines] == [[3.0, 4.0], [1.0, 1.0]]
    assert [stroke.get_segments()[0][0, 0] for stroke in ax.collections] == [3.5, 1.0]
    assert ax.yaxis_inverted()


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    lines = ["step,loss,val_si_sdr", "10,3,", "20,2,", "30,1,4.5", "40,0,6.5"]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_training_is_drawn_against_its_steps(log):
    loss, quality = plot_training(log).axes
    assert loss.lines[0].get_xydata().tolist() == [[10, 3], [20, 2], [30, 1], [40, 0]]
    assert quality.lines[0].get_xydata().tolist() == [[30, 4.5], [40, 6.5]]


def test_several_trainings_have_labels(log):
    figure = plot_training({"wave-unet": log, "conv-tasnet": pd.read_csv(log)})
    names = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert names == ["wave-unet", "conv-tasnet"]


def test_instruments_keep_their_colours_in_panels_of_curves():
    curves = {"wave-unet": ([0, 1], [2, 3]), "violin": ([0, 1], [4, 5])}
    figure = plot_curves({"left": curves, "right": curves}, xlabel="step", xlim=(0, 9))
    left, right = figure.axes
    assert [line.get_ydata().tolist() for line in left.lines] == [[2, 3], [4, 5]]
    assert to_hex(right.lines[1].get_color()).upper() == colour("violin")
    assert right.get_title(loc="left") == "right" and right.get_xlim() == (0, 9)


def test_the_legend_names_the_curves_of_the_fullest_panel():
    few, many = ({name: ([0, 1], [0, 1]) for name in names} for names in ("ab", "abcd"))
    figure = plot_curves({"few": few, "many": many})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list("abcd")


def test_a_curve_of_one_point_is_visible():
    figure = plot_curves({"": {"one": ([300], [2.0]), "more": ([0, 1], [0, 1])}})
    assert [line.get_marker() for line in figure.axes[0].lines] == ["o", "None"]
