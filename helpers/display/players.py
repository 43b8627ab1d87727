"""Players for notebooks: a mixer of stems, and plain players at comparable levels."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.levels import rms
from ..audio.track import Track
from ..files import replaced_atomically
from .embedding import FORMATS, encode, sample, shared_gain, signed
from .palette import label
from .player_page import PEAKS, ScoreView, levels, page, percent, row
from .saved import picture, saved_form
from .tracks import as_track, envelope

Stems = Track | Mapping[str, np.ndarray]


class StemPlayer:
    """A mixer of all stems and the mixture: play, seek, mute, solo, volume; all in sync.

    stems: a Track, or a dict of (channels, samples) arrays with their sample rate in Hz, where
    `mixture` is the recording. references: the true stems of some or all of these estimates; each
    gets a switch between the two, at the same position and at the RMS level of the estimate. Those
    of a Track also bring its mixture and sample rate. remark: a sentence below the rows. score: see
    `ScoreView`. details: text beside the names of stems, such as an estimate of their quality.

    Shows itself at the end of a notebook cell; `save` writes one file that needs no network. The
    audio is 16-bit FLAC at its own rate, neither resampled nor normalised. Where something would
    clip, one gain lowers all alike, and the player shows it. More than two channels are played as
    their mean. Chapter: 01.
    """

    kind = "FLAC"

    def __init__(
        self,
        stems: Stems,
        sample_rate: int | None = None,
        title: str | None = None,
        references: Stems | None = None,
        remark: str = "",
        score: ScoreView | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(references, Track) and not isinstance(stems, Track):
            sample_rate, title = sample_rate or references.sample_rate, title or references.name
            if sample_rate == references.sample_rate:
                stems = {"mixture": references.mixture, **stems}
        self.track = as_track(stems, sample_rate, title or "Stems")
        self.title = self.track.name if title is None else title
        self.remark, self.score, self.details = remark, score or ScoreView(), details or {}
        self.references = _matched(self.track, references)
        parts = {**self.track.stems, "mixture": self.track.mixture}
        parts["sum"] = np.sum(list(self.track.stems.values()), axis=0)
        matched = [gain * stem for stem, gain in self.references.values()]
        self.gain = shared_gain([*parts.values(), *matched])

    def html(self) -> str:
        """The page, a complete HTML document."""
        return page(self.title, self._note(), self._piece())

    def save(self, path: str | Path) -> Path:
        """Write the page atomically."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_atomically(path) as draft:
            draft.write_text(self.html(), encoding="utf-8")
        return path

    def sample(self) -> StemPlayer:
        """A player of the first eight seconds, in mono and MP3, for a committed notebook."""
        track = self.track
        shorter = {name: sample(stem, track.sample_rate) for name, stem in track.stems.items()}
        rate = next(rate for _, rate in shorter.values())
        stems = {name: stem for name, (stem, _) in shorter.items()}
        recording = track.recording
        if recording is not None:
            recording, _ = sample(recording, track.sample_rate)
        true = {
            name: sample(stem, track.sample_rate)[0] for name, (stem, _) in self.references.items()
        }
        player = StemPlayer(
            Track(track.name, rate, stems, recording), None, self.title, true or None
        )
        player.kind = "MP3"
        return player

    def _repr_html_(self) -> str:
        """The page in a frame, so that several in one notebook do not interfere."""
        height = 200 + 57 * (len(self.track.stems) + 1)  # until the page has measured itself
        return (
            f'<iframe srcdoc="{html.escape(self.html())}" title="{html.escape(self.title)}" '
            f'allow="autoplay" style="width:100%;height:{height}px;border:0"></iframe>'
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """What a committed notebook shows instead."""
        return saved_form(lambda: picture(self.track), lambda: self.sample()._repr_html_())

    def _piece(self) -> dict[str, Any]:
        """The JSON that the page's script reads.

        A mixture that is the sum of the stems is not stored: the page sums them.
        """
        track = self.track
        parts = dict(track.stems)
        if len(parts) > 1 or track.recording is not None:
            parts = {"mixture": track.mixture, **parts}
        loudest = max(float(np.abs(part).max(initial=0.0)) for part in parts.values())
        rows = []
        for name, part in parts.items():
            mixture = name == "mixture" and name not in track.stems
            sound = self._take(part, loudest)
            if mixture and track.recording is None:
                sound["audio"] = None
            rows.append(
                row(
                    name,
                    **sound,
                    mixture=mixture,
                    detail=self.details.get(name, ""),
                    notes=self.score.notes.get(name, ()),
                    reference=self._reference(name, loudest),
                )
            )
        return {
            "sampleRate": track.sample_rate,
            "seconds": track.seconds,
            "rows": rows,
            **self.score.piece(),
        }

    def _take(self, audio: np.ndarray, loudest: float) -> dict[str, Any]:
        """What a row plays and draws."""
        encoded = encode(audio, self.track.sample_rate, self.gain, self.kind)
        low, high = envelope(audio, PEAKS)[1:] if audio.shape[1] else (np.zeros(0),) * 2
        return {"audio": encoded, "peaks": percent(low, high, loudest)}

    def _reference(self, name: str, loudest: float) -> dict[str, Any] | None:
        """The true stem of a row, and the gain that matches its level, as text."""
        if name not in self.references:
            return None
        stem, gain = self.references[name]
        return {**self._take(gain * stem, loudest), "matched": signed(20 * np.log10(gain))}

    def _note(self) -> str:
        """Format and gain of the audio in the page, and the remark, as HTML."""
        channels, rate = self.track.channels, f"{self.track.sample_rate / 1000:g} kHz"
        parts = [
            f"{rate}, 16 bits" if self.kind == "FLAC" else f"a short sample: {rate}, {self.kind}",
            f"mean of {channels} channels" if channels > 2 else "",
            levels(self.gain),
            "true stems at the level of their estimates" if self.references else "",
            html.escape(self.remark),
        ]
        return " · ".join(filter(None, parts))


class Sounds:
    """A plain player for each sound, at one shared gain; see `listen`."""

    kind = "FLAC"

    def __init__(self, sounds: Mapping[str, np.ndarray], sample_rate: int) -> None:
        self.sounds = {name: np.atleast_2d(sound) for name, sound in sounds.items()}
        self.sample_rate = sample_rate
        self.gain = shared_gain(self.sounds.values())

    def sample(self) -> Sounds:
        """The first eight seconds of each, in mono and MP3, for a committed notebook."""
        shorter = {name: sample(sound, self.sample_rate) for name, sound in self.sounds.items()}
        rate = next(rate for _, rate in shorter.values())
        sounds = Sounds({name: sound for name, (sound, _) in shorter.items()}, rate)
        sounds.kind = "MP3"
        return sounds

    def _repr_html_(self) -> str:
        page = ""
        for name, sound in self.sounds.items():
            audio = encode(sound, self.sample_rate, self.gain, self.kind)
            source = f"data:{FORMATS[self.kind][2]};base64,{audio}"
            title = html.escape(label(name))
            page += f'<p><b>{title}</b><br><audio controls src="{source}"></audio></p>'
        return page + (f"<p>{levels(self.gain)}</p>" if self.gain < 1 else "")

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """What a committed notebook shows instead."""
        return saved_form(self._picture, lambda: self.sample()._repr_html_())

    def _picture(self) -> dict[str, Any]:
        longest = max(sound.shape[1] for sound in self.sounds.values())
        mono = {name: sound.mean(axis=0) for name, sound in self.sounds.items()}
        padded = {name: np.pad(s, (0, longest - len(s))) for name, s in mono.items()}
        return picture(as_track(padded, self.sample_rate), mixture=False)


def listen(sounds: Mapping[str, np.ndarray], sample_rate: int) -> Sounds:
    """A plain player for each sound, (channels, samples) or (samples,), to compare versions.

    Levels are not normalised; where a sound would clip, one gain lowers all alike. Chapter: 04.
    """
    return Sounds(sounds, sample_rate)


def _matched(track: Track, references: Stems | None) -> dict[str, tuple[np.ndarray, float]]:
    """By name of an estimate: its true stem, and the gain that gives it the RMS of the estimate.

    The gain is 1 where one of the two is silent. Raises AudioError for references of another shape,
    ValueError where none belongs to an estimate or the sample rate differs.
    """
    if references is None:
        return {}
    true = as_track(references, track.sample_rate, "the references")
    shared = [name for name in track.stems if name in true.stems]
    if not shared:
        raise ValueError(
            f"The references are of {', '.join(true.stems)}, but the estimates of"
            f" {', '.join(track.stems)}; they should share names."
        )
    if true.sample_rate != track.sample_rate:
        raise ValueError(
            f"The references have {true.sample_rate} Hz, but the estimates {track.sample_rate};"
            " resample one of them."
        )
    Track(track.name, track.sample_rate, {**track.stems, "a reference": true.stems[shared[0]]})
    matched = {}
    for name in shared:
        levels = rms(track.stems[name]), rms(true.stems[name])
        matched[name] = true.stems[name], levels[0] / levels[1] if all(levels) else 1.0
    return matched
