"""A piece of music as stems and their mixture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


class AudioError(ValueError):
    """Unusable audio; the message is one sentence with the file, the fault and the remedy."""


class Unreadable(Exception):
    """What is wrong with a file and what would be right; `AudioFile` adds the name of the file."""


@dataclass(frozen=True, eq=False)
class Track:
    """The stems of one piece, float32 (channels, samples) each, all of one shape.

    recording: the recorded mixture, of the same shape; None where the mixture is the sum of the
    stems. Raises AudioError where dtypes or shapes differ.
    Chapter: 01.
    """

    name: str
    sample_rate: int
    stems: dict[str, np.ndarray] = field(repr=False)
    recording: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.stems:
            raise AudioError(f"{self.name}: a track needs at least one stem.")
        parts = dict(self.stems)
        if self.recording is not None:
            parts["the recorded mixture"] = self.recording
        first, shape = next((name, stem.shape) for name, stem in parts.items())
        for name, part in parts.items():
            if part.ndim != 2 or part.dtype != np.float32:
                raise AudioError(
                    f"{self.name}: {name} is {part.dtype} of shape {part.shape}; "
                    "a stem is float32 (channels, samples)."
                )
            if part.shape != shape:
                raise AudioError(
                    f"{self.name}: {name} has (channels, samples) {part.shape} but {first} has "
                    f"{shape}; all stems of a track have one shape."
                )

    @property
    def mixture(self) -> np.ndarray:
        """(channels, samples): the recording where there is one, else the sum of the stems."""
        return self._sum if self.recording is None else self.recording

    @property
    def _sum(self) -> np.ndarray:
        return np.sum(list(self.stems.values()), axis=0, dtype=np.float32)

    @property
    def residual_db(self) -> float:
        """Level in dB of the recording minus the sum of the stems, relative to the recording.

        -inf where there is no recording, or where the difference is zero.
        """
        if self.recording is None:
            return -np.inf
        recording = self.recording.astype(np.float64)
        residual = np.sum((recording - self._sum) ** 2)
        if residual == 0.0:
            return -np.inf
        energy = np.sum(recording**2)
        return float(10.0 * np.log10(residual / energy)) if energy else np.inf

    @property
    def instruments(self) -> tuple[str, ...]:
        return tuple(self.stems)

    @property
    def channels(self) -> int:
        return next(iter(self.stems.values())).shape[0]

    @property
    def samples(self) -> int:
        return next(iter(self.stems.values())).shape[1]

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate
