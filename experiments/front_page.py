"""The picture of the front page: a real quartet, separated by the default model.

python -m experiments.front_page
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from experiments.jobs import corpus_folder
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.display.figures import Figure, publish, style
from helpers.display.palette import colour, label
from helpers.display.spectra import log_bands, spectrogram
from helpers.evaluation.evaluate import model_separator
from helpers.training.checkpoints import load_model
from helpers.training.conditioning import condition_on

PICTURED = "01-excerpt05"  # of Bach10
SCORE_ORDER = ("violin", "clarinet", "saxophone", "bassoon")
LOWEST_HZ, HIGHEST_HZ, BANDS = 60.0, 4000.0, 160
RANGE_DB = 70.0


def plot_front_page(track: Track) -> Figure:
    """The mixture above, the stems below it in one row; legible at a width of 800 pixels."""
    figure = Figure(8.0, 3.6)
    with style():
        figure.get_layout_engine().set(h_pad=0.06, w_pad=0.05)
        grid = figure.add_gridspec(2, len(track.stems))
        _draw(figure.add_subplot(grid[0, :]), "the recording", track.mixture, track, "mixture")
        for place, (name, stem) in enumerate(track.stems.items()):
            _draw(figure.add_subplot(grid[1, place]), label(name), stem, track, name)
    return figure


def _draw(ax: Axes, title: str, audio: np.ndarray, track: Track, name: str) -> None:
    """A spectrogram without axes; all are relative to the loudest point of the mixture."""
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1)
    loudest = spectrogram(track.mixture, track.sample_rate)[0].max()
    power, _ = spectrogram(audio, track.sample_rate)
    bands = log_bands(power, track.sample_rate / 2, edges) / loudest
    levels = 10 * np.log10(np.maximum(bands, 1e-20))
    ax.imshow(
        levels, origin="lower", aspect="auto", cmap="magma", vmin=-RANGE_DB, vmax=0,
        interpolation="nearest",
    )  # fmt: skip
    ax.set_title(title, color=colour(name), fontsize=12)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)


def main() -> None:
    folder = next(f for f in find_tracks(corpus_folder() / "bach10_excerpts") if f.name == PICTURED)
    track = folder.load(channels=1)
    model = condition_on(load_model(runtime.DEFAULT_MODEL), track.instruments)
    estimates = model_separator(model)(track)
    stems = {name: estimates[name] for name in SCORE_ORDER}
    figure = plot_front_page(Track(track.name, track.sample_rate, stems, track.mixture))
    publish(figure, "readme_quartet")


if __name__ == "__main__":
    main()
