"""The reader's own recording: chosen in a notebook, separated, heard, seen and taken away."""

from __future__ import annotations

import html
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets
from IPython.display import display
from torch import nn
from tqdm.auto import tqdm

from ..audio.recordings import Recording, examine
from ..inference.detection import can_detect
from .palette import label
from .separated import Separated, clock, separate_recording

ACCEPTED = "audio/*,.wav,.flac,.mp3,.ogg,.aiff,.aif"
BAR = "{l_bar}{bar}| {elapsed} elapsed, {remaining} to go"
HINT = (
    "A file of more than 10 MB does not arrive through Jupyter's upload: drag it into the list of"
    " files on the left and type its path here, such as <code>quartet.wav</code>, then press Enter."
)
DETECTS = "Untick who does not play. With all ticked, the model listens first and decides."
COLAB_HINT = "For another recording run this cell again, or type the path of a file that is here."


class OwnRecording:
    """Any recording that can be read, separated by any of the models given.

    models: one separator, or several by name; each computes where it is. folder: where the zips of
    stems go. At the end of a notebook cell it shows a widget; `open` needs none.
    """

    def __init__(
        self, models: nn.Module | Mapping[str, nn.Module], folder: str | Path = "separated"
    ) -> None:
        self.models = {"": models} if isinstance(models, nn.Module) else dict(models)
        self.folder = Path(folder)

    def open(
        self,
        path: str | Path,
        instruments: Sequence[str] | None = None,
        model: str | None = None,
        *,
        start: float = 0.0,
        repair: bool = False,
    ) -> Separated:
        """Separate one file, with a progress bar.

        instruments: by default whom the model hears, all that it knows if it cannot tell. model: by
        default the first. start: the second from which on to listen, where it is long. repair: read
        samples that are no numbers as zeros. Raises AudioError for a file that cannot be separated,
        ValueError for an instrument or a model that there is not.
        """
        name = next(iter(self.models)) if model is None else model
        if name not in self.models:
            raise ValueError(f"There is no model '{name}'; there are: {', '.join(self.models)}.")
        recording = examine(Path(path), repair)
        with tqdm(total=recording.seconds, desc=recording.path.stem, bar_format=BAR) as bar:
            return separate_recording(
                recording, self.models[name], self.folder, instruments,
                start=start, progress=bar.update,
            )  # fmt: skip

    def _ipython_display_(self) -> None:
        panel = Panel(self.models, self.folder)
        display(panel.box)
        if in_colab():
            upload_in_colab(panel)


