"""A notebook widget that separates a recording of your own."""

from __future__ import annotations

import html
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets
from IPython.display import display
from torch import nn

from ..audio.recordings import Recording, decoded, examine
from ..inference.mixes import EACH, MOST, Mixes
from ..inference.players import stem_names
from ..inference.score_following import align_recording, takes_score
from ..music.score_files import read_unfoldings
from .engraving import score_view
from .instrument_choice import InstrumentChoice
from .palette import label
from .player_page import ScoreView
from .players import listen
from .saved import saved_form, sentence
from .separated import Separated, clock, separate_to_zip

ACCEPTED = "audio/*,.wav,.flac,.mp3,.ogg,.aiff,.aif,.m4a,.aac,.wma,.webm,.mp4,.opus"
HINT = (
    "Jupyter's upload takes files up to 10 MB. Drag a larger one into the list of files on the left"
    " and type its path here, such as <code>quartet.wav</code>, then press Enter."
)
INSTEAD = "Run this cell to separate a recording of your own; its stems appear below."
SCORE = "its score: a file, MIDI or MusicXML"
COLAB_HINT = "For another recording run this cell again, or type the path of a file."


class OwnRecording:
    """A widget at the end of a notebook cell: choose a recording, separate it, play the stems.

    models: one separator, or several by name, each on its own device; for one that takes a score
    there is a field for its file. folder: for the zips of stems. Without a widget:
    `helpers.separate`.
    Chapter: 03.
    """

    def __init__(
        self, models: nn.Module | Mapping[str, nn.Module], folder: str | Path = "separated"
    ) -> None:
        self.models = {"": models} if isinstance(models, nn.Module) else dict(models)
        self.folder = Path(folder)
        self.recording: Recording | None = None
        self.uploads = tempfile.TemporaryDirectory(prefix="divisi-")
        self.upload = ipywidgets.FileUpload(accept=ACCEPTED, multiple=False)
        self.path = ipywidgets.Text(placeholder="or the path of a file", continuous_update=False)
        self.score = ipywidgets.Text(placeholder=SCORE, continuous_update=False)
        self.model = ipywidgets.Dropdown(options=list(self.models), description="Model")
        self.choice = InstrumentChoice()
        self.button = ipywidgets.Button(
            description="Separate", button_style="primary", disabled=True
        )
        self.bar = ipywidgets.FloatProgress(layout={"visibility": "hidden"})
        self.status = ipywidgets.HTML()
        self.result = ipywidgets.VBox()
        hint = ipywidgets.HTML(COLAB_HINT if in_colab() else HINT)
        source = [self.path] if in_colab() else [self.upload, self.path]
        source += [self.score] if any(map(takes_score, self.models.values())) else []
        choice = [self.model, self.choice.note, self.choice.box][len(self.models) == 1 :]
        self.minus = ipywidgets.Dropdown(description="Without")
        self.emphasise = ipywidgets.Dropdown(description="Bring forward")
        self.decibels = ipywidgets.BoundedFloatText(
            6.0, min=0.5, max=MOST, step=0.5, description="by dB"
        )
        practice = ipywidgets.HBox(
            [self.minus, self.emphasise, self.decibels], layout={"flex_flow": "row wrap"}
        )
        run = ipywidgets.HBox([self.button, self.bar])
        self.box = ipywidgets.VBox(
            [ipywidgets.HBox(source), hint, *choice, practice, run, self.status, self.result]
        )
        self.offer_instruments()
        self.upload.observe(self.on_upload, "value")
        self.path.observe(self.on_path, "value")
        self.model.observe(self.offer_instruments, "value")
        self.button.on_click(self.separate)

    def _ipython_display_(self) -> None:
        display(self.box)
        if saved := saved_form(lambda: sentence(INSTEAD)):
            display(saved, raw=True)
        if in_colab():
            self.upload_in_colab()

    def offer_instruments(self, *_: object) -> None:
        """The instruments of the chosen model, and the mixes to practise with."""
        model = self.models[self.model.value]
        self.choice.offer(model)
        names = () if takes_score(model) else stem_names(model.sources)
        named = [(label(name), name) for name in names]
        for choice in (self.minus, self.emphasise):
            choice.options = [("no instrument", ""), ("each instrument", EACH), *named]

    def on_upload(self, change: Mapping[str, Any]) -> None:
        if file := uploaded(change["new"]):
            self.receive(*file)
            if isinstance(change["new"], tuple):
                self.upload.value = ()  # free the memory, and notice the same file again

    def on_path(self, change: Mapping[str, Any]) -> None:
        if path := change["new"].strip():
            self.choose(Path(path).expanduser())

    def receive(self, name: str, content: bytes) -> bool:
        """Choose an uploaded file; True where it can be separated."""
        path = Path(self.uploads.name, Path(name).name)
        with self.reporting_errors():
            path.write_bytes(content)
            return self.choose(path)
        return False

    def upload_in_colab(self) -> None:
        """Ask for a file until one can be separated, or none is given."""
        from google.colab import files

        while answer := files.upload():
            if self.receive(*answer.popitem()):
                return

    def choose(self, path: Path) -> bool:
        """Read a file to its end and describe it; True where it can be separated.

        The instruments of the last recording are not those of this one.
        """
        if self.recording is not None:
            self.choice.offer(self.models[self.model.value])
        self.recording, self.button.disabled = None, True
        with self.reporting_errors():
            recording = examine(path)
            self.recording = decoded(recording, Path(self.uploads.name, ".decoded.wav"))
            self.say(describe(self.recording))
            self.button.disabled = False
        return self.recording is not None

    def separate(self, _: object = None) -> None:
        """Separate the chosen file; called by the button."""
        model = self.models[self.model.value]
        chosen = self.choice.chosen()
        self.show([])
        self.button.disabled = True
        passes = 4 if takes_score(model) else 1  # an alignment makes three
        self.bar.value, self.bar.max = 0.0, passes * self.recording.seconds
        self.bar.layout.visibility = "visible"
        began = time.perf_counter()

        def advance(seconds: float) -> None:
            self.bar.value += seconds
            left = (time.perf_counter() - began) * (self.bar.max / self.bar.value - 1)
            self.say(
                f"{clock(self.bar.value)} of {clock(self.bar.max)} done, about {clock(left)} to go."
            )

        try:
            with self.reporting_errors():
                model, score = self.follow(model, advance)
                done = separate_to_zip(
                    self.recording, model, self.folder, chosen, mixes=self.mixes(), score=score,
                    progress=advance,
                )  # fmt: skip
                mixes = done.mixes and listen(done.mixes, done.track.sample_rate)._repr_html_()
                pages = [done.player()._repr_html_(), mixes, done.who_plays(), done.picture()]
                self.show([page for page in pages if page])
                if done.detection:
                    self.choice.show(done.detection.present)
                self.result.children += (download(done),)
                self.status.value = done.notes()
        finally:
            self.button.disabled = False
            self.bar.layout.visibility = "hidden"

    def follow(
        self, model: nn.Module, progress: Callable[[float], object]
    ) -> tuple[nn.Module, ScoreView | None]:
        """The model with the score in time, and what the player shows; others stay as they are."""
        if not takes_score(model):
            return model, None
        path = Path(self.score.value.strip()).expanduser()
        if not path.is_file():
            raise ValueError(f"'{self.score.value}' is no file; type the path of the score.")
        scores = list(read_unfoldings(path))
        followed = align_recording(self.recording, model, scores, path.name, progress)
        return followed.follower, score_view(followed, path)

    def mixes(self) -> Mixes:
        """The mixes that are chosen."""
        name = self.emphasise.value
        return Mixes.read(self.minus.value or None, {name: self.decibels.value} if name else None)

    def show(self, pages: Sequence[str]) -> None:
        """Replace the last result by pages of HTML."""
        for old in self.result.children:
            old.close()
        self.result.children = [ipywidgets.HTML(page) for page in pages]

    def say(self, sentence: str) -> None:
        self.status.value = html.escape(sentence)

    @contextmanager
    def reporting_errors(self) -> Iterator[None]:
        """Show an error in the widget, which stays usable."""
        try:
            yield
        except (ValueError, OSError) as error:  # AudioError is a ValueError
            self.say(str(error))
        except Exception as error:
            self.say(f"{type(error).__name__}: {error}")
            raise


def describe(recording: Recording) -> str:
    """Length, sample rate and channels of a recording, and its warnings."""
    channels = {1: "mono", 2: "stereo"}.get(recording.channels, f"{recording.channels} channels")
    facts = f"{clock(recording.seconds)}, {recording.sample_rate / 1000:g} kHz, {channels}."
    return " ".join([f"{recording.path.name}: {facts}", *recording.warnings])


def uploaded(value: Any) -> tuple[str, bytes] | None:
    """Name and content of the file in a FileUpload's value; None where there is none.

    ipywidgets 7 has a dict of files by name, ipywidgets 8 a tuple of files with their names.
    """
    if not value:
        return None
    name, file = list(value.items())[-1] if isinstance(value, dict) else (None, value[-1])
    return name or file["name"], bytes(file["content"])


def in_colab() -> bool:
    return "google.colab" in sys.modules


def download(done: Separated) -> ipywidgets.Widget:
    """A link or a button that downloads the zip."""
    if not in_colab():
        return ipywidgets.HTML(done.link())
    from google.colab import files

    button = ipywidgets.Button(description="Download zip")
    button.on_click(lambda _: files.download(str(done.archive)))
    return button
