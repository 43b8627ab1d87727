"""Figures of signals with known content, in one style, with the same bytes each time."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread

from helpers.audio.track import Track
from helpers.display.figures import publish, published, save_figure
from helpers.display.palette import colour
from helpers.display.plots import plot_spectrograms, plot_stems, plot_waveforms

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
    with pytest.raises(ValueError, match="pass for example 44100"):
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


def test_the_brightest_row_of_a_spectrogram_is_the_pitch(duet):
    figure = plot_spectrograms(duet)
    for ax, hertz in zip(figure.axes[1:3], (880.0, 110.0), strict=True):
        mesh = ax.collections[0]
        edges = mesh.get_coordinates()[:, 0, 1]
        row = np.asarray(mesh.get_array()).max(axis=1).argmax()
        assert edges[row] - 8 <= hertz <= edges[row + 1] + 8


def test_spectrograms_share_one_range_so_that_twenty_decibels_stay_twenty(duet):
    meshes = [ax.collections[0] for ax in plot_spectrograms(duet).axes[1:3]]
    assert {mesh.get_clim() for mesh in meshes} == {(-80.0, 0.0)}
    violin, cello = (float(np.asarray(mesh.get_array()).max()) for mesh in meshes)
    assert violin - cello == pytest.approx(20.0, abs=1.5)  # neither tone sits on a bin


@pytest.mark.parametrize("samples", [1, 100])
@pytest.mark.parametrize("plot", [plot_stems, plot_waveforms, plot_spectrograms])
def test_short_and_silent_stems_can_be_drawn(plot, samples, tmp_path):
    silence = np.zeros((2, samples), np.float32)
    path = save_figure(plot({"flute": silence, "oboe": silence}, RATE), tmp_path / "silence.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_same_figure_gives_the_same_bytes(duet, tmp_path):
    one, two = tmp_path / "one.png", tmp_path / "two.png"
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


@pytest.mark.parametrize(
    ("profile", "folder"),
    [("smoke", "runs/smoke/Images"), ("reader", "runs/Images"), ("full", "Images")],
)
def test_a_figure_lies_with_the_results_of_its_profile(
    duet, tmp_path, monkeypatch, profile, folder
):
    monkeypatch.setenv("DIVISI_PROFILE", profile)
    monkeypatch.setattr("helpers.runtime.repository_root", lambda: tmp_path)
    figure = plot_waveforms(duet)
    assert publish(figure, "duet") is figure
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [
        tmp_path / folder / "duet.png"
    ]


def test_a_published_figure_is_shown_at_the_size_at_which_it_was_drawn(duet, tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.runtime.repository_root", lambda: tmp_path)
    saved = save_figure(plot_waveforms(duet), tmp_path / "Images" / "duet.png").read_bytes()
    data, sizes = published("duet")._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == saved
    assert sizes["image/png"]["width"] == 800
    with pytest.raises(FileNotFoundError, match=r"no figure 'trio.png'; it has: duet\."):
        published("trio")
