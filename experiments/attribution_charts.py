"""The picture of an attribution."""

from __future__ import annotations

import numpy as np

from helpers.display.figures import INK, Figure, style


def plot_attribution(
    attribution: np.ndarray, own: np.ndarray, sample_rate: int, hop: int, highest: float = 3000.0
) -> Figure:
    """An attribution (F, N) in red and blue, and where the partials (F, N) of the source lie.

    highest: Hz that are shown.
    """
    bins = int(highest / (sample_rate / 2) * (len(attribution) - 1))
    extent = (0, attribution.shape[1] * hop / sample_rate, 0, highest / 1000)
    limit = np.quantile(np.abs(attribution[:bins]), 0.998) or 1.0
    figure = Figure(8.0, 3.2)
    with style():
        left, right = figure.subplots(1, 2, sharey=True)
        shown = {"origin": "lower", "aspect": "auto", "extent": extent}
        left.imshow(attribution[:bins], cmap="RdBu_r", vmin=-limit, vmax=limit, **shown)
        right.imshow(own[:bins], cmap="Greys", **shown)
        left.set(title="attribution", xlabel="time (s)", ylabel="kHz")
        right.set_title("partials of the source", color=INK)
        right.set_xlabel("time (s)")
    return figure
