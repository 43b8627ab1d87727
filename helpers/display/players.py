"""Players for notebooks: a mixer of stems, and plain players at comparable levels."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from ..audio.track import Track
from ..files import replaced_atomically
from .palette import blend, colour, contrast, label
from .tracks import as_track, envelope

if TYPE_CHECKING:
    from IPython.display import DisplayObject

FULL_SCALE = 32768
LOUDEST = (FULL_SCALE - 1) / FULL_SCALE
DARK = "#1B1D23"  # the background of the player in dark mode
PEAKS = 480  # of each drawn waveform


class StemPlayer:
    """A mixer of all stems and the mixture: play, seek, mute, solo, volume; all in sync.

    stems: a Track, or a dict of (channels, samples) arrays with their sample rate in Hz, where
    `mixture` is the recording. Shows itself at the end of a notebook cell; `save` writes one file
    that needs no network. The audio is 16-bit FLAC at its own rate, neither resampled nor
    normalised. Where something would clip, one gain lowers all alike, and the player shows it. More
    than two channels are played as their mean. remark: a sentence below the rows. Chapter: 01.
    """

    def __init__(
        self,
        stems: Track | Mapping[str, np.ndarray],
        sample_rate: int | None = None,
        title: str | None = None,
        remark: str = "",
    ) -> None:
        self.track = as_track(stems, sample_rate, title or "Stems")
        self.title = self.track.name if title is None else title
        self.remark = remark
        sums = {"sum": np.sum(list(self.track.stems.values()), axis=0)}
        self.gain = shared_gain({**self.track.stems, "mixture": self.track.mixture, **sums})

    def html(self) -> str:
        """The page, a complete HTML document."""
        folder = Path(__file__).parent
        parts = {
            "title": html.escape(self.title),
            "note": self._note(),
            "style": (folder / "player.css").read_text(encoding="utf-8"),
            "script": (folder / "player.js").read_text(encoding="utf-8"),
            "piece": json.dumps(self._piece()).replace("<", "\\u003c"),
        }
        page = (folder / "player.html").read_text(encoding="utf-8")
        return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], page)

    def save(self, path: str | Path) -> Path:
        """Write the page atomically."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_atomically(path) as draft:
            draft.write_text(self.html(), encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        """The page in a frame, so that several in one notebook do not interfere."""
        height = 200 + 57 * (len(self.track.stems) + 1)  # until the page has measured itself
        return (
            f'<iframe srcdoc="{html.escape(self.html())}" title="{html.escape(self.title)}" '
            f'allow="autoplay" style="width:100%;height:{height}px;border:0"></iframe>'
        )

    def _piece(self) -> dict[str, Any]:
        """The JSON that the page's script reads.

        A mixture that is the sum of the stems is not stored: the page sums them.
        """
        track = self.track
        parts = dict(track.stems)
        if len(parts) > 1 or track.recording is not None:
            parts = {"mixture": track.mixture, **parts}
        loudest = max(float(np.abs(part).max(initial=0.0)) for part in parts.values())
        rows = [
            {
                "name": name,
                "label": label(name),
                "mixture": name == "mixture" and name not in track.stems,
                "onLight": colour(name),
                "onDark": _on_dark(colour(name)),
                "peaks": _peaks(part, loudest),
                "audio": self._flac(part),
            }
            for name, part in parts.items()
        ]
        if track.recording is None and rows[0]["mixture"]:
            rows[0]["audio"] = None
        return {"sampleRate": track.sample_rate, "seconds": track.seconds, "rows": rows}

    def _flac(self, audio: np.ndarray) -> str:
        """Base64 of 16-bit FLAC; samples are rounded to whole steps of 1 / 32768."""
        channels = audio if len(audio) <= 2 else audio.mean(axis=0, keepdims=True)
        steps = np.round(channels.astype(np.float64) * self.gain * FULL_SCALE)
        file = io.BytesIO()
        samples = np.clip(steps, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16).T
        soundfile.write(file, samples, self.track.sample_rate, format="FLAC", subtype="PCM_16")
        return base64.b64encode(file.getvalue()).decode("ascii")

    def _note(self) -> str:
        """Format and gain of the audio in the page, and the remark, as HTML."""
        channels = self.track.channels
        level = f"{20 * np.log10(self.gain):.1f} dB".replace("-", "−")
        parts = [
            f"{self.track.sample_rate / 1000:g} kHz, 16 bits",
            f"mean of {channels} channels" if channels > 2 else "",
            "original levels" if self.gain == 1 else f"all at {level}, so that nothing clips",
            html.escape(self.remark),
        ]
        return " · ".join(filter(None, parts))


def listen(sounds: Mapping[str, np.ndarray], sample_rate: int) -> DisplayObject:
    """A plain player for each sound, (channels, samples) or (samples,).

    Levels are not normalised; where a sound would clip, one gain lowers all alike. Chapter: 04.
    """
    from IPython.display import HTML, Audio  # the mixer of stems works without it

    gain = shared_gain(sounds)
    return HTML(
        "".join(
            f"<p><b>{html.escape(label(name))}</b><br>"
            f"{Audio(sound * gain, rate=sample_rate, normalize=False)._repr_html_()}</p>"
            for name, sound in sounds.items()
        )
    )


def shared_gain(parts: Mapping[str, np.ndarray]) -> float:
    """The gain that keeps the loudest of several signals below full scale, 1 at most."""
    loudest = max(float(np.abs(part).max(initial=0.0)) for part in parts.values())
    return min(1.0, LOUDEST / loudest) if loudest else 1.0


def _peaks(audio: np.ndarray, loudest: float) -> list[tuple[int, int]]:
    """(lowest, highest) of up to 480 equal segments, in percent of `loudest`."""
    if not audio.shape[1] or not loudest:
        return [(0, 0)]
    _, low, high = envelope(audio, PEAKS)
    percent = np.round(100 * np.stack([low, high], axis=1) / loudest).astype(int)
    return [(int(lowest), int(highest)) for lowest, highest in percent]


def _on_dark(shade: str) -> str:
    """The colour, lightened until it is legible on the dark player."""
    steps = (blend(shade, "#FFFFFF", tenths / 10) for tenths in range(11))
    return next(lighter for lighter in steps if contrast(lighter, DARK) >= 4.5)
