"""Figures of audio: waveforms and spectrograms.

Every `plot_*` returns a Figure: a notebook shows it at the end of a cell, and `save_figure` or
`publish` writes it to a file. `music` is a Track, or a dict of (channels, samples) arrays with
their sample rate in Hz; `span` is (start, end) in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator, NullLocator

from ..audio.track import Track
from .figures import MUTED, Figure, style
from .palette import colour, label
from .spectra import log_bands, spectrogram
from .tracks import as_track, envelope

Music = Track | Mapping[str, np.ndarray]
Span = tuple[float, float] | None

RANGE_DB = 80.0
LOWEST_HZ, BANDS = 50.0, 240
OCTAVES_HZ = [125.0 * 4**step for step in range(5)]
COLUMNS = 1200  # of a waveform; a longer one is drawn as its envelope
NICE = {"steps": [1, 2, 5, 10]}  # distances of ticks


def plot_stems(
    music: Music,
    sample_rate: int | None = None,
    *,
    mixture: bool = True,
    span: Span = None,
    limit: float = 8_000.0,
) -> Figure:
    """Mixture and stems, one row each: the waveform, and the spectrogram from 50 to `limit` Hz.

    All waveforms share one scale. All spectrograms share one range, 80 dB below the loudest point,
    so that their levels can be compared. Raises ValueError for an empty `span`. Chapter: 01.
    """
    signals, rate, start = _signals(as_track(music, sample_rate), mixture, span)
    figure, axes = _rows(signals, height=0.95, ratios=[1, 1.25])
    with style():
        _draw_waveforms(axes[:, 0], signals, rate, start)
        _draw_spectrograms(figure, axes[:, 1], signals, rate, start, limit)
    return figure


def plot_waveforms(
    music: Music, sample_rate: int | None = None, *, mixture: bool = True, span: Span = None
) -> Figure:
    """The waveforms of `plot_stems` alone. Chapter: 01."""
    signals, rate, start = _signals(as_track(music, sample_rate), mixture, span)
    figure, axes = _rows(signals, height=0.95)
    with style():
        _draw_waveforms(axes[:, 0], signals, rate, start)
    return figure


def plot_spectrograms(
    music: Music,
    sample_rate: int | None = None,
    *,
    mixture: bool = True,
    span: Span = None,
    limit: float = 8_000.0,
) -> Figure:
    """The spectrograms of `plot_stems` alone. Chapter: 02."""
    signals, rate, start = _signals(as_track(music, sample_rate), mixture, span)
    figure, axes = _rows(signals, height=1.35)
    with style():
        _draw_spectrograms(figure, axes[:, 0], signals, rate, start, limit)
    return figure


def _signals(track: Track, mixture: bool, span: Span) -> tuple[dict[str, np.ndarray], int, float]:
    """What is drawn by name, (channels, samples) each, its sample rate and its start in seconds.

    The mixture comes first, unless there is only one stem.
    """
    first, last = 0, track.samples
    if span is not None:
        first, last = (max(0, round(second * track.sample_rate)) for second in span)
        if first >= min(last, track.samples):
            raise ValueError(
                f"There is nothing between {span[0]} s and {span[1]} s of '{track.name}'."
            )
    signals = {"mixture": track.mixture} if mixture and len(track.stems) > 1 else {}
    signals = {name: signal[:, first:last] for name, signal in (signals | track.stems).items()}
    return signals, track.sample_rate, first / track.sample_rate


def _rows(
    signals: Mapping[str, np.ndarray], height: float, ratios: Sequence[float] = (1,)
) -> tuple[Figure, np.ndarray]:
    """A figure and its axes (signals, columns), a title on each row; columns share their scales."""
    figure = Figure(8.0, 0.6 + height * len(signals))
    with style():
        figure.get_layout_engine().set(h_pad=0.05, hspace=0.0, w_pad=0.05)
        axes = figure.subplots(
            len(signals), len(ratios), sharex="col", sharey="col", squeeze=False,
            width_ratios=ratios,
        )  # fmt: skip
        for ax in axes[:-1].flat:
            ax.tick_params(axis="x", length=0)
        for ax, name in zip(axes[:, 0], signals, strict=True):
            ax.set_title(label(name), color=colour(name))
        for ax in axes[-1]:
            ax.xaxis.set_major_locator(MaxNLocator(7, **NICE))
            ax.set_xlabel("time (s)")
    return figure, axes


def _draw_waveforms(
    axes: np.ndarray, signals: Mapping[str, np.ndarray], sample_rate: int, start: float
) -> None:
    peak = max(float(np.abs(audio).max(initial=0.0)) for audio in signals.values()) or 1.0
    for ax, (name, audio) in zip(axes, signals.items(), strict=True):
        shade, samples = colour(name), audio.shape[1]
        if samples <= 4 * COLUMNS:
            times = start + np.arange(samples) / sample_rate
            ax.plot(times, audio.T, color=shade, linewidth=1.0)
        else:
            edges, low, high = envelope(audio, COLUMNS)
            ax.fill_between(start + edges / sample_rate, low, high, color=shade, linewidth=0.4)
        ax.axhline(0.0, color=MUTED, linewidth=0.4, zorder=0)
        ax.set_ylim(-1.05 * peak, 1.05 * peak)
        ax.yaxis.set_major_locator(MaxNLocator(2, symmetric=True))
        ax.set_xlim(start, start + samples / sample_rate)


def _draw_spectrograms(
    figure: Figure,
    axes: np.ndarray,
    signals: Mapping[str, np.ndarray],
    sample_rate: int,
    start: float,
    limit: float,
) -> None:
    edges = np.geomspace(LOWEST_HZ, min(limit, sample_rate / 2), BANDS + 1)
    powers = {name: spectrogram(audio, sample_rate) for name, audio in signals.items()}
    loudest = max(max(float(power.max()) for power, _ in powers.values()), 1e-20)
    for ax, (power, step) in zip(axes, powers.values(), strict=True):
        bands = log_bands(power, sample_rate / 2, edges)
        levels = 10 * np.log10(np.maximum(bands / loudest, 1e-20))
        times = start + np.arange(power.shape[1]) * step
        mesh = ax.pcolormesh(
            times, np.sqrt(edges[:-1] * edges[1:]), levels,
            cmap="magma", vmin=-RANGE_DB, vmax=0, rasterized=True,
        )  # fmt: skip
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(FixedLocator(OCTAVES_HZ))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(EngFormatter(unit="Hz"))
        ax.set_ylim(LOWEST_HZ, edges[-1])
        ax.set_xlim(start, max(times[-1], start + step))
    ticks = np.arange(-RANGE_DB, 1, 20)
    bar = figure.colorbar(mesh, ax=list(figure.axes), aspect=40, pad=0.01, ticks=ticks)
    bar.set_label("level (dB, loudest point = 0)")
    bar.outline.set_visible(False)