class Panel:
    """The widget: a file, a model, its instruments, one button; below it what came of them."""

    def __init__(self, models: Mapping[str, nn.Module], folder: Path) -> None:
        self.models, self.folder = models, folder
        self.recording: Recording | None = None
        self.uploads = tempfile.TemporaryDirectory(prefix="divisi-")
        self.upload = ipywidgets.FileUpload(accept=ACCEPTED, multiple=False)
        self.path = ipywidgets.Text(placeholder="or the path of a file", continuous_update=False)
        self.model = ipywidgets.Dropdown(options=list(models), description="Model")
        self.instruments = ipywidgets.HBox(layout={"flex_flow": "row wrap"})
        self.button = ipywidgets.Button(
            description="Separate", button_style="primary", disabled=True
        )
        self.bar = ipywidgets.FloatProgress(layout={"visibility": "hidden"})
        self.status = ipywidgets.HTML()
        self.result = ipywidgets.VBox()
        hint = ipywidgets.HTML(COLAB_HINT if in_colab() else HINT)
        source = [self.path] if in_colab() else [self.upload, self.path]
        self.detection_note = ipywidgets.HTML()
        choice = [self.model, self.detection_note, self.instruments][len(models) == 1 :]
        run = ipywidgets.HBox([self.button, self.bar])
        self.box = ipywidgets.VBox(
            [ipywidgets.HBox(source), hint, *choice, run, self.status, self.result]
        )
        self.offer_instruments()
        self.upload.observe(self.on_upload, "value")
        self.path.observe(self.on_path, "value")
        self.model.observe(self.offer_instruments, "value")
        self.button.on_click(self.separate)

    def offer_instruments(self, *_: object) -> None:
        """A box to tick for each that the chosen model knows."""
        narrow, model = {"width": "auto"}, self.models[self.model.value]
        self.detection_note.value = DETECTS if can_detect(model) else ""
        self.instruments.children = [
            ipywidgets.Checkbox(True, description=label(name), indent=False, layout=narrow)
            for name in model.sources
        ]

    def on_upload(self, change: Mapping[str, Any]) -> None:
        if file := uploaded(change["new"]):
            self.take(*file)
            if isinstance(change["new"], tuple):
                self.upload.value = ()  # free the memory, and notice the same file again

    def on_path(self, change: Mapping[str, Any]) -> None:
        if path := change["new"].strip():
            self.choose(Path(path).expanduser())

    def take(self, name: str, content: bytes) -> bool:
        """Choose a file by its content; True where it can be separated."""
        path = Path(self.uploads.name, Path(name).name)
        with self.telling():
            path.write_bytes(content)
            return self.choose(path)
        return False

    def choose(self, path: Path) -> bool:
        """Read a file to its end and tell about it; True where it can be separated."""
        self.recording, self.button.disabled = None, True
        with self.telling():
            self.recording = examine(path)
            self.tell(describe(self.recording))
            self.button.disabled = False
        return self.recording is not None

    def separate(self, _: object = None) -> None:
        """What the button does."""
        model = self.models[self.model.value]
        boxes = self.instruments.children
        chosen = [name for name, box in zip(model.sources, boxes, strict=True) if box.value]
        if len(chosen) == len(boxes) and can_detect(model):
            chosen = None  # whom it hears
        self.show([])
        self.button.disabled = True
        self.bar.value, self.bar.max = 0.0, self.recording.seconds
        self.bar.layout.visibility = "visible"
        began = time.perf_counter()

        def advance(seconds: float) -> None:
            self.bar.value += seconds
            left = (time.perf_counter() - began) * (self.bar.max / self.bar.value - 1)
            self.tell(
                f"{clock(self.bar.value)} of {clock(self.bar.max)} done, about {clock(left)} to go."
            )

        try:
            with self.telling():
                done = separate_recording(
                    self.recording, model, self.folder, chosen, progress=advance
                )
                self.show([done.player()._repr_html_(), done.picture()])
                self.result.children += (download(done),)
                self.status.value = done.notes()
        finally:
            self.button.disabled = False
            self.bar.layout.visibility = "hidden"

    def show(self, pages: Sequence[str]) -> None:
        """Show pages of HTML in the place of the last result."""
        for old in self.result.children:
            old.close()
        self.result.children = [ipywidgets.HTML(page) for page in pages]

    def tell(self, sentence: str) -> None:
        self.status.value = html.escape(sentence)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell of an error in the widget, which stays usable."""
        try:
            yield
        except (ValueError, OSError) as error:  # AudioError is a ValueError
            self.tell(str(error))
        except Exception as error:
            self.tell(f"{type(error).__name__}: {error}")
            raise


def describe(recording: Recording) -> str:
    """What is in a file, and what is odd about it."""
    channels = {1: "mono", 2: "stereo"}.get(recording.channels, f"{recording.channels} channels")
    facts = f"{clock(recording.seconds)}, {recording.sample_rate / 1000:g} kHz, {channels}."
    return " ".join([f"{recording.path.name}: {facts}", *recording.warnings])


def uploaded(value: Any) -> tuple[str, bytes] | None:
    """Name and content of what a FileUpload holds; None where that is nothing.

    ipywidgets 7 has a dict of files by name, ipywidgets 8 a tuple of files that know theirs.
    """
    if not value:
        return None
    name, file = list(value.items())[-1] if isinstance(value, dict) else (None, value[-1])
    return name or file["name"], bytes(file["content"])


def in_colab() -> bool:
    return "google.colab" in sys.modules


def upload_in_colab(panel: Panel) -> None:
    """Ask for a file until one can be read, or none is given."""
    from google.colab import files

    while answer := files.upload():
        if panel.take(*answer.popitem()):
            return


def download(done: Separated) -> ipywidgets.Widget:
    """What fetches the zip."""
    if not in_colab():
        return ipywidgets.HTML(done.link(embedded=True))
    from google.colab import files

    button = ipywidgets.Button(description="Download zip")
    button.on_click(lambda _: files.download(str(done.archive)))
    return button
