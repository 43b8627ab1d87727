"""A model that takes a score, together with the score of one recording."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..audio.recordings import Recording, mono
from ..music.instruments import numbered_names
from ..music.scores import Note, Part, Score, transpose
from ..training.conditioning import OTHER

if TYPE_CHECKING:
    from ..music.alignment import Alignment

ALIGNED = "aligned.mid"  # beside the stems: the notes in the time of the recording
MARGIN = 2.0  # seconds before and after a segment from which notes still sound in it


def takes_score(model: nn.Module) -> bool:
    """Whether a model separates with a score, and not without."""
    return bool(getattr(model, "takes_score", False))


def part_names(score: Score) -> tuple[str, ...]:
    """The names of the stems: the instruments of the parts, where needed with numbers."""
    return tuple(numbered_names([(part.instrument, part.number) for part in score.parts]))


class ScoreFollower(nn.Module):
    """A separator of the parts of one recording, named after them, as `separate_stream` takes it.

    The last source, `other`, is what no part explains.
    model: a network that `takes_score`, such as `ScoreNet`. score: in the time of the recording, as
    `align` makes it.
    """

    follows_score = True

    def __init__(self, model: nn.Module, score: Score):
        super().__init__()
        self.model, self.config, self.card = model, model.config, getattr(model, "card", None)
        self.sources = (*part_names(score), OTHER)
        self.sample_rate, self.channels = model.sample_rate, model.channels
        self.segment_seconds = model.segment_seconds
        self.notes = [_table(part) for part in score.parts]
        self.players = torch.tensor([self._player(part.instrument) for part in score.parts])

    def forward(self, mixture: Tensor, starts: Tensor) -> Tensor:
        """mixture (B, 1, T) -> estimates (B, P + 1, 1, T). starts: (B,), in seconds."""
        seconds = mixture.shape[-1] / self.sample_rate
        notes = [
            [self._between(part, start, start + seconds) for part in self.notes]
            for start in starts.tolist()
        ]
        most = max(len(part) for parts in notes for part in parts)
        padded = torch.full((len(notes), len(self.notes), max(most, 1), 3), -1.0)
        for example, parts in enumerate(notes):
            for number, part in enumerate(parts):
                padded[example, number, : len(part)] = torch.from_numpy(part)
        players = self.players.expand(len(notes), -1)
        return self.model(mixture, padded.to(mixture.device), players.to(mixture.device))

    def excerpt(
        self, start: float, seconds: float, delays: Sequence[float] = (), speed: float = 1.0
    ) -> ScoreFollower:
        """The follower of a recording that is cut from this one, and changed.

        delays: seconds by which each source is later; what would pass the end comes at the
        beginning.
        speed: a factor by which all is faster, and higher.
        """
        other = copy.copy(self)  # shares the model
        other.notes = []
        delays = delays or [0.0] * len(self.notes)
        for part, delay in zip(self.notes, delays, strict=False):  # `other` has no notes
            own = self._between(part, start, start + seconds).astype(float)
            early, late = delay - seconds, delay
            moved = [own + [shift, shift, 0.0] for shift in ([early, late] if delay else [late])]
            pitch = 12 * math.log2(speed)
            other.notes.append(np.concatenate(moved) / [speed, speed, 1.0] + [0.0, 0.0, pitch])
        return other

    def score(self) -> Score:
        """The notes of all sources, in their order; `other` has none."""
        parts = [
            Part(name, tuple(Note(on, end - on, pitch) for on, end, pitch in part.tolist()))
            for name, part in zip(self.sources, [*self.notes, np.zeros((0, 3))], strict=True)
        ]
        return Score("", tuple(parts))

    def _between(self, notes: np.ndarray, start: float, end: float) -> np.ndarray:
        """The notes that sound in a segment, in seconds from its beginning."""
        inside = (notes[:, 1] > start - MARGIN) & (notes[:, 0] < end + MARGIN)
        return (notes[inside] - [start, start, 0.0]).astype(np.float32)

    def _player(self, instrument: str) -> int:
        """The number of an instrument, 0 for one that the model does not know."""
        known = list(self.model.sources)
        return known.index(instrument) + 1 if instrument in known else 0


def _table(part: Part) -> np.ndarray:
    """(n, 3): onset and end in seconds, MIDI pitch."""
    rows = [(note.onset, note.onset + note.duration, note.pitch) for note in part.notes]
    return np.array(rows, float).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class FollowedRecording:
    """A recording with its score in time. file: of the score. follower: separates its parts."""

    file: str
    found: Alignment
    follower: ScoreFollower

    def notes(self) -> dict[str, list[tuple[float, float, float]]]:
        """(onset, duration, MIDI pitch) of the notes of each stem, in seconds of the recording."""
        parts = zip(part_names(self.found.score), self.found.score.parts, strict=True)
        return {name: [(n.onset, n.duration, n.pitch) for n in part.notes] for name, part in parts}

    def report(self) -> dict[str, Any]:
        """The entry `score` of separation.json."""
        parts = zip(part_names(self.found.score), self.found.score.parts, strict=True)
        return {
            "file": self.file,
            "fit": round(self.found.fit, 4),
            "transposition": self.found.transposition,
            "a4_hz": round(440 * 2 ** (self.found.tuning / 1200), 2),
            "sounding_a4_hz": round(self.found.sounding_a4, 2),
            "parts": {name: {"written": p.name, "notes": len(p.notes)} for name, p in parts},
        }

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the notes in the time of the recording; returns `report`."""
        from ..music.midi import write_midi, written_names

        write_midi(self.found.score, folder / ALIGNED, written_names(self.found.score))
        return self.report()


def align_recording(
    recording: Recording,
    model: nn.Module,
    score: Score | Sequence[Score],
    file: str,
    progress: Callable[[float], object] = lambda _: None,
) -> FollowedRecording:
    """Align a score to a recording for a model that takes it.

    score, progress: as for `align`. ValueError where no score fits, and for a model without score.
    """
    from ..music.alignment import align
    from ..music.pitch_features import RATE

    if not takes_score(model):
        raise ValueError(f"{type(model).__name__} takes no score; choose a model that does.")
    found = align(mono(recording, RATE), RATE, score, progress)
    follower = ScoreFollower(model, transpose(found.score, found.tuning / 100))
    return FollowedRecording(file, found, follower)
