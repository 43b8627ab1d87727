"""Figures show what the signals are known to hold, in one style, with the same bytes each time."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread

from helpers.audio.track import Track
from helpers.display.charts import CEILING, FLOOR, plot_ablation
from helpers.display.palette import colour
from helpers.display.plots import (
    plot_comparison,
    plot_masks,
    plot_spectrograms,
    plot_stems,
    plot_training,
    plot_waveforms,
    save_figure,
)

RATE = 16_000


def tone(hertz: float, amplitude: float = 0.5, seconds: float = 1.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * hertz * times)).astype(np.float32)[None]


@pytest.fixture
def duet() -> Track:
    return Track("duet", RATE, {"violin": tone(880.0), "cello": tone(110.0, 0.05)})


def titles(figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]


@pytest.mark.parametrize("plot", [plot_stems, plot_waveforms, plot_spectrograms])
def test_titles_are_the_mixture_and_the_instruments(plot, duet):
    assert titles(plot(duet)) == ["Mixture", "Violin", "Cello"]


@pytest.mark.parametrize("plot", [plot_stems, plot_waveforms, plot_spectrograms])
def test_a_dict_of_arrays_is_drawn_like_a_track(plot, duet):
    assert titles(plot(duet.stems, RATE)) == titles(plot(duet))


def test_a_dict_without_a_sample_rate_is_refused(duet):
    with pytest.raises(ValueError, match="pass sample_rate"):
        plot_stems(duet.stems)


def test_all_waveforms_share_the_scale_of_the_loudest(duet):
    axes = plot_waveforms(duet).axes
    assert {ax.get_ylim() for ax in axes} == {axes[0].get_ylim()}
    assert axes[0].get_ylim()[1] == pytest.approx(1.05 * np.abs(duet.mixture).max())


def test_a_waveform_has_the_colour_of_its_instrument(duet):
    violin = plot_waveforms(duet, span=(0.0, 0.1)).axes[1]
    assert to_hex(violin.lines[0].get_color()).upper() == colour("violin")


def test_the_envelope_of_a_long_waveform_reaches_every_click():
    click = np.zeros((1, 60 * RATE), np.float32)
    click[0, 777_777] = 0.9
    path = plot_waveforms({"piano": click}, RATE).axes[0].collections[0].get_paths()[0]
    assert path.vertices[:, 1].max() == pytest.approx(0.9)
    assert path.vertices[path.vertices[:, 1].argmax(), 0] == pytest.approx(777_777 / RATE, abs=0.05)


def test_a_span_shows_those_seconds_only(duet):
    first, last = plot_waveforms(duet, span=(0.25, 0.5)).axes[0].get_xlim()
    assert (first, last) == (0.25, 0.5)


def test_a_span_beyond_the_end_is_refused(duet):
    with pytest.raises(ValueError, match="nothing between 2.0 s and 3.0 s of 'duet'"):
        plot_stems(duet, span=(2.0, 3.0))


@pytest.mark.parametrize("logarithmic", [True, False])
def test_the_brightest_row_of_a_spectrogram_is_the_pitch(duet, logarithmic):
    figure = plot_spectrograms(duet, logarithmic=logarithmic)
    for ax, hertz in zip(figure.axes[1:3], (880.0, 110.0), strict=True):
        mesh = ax.collections[0]
        edges = mesh.get_coordinates()[:, 0, 1]
        row = np.asarray(mesh.get_array()).max(axis=1).argmax()
        assert edges[row] - 8 <= hertz <= edges[row + 1] + 8


def test_spectrograms_share_one_range_so_that_twenty_decibels_stay_twenty(duet):
    meshes = [ax.collections[0] for ax in plot_spectrograms(duet, logarithmic=False).axes[1:3]]
    assert {mesh.get_clim() for mesh in meshes} == {(-80.0, 0.0)}
    violin, cello = (float(np.asarray(mesh.get_array()).max()) for mesh in meshes)
    assert violin - cello == pytest.approx(20.0, abs=1.5)  # neither tone sits on a bin


@pytest.mark.parametrize("samples", [1, 100])
@pytest.mark.parametrize("plot", [plot_stems, plot_waveforms, plot_spectrograms])
def test_short_and_silent_stems_can_be_drawn(plot, samples, tmp_path):
    silence = np.zeros((2, samples), np.float32)
    path = save_figure(plot({"flute": silence, "oboe": silence}, RATE), tmp_path / "silence.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_mask_runs_from_white_to_the_colour_of_its_instrument():
    mask = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    mesh = plot_masks({"oboe": mask}, RATE, 256).axes[0].collections[0]
    assert to_hex(mesh.cmap(0.0)) == "#ffffff"
    assert to_hex(mesh.cmap(1.0)).upper() == colour("oboe")
    assert np.array_equal(mesh.get_array(), mask)


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


def test_several_trainings_are_named(log):
    figure = plot_training({"wave-unet": log, "conv-tasnet": pd.read_csv(log)})
    names = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert names == ["wave-unet", "conv-tasnet"]


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
def rungs() -> pd.DataFrame:
    """Two rungs of two seeds and two tracks, another budget, floor and ceiling."""
    rows = [("mixture", "none", "none", 0, -5.0), ("oracle-irm", "none", "none", 0, 9.0)]
    rows += [
        ("02 more", "sha", "10 steps", seed, 2.0 + seed + i) for seed in (0, 1) for i in (0, 2)
    ]
    rows += [("01 one", "sha", "10 steps", seed, 1.0) for seed in (0, 1)]
    rows += [("01 one", "sha", "99 steps", 0, 7.0)]
    columns = ["system", "checkpoint_sha256", "config", "seed", "value"]
    return pd.DataFrame(rows, columns=columns).assign(metric="SI-SDR")


def test_a_ladder_shows_a_dot_for_each_seed_of_each_rung_from_top_to_bottom(rungs):
    ax = plot_ablation(rungs, config="10 steps").axes[0]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["01 one", "02 more"]
    assert ax.yaxis_inverted()
    strokes, *dots = [line for line in ax.lines if line.get_label() not in (FLOOR, CEILING)]
    assert list(strokes.get_xdata()) == [1.0, 3.5]
    assert [list(line.get_xdata()) for line in dots] == [[1.0, 1.0], [3.0, 4.0]]


def test_a_ladder_stands_between_floor_and_ceiling(rungs):
    lines = {line.get_label(): line for line in plot_ablation(rungs).axes[0].lines}
    assert set(lines[FLOOR].get_xdata()) == {-5.0}
    assert set(lines[CEILING].get_xdata()) == {9.0}


def test_a_ladder_without_rungs_is_refused(rungs):
    with pytest.raises(ValueError, match="no system with a value of SI-SDR"):
        plot_ablation(rungs, config="7 steps")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_figure_gives_the_same_bytes(duet, tmp_path, suffix):
    one, two = tmp_path / f"one.{suffix}", tmp_path / f"two.{suffix}"
    save_figure(plot_stems(duet), one)
    with matplotlib.rc_context({"font.size": 30, "savefig.dpi": 10, "lines.linewidth": 9}):
        save_figure(plot_stems(duet), two)
    assert one.read_bytes() == two.read_bytes()


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file(duet, tmp_path):
    path = save_figure(plot_waveforms(duet), tmp_path / "figures" / "duet.png")
    before, broken = path.read_bytes(), plot_waveforms(duet)
    broken.axes[0].set_title("$\\nothing{$")
    with pytest.raises(ValueError, match="nothing"):
        save_figure(broken, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["duet.png"]


def test_an_unknown_format_is_refused(duet, tmp_path):
    with pytest.raises(ValueError, match="duet.gif: a figure is saved as .png, .svg or .pdf"):
        save_figure(plot_waveforms(duet), tmp_path / "duet.gif")


def test_saving_twice_gives_the_same_bytes(duet, tmp_path):
    figure = plot_stems(duet)
    one, two = (save_figure(figure, tmp_path / f"{name}.png") for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_a_notebook_shows_the_png_that_is_saved(duet, tmp_path):
    figure = plot_waveforms(duet)
    saved = save_figure(figure, tmp_path / "duet.png").read_bytes()
    data, sizes = figure._repr_mimebundle_()
    shown = base64.b64decode(data["image/png"])
    assert np.array_equal(imread(io.BytesIO(shown)), imread(io.BytesIO(saved)))
    assert sizes["image/png"]["width"] == 800
