"""The style of all figures, and how they are written to files.

Figures are made without pyplot, so there is no global state and nothing to close.
"""

from __future__ import annotations

import base64
import io
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.style
from matplotlib.figure import Figure as MatplotlibFigure

from .. import runtime
from ..evaluation.results import output_folder
from ..files import replaced_atomically

if TYPE_CHECKING:
    from IPython.display import Image

INK, MUTED, GRID, PAPER = "#22252B", "#6A707C", "#E3E5E9", "#FFFFFF"
SHOWN_DPI, SAVED_DPI = 100, 160
STYLE = {
    "figure.dpi": SAVED_DPI,
    "savefig.dpi": SAVED_DPI,
    "figure.facecolor": PAPER,
    "font.family": "DejaVu Sans",  # ships with matplotlib, so a figure looks the same everywhere
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


def style() -> AbstractContextManager[None]:
    """matplotlib's defaults with `STYLE` on top, whatever the user has set."""
    return matplotlib.style.context(["default", STYLE])


class Figure(MatplotlibFigure):
    """A figure that draws itself in `STYLE`, and as a PNG at the end of a notebook cell."""

    def __init__(self, width: float, height: float) -> None:
        """Width and height in inches; the layout keeps labels from overlapping."""
        with style():
            super().__init__(figsize=(width, height), layout="constrained")

    def savefig(self, *args: object, **kwargs: object) -> None:
        """As matplotlib's; the first call fixes the layout, so that all give the same bytes."""
        with style():
            if self.get_layout_engine() is not None:
                self.draw_without_rendering()
                self.set_layout_engine("none")
            super().savefig(*args, **kwargs)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        """A PNG for notebooks, of a finer resolution than it is shown at."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        width, height = (round(inches * SHOWN_DPI) for inches in self.get_size_inches())
        image = base64.b64encode(buffer.getvalue()).decode("ascii")
        return {"image/png": image}, {"image/png": {"width": width, "height": height}}


def save_figure(figure: MatplotlibFigure, path: str | Path) -> Path:
    """Write a figure as a PNG, atomically. The same figure gives the same bytes: the file holds no
    version."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_atomically(path) as draft, style():
        figure.savefig(draft, format="png", metadata={"Software": None})
    return path


def publish(figure: MatplotlibFigure, name: str) -> MatplotlibFigure:
    """Write a figure to Images/NAME.png of the profile (see `output_folder`); returns it."""
    save_figure(figure, output_folder("Images") / f"{name}.png")
    return figure


def published(name: str) -> Image:
    """The figure Images/NAME.png of the repository, as it came from the `full` profile.

    For a cell whose figure cannot be made here, because its recordings are missing. Raises
    FileNotFoundError for a figure that does not exist.
    """
    from IPython.display import Image  # figures work without it

    folder = runtime.repository_root() / "Images"
    path = folder / f"{name}.png"
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in folder.glob("*.png"))) or "none"
        raise FileNotFoundError(f"{folder} has no figure '{name}.png'; it has: {known}.")
    content = path.read_bytes()
    width = int.from_bytes(content[16:20], "big")  # the first number in a PNG's header
    return Image(content, width=width * SHOWN_DPI // SAVED_DPI)
