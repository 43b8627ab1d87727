"""Figures of tracks and masks; with those of trainings and results, from `charts`, beside them.

Every `plot_*` returns a Figure and shows nothing itself: a notebook displays it at the end of a
cell, a script hands it to `save_figure`. `music` is a Track, or a dict of (channels, samples)
arrays with their sample rate in Hz; `span` is the part to look at, (start, end) in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator, NullLocator

from ..audio.track import Track
from .charts import plot_comparison, plot_training
from .figures import MUTED, PAPER, Figure, save_figure, style
from .palette import colour, label
from .spectra import decibels, log_bands, spectrogram
from .tracks import as_track

__all__ = [
    "plot_comparison", "plot_masks", "plot_spectrograms", "plot_stems", "plot_training",
    "plot_waveforms", "save_figure",
]  # fmt: skip

Music = Track | Mapping[str, np.ndarray]
Span = tuple[float, float] | None

RANGE_DB = 80.0
LOWEST_HZ, BANDS = 50.0, 240
OCTAVES_HZ = [62.5 * 2**octave for octave in range(9)]
COLUMNS = 1200  # of a waveform; what is longer is drawn as its envelope


def plot_stems(
    music: Music, sample_rate: int | None = None, *, span: Span = None, limit: float = 8_000.0
) -> Figure:
    """Mixture and stems, one row each: the waveform and beside it the spectrogram up to `limit` Hz.

    All waveforms share one scale, and all spectrograms one range of 80 dB below the loudest.
    """
    track, start = _cut(as_track(music, sample_rate), span)
    parts = _parts(track, mixture=True)
    figure, axes = _rows(len(parts), columns=2, height=0.95, ratios=[1, 1.25])
    with style():
        _draw_waveforms(axes[:, 0], parts, track.sample_rate, start)
        mesh = _draw_spectrograms(axes[:, 1], parts, track.sample_rate, start, limit, True)
        _decibel_bar(figure, mesh, axes)
        _titles(axes[:, 0], parts)
    return figure


def plot_waveforms(
    music: Music, sample_rate: int | None = None, *, mixture: bool = True, span: Span = None
) -> Figure:
    """The mixture and every stem against time, on one common scale."""
    track, start = _cut(as_track(music, sample_rate), span)
    parts = _parts(track, mixture)
    figure, axes = _rows(len(parts), height=0.95)
    with style():
        _draw_waveforms(axes[:, 0], parts, track.sample_rate, start)
        _titles(axes[:, 0], parts)
    return figure


def plot_spectrograms(
    music: Music,
    sample_rate: int | None = None,
    *,
    mixture: bool = True,
    span: Span = None,
    limit: float = 8_000.0,
    logarithmic: bool = True,
) -> Figure:
    """Spectrograms from 50 Hz (or, on a linear axis, 0) to `limit` Hz.

    All share one range of 80 dB below the loudest point, so that their levels can be compared.
    """
    track, start = _cut(as_track(music, sample_rate), span)
    parts = _parts(track, mixture)
    figure, axes = _rows(len(parts), height=1.35)
    with style():
        mesh = _draw_spectrograms(axes[:, 0], parts, track.sample_rate, start, limit, logarithmic)
        _decibel_bar(figure, mesh, axes)
        _titles(axes[:, 0], parts)
    return figure


def plot_masks(
    masks: Mapping[str, np.ndarray], sample_rate: int, hop: int, *, limit: float = 8_000.0
) -> Figure:
    """Masks (bins, frames) of values 0 to 1, each from white to the colour of its instrument.

    The bins run from 0 to sample_rate / 2; hop: samples from one frame to the next.
    """
    figure, axes = _rows(len(masks), height=1.35)
    with style():
        for ax, (name, mask) in zip(axes[:, 0], masks.items(), strict=True):
            times = np.arange(mask.shape[1]) * hop / sample_rate
            bins = np.linspace(0.0, sample_rate / 2, len(mask))
            shades = LinearSegmentedColormap.from_list(name, [PAPER, colour(name)])
            mesh = ax.pcolormesh(times, bins, mask, cmap=shades, vmin=0, vmax=1, rasterized=True)
            figure.colorbar(mesh, ax=ax, ticks=[0, 0.5, 1], aspect=9, pad=0.01)
            _frequency_axis(ax, limit, logarithmic=False)
        _titles(axes[:, 0], masks)
        _time_axis(axes[-1, 0])
    return figure


def _rows(
    rows: int, *, columns: int = 1, height: float, ratios: list[float] | None = None
) -> tuple[Figure, np.ndarray]:
    """A figure 8 inches wide and its axes (rows, columns); each column shares its scales."""
    figure = Figure(8.0, 0.6 + height * rows)
    with style():
        figure.get_layout_engine().set(h_pad=0.05, hspace=0.0, w_pad=0.05)
        axes = figure.subplots(
            rows, columns, sharex="col", sharey="col", squeeze=False, width_ratios=ratios
        )
        for ax in axes[:-1].flat:
            ax.tick_params(axis="x", length=0)
    return figure, axes


def _parts(track: Track, mixture: bool) -> dict[str, np.ndarray]:
    """The stems by name, the mixture before them; alone where it is all there is to see."""
    first = {"mixture": track.mixture} if mixture and len(track.stems) > 1 else {}
    return first | track.stems


def _cut(track: Track, span: Span) -> tuple[Track, float]:
    """The part of a track within `span`, and the second at which it starts."""
    if span is None:
        return track, 0.0
    first, last = (max(0, round(second * track.sample_rate)) for second in span)
    if first >= min(last, track.samples):
        raise ValueError(f"There is nothing between {span[0]} s and {span[1]} s of '{track.name}'.")
    stems = {name: stem[:, first:last] for name, stem in track.stems.items()}
    recording = None if track.recording is None else track.recording[:, first:last]
    return Track(track.name, track.sample_rate, stems, recording), first / track.sample_rate


def _draw_waveforms(
    axes: np.ndarray, parts: Mapping[str, np.ndarray], sample_rate: int, start: float
) -> None:
    peak = max(float(np.abs(audio).max(initial=0.0)) for audio in parts.values()) or 1.0
    for ax, (name, audio) in zip(axes, parts.items(), strict=True):
        shade, samples = colour(name), audio.shape[1]
        if samples <= 4 * COLUMNS:
            times = start + np.arange(samples) / sample_rate
            ax.plot(times, audio.T, color=shade, linewidth=1.0)
        else:
            edges = np.linspace(0, samples, COLUMNS, endpoint=False).astype(int)
            low = np.minimum.reduceat(audio.min(axis=0), edges)
            high = np.maximum.reduceat(audio.max(axis=0), edges)
            ax.fill_between(start + edges / sample_rate, low, high, color=shade, linewidth=0.4)
        ax.axhline(0.0, color=MUTED, linewidth=0.4, zorder=0)
        ax.set_ylim(-1.05 * peak, 1.05 * peak)
        ax.yaxis.set_major_locator(MaxNLocator(2, symmetric=True))
        ax.set_xlim(start, start + samples / sample_rate)
    _time_axis(axes[-1])


def _draw_spectrograms(
    axes: np.ndarray,
    parts: Mapping[str, np.ndarray],
    sample_rate: int,
    start: float,
    limit: float,
    logarithmic: bool,
) -> QuadMesh:
    limit = min(limit, sample_rate / 2)
    powers = {name: spectrogram(audio, sample_rate) for name, audio in parts.items()}
    loudest = max(float(power.max()) for power, _ in powers.values())
    for ax, (power, step) in zip(axes, powers.values(), strict=True):
        bins = np.linspace(0.0, sample_rate / 2, len(power))
        if logarithmic:
            edges = np.geomspace(LOWEST_HZ, limit, BANDS + 1)
            power, bins = log_bands(power, sample_rate / 2, edges), np.sqrt(edges[:-1] * edges[1:])
        times = start + np.arange(power.shape[1]) * step
        mesh = ax.pcolormesh(
            times, bins, decibels(power, loudest), cmap="magma", vmin=-RANGE_DB, vmax=0,
            rasterized=True,
        )  # fmt: skip
        _frequency_axis(ax, limit, logarithmic)
        ax.set_xlim(start, max(times[-1], start + step))
    _time_axis(axes[-1])
    return mesh


def _frequency_axis(ax: Axes, limit: float, logarithmic: bool) -> None:
    ax.yaxis.set_major_formatter(EngFormatter(unit="Hz"))
    if logarithmic:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(FixedLocator(OCTAVES_HZ[1::2]))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(EngFormatter(unit="Hz"))
        ax.set_ylim(LOWEST_HZ, limit)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        ax.set_ylim(0.0, limit)


def _time_axis(ax: Axes) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    ax.set_xlabel("time (s)")


def _titles(axes: np.ndarray, names: Iterable[str]) -> None:
    for ax, name in zip(axes, names, strict=True):
        ax.set_title(label(name), color=colour(name))


def _decibel_bar(figure: Figure, mesh: QuadMesh, axes: np.ndarray) -> None:
    bar = figure.colorbar(mesh, ax=axes, aspect=40, pad=0.01, ticks=np.arange(-RANGE_DB, 1, 20))
    bar.set_label("level (dB, loudest point = 0)")
    bar.outline.set_visible(False)
