"""What a model hears over time: the probability that each of its sources sounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn

from ..audio.recordings import CANCELLED
from .overlap_add import Segments
from .separation import SHORTEST, EvenBlocks, resampled_blocks

WINDOW = 0.5  # seconds


class Windows:
    """Means of rows of values over windows of about half a second; 8 bytes a row and window.

    rate: values a second. seconds: of a window, a whole number of values.
    """

    def __init__(self, rows: int, rate: float) -> None:
        self.size = max(1, round(WINDOW * rate))
        self.rate, self.count, self.seconds = rate, 0, self.size / rate
        self._means: list[np.ndarray] = []
        self._rest = np.zeros((rows, 0))

    def update(self, values: np.ndarray) -> None:
        """values: (rows, n)."""
        self.count += values.shape[1]
        values = np.concatenate([self._rest, values], axis=1)
        whole = values.shape[1] // self.size * self.size
        self._means.append(values[:, :whole].reshape(len(values), -1, self.size).mean(axis=2))
        self._rest = values[:, whole:]

    @property
    def whole(self) -> float:
        """Seconds of all values."""
        return self.count / self.rate

    def means(self) -> np.ndarray:
        """(rows, windows); the last window may be shorter."""
        rest = [self._rest.mean(axis=1, keepdims=True)] if self._rest.shape[1] else []
        return np.concatenate([*self._means, *rest], axis=1)


def can_hear(model: nn.Module) -> bool:
    """Whether a model says when each source sounds: `activity`, which its config switches on."""
    return bool(getattr(getattr(model, "config", None), "activity", False))


def heard(
    model: nn.Module,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
    progress: Callable[[float], object] | None = None,
) -> Windows:
    """The probability that each source of the model's config sounds, over time.

    One signal is heard, see `one_channel`. blocks, sample_rate, channels: as for `separate_stream`,
    in segments and constant memory as there. progress: called with the seconds that each step adds.
    """
    rate, hop = model.sample_rate, model.config.hop
    segments = Segments.of(model.segment_seconds, rate)
    windows = Windows(len(model.config.sources), rate / hop)
    mixture = EvenBlocks(blocks, channels)
    resampled = resampled_blocks(mixture, sample_rate, rate, (channels,))
    start = 0  # in samples from the beginning of a segment; later ones begin behind their margin
    for segment, offset, is_last in segments.cut(resampled):
        curve = _activity(model, one_channel(segment))
        stop = segment.shape[1] - offset if is_last else segments.hop + segments.margin
        at = np.arange(curve.shape[1]) * hop - offset
        windows.update(curve[:, (at >= start) & (at < stop)])
        if progress is not None:
            progress((stop - start) / rate)
        start = segments.margin
    return windows


def one_channel(sound: np.ndarray) -> np.ndarray:
    """The mean of all channels (C, n), or the loudest one where they cancel: (1, n).

    The rule of `recordings.mono`, for each segment of a recording.
    """
    mean = sound.mean(axis=0, keepdims=True)
    powers = np.square(sound).mean(axis=1)
    if np.square(mean).mean() < CANCELLED * powers.mean():
        return sound[[powers.argmax()]]
    return mean


@torch.inference_mode()
def _activity(model: nn.Module, sound: np.ndarray) -> np.ndarray:
    """sound (1, n) -> probabilities (sources, frames), zero for silence.

    Frame k is that of sample k * hop.
    """
    mixture = torch.from_numpy(np.ascontiguousarray(sound, dtype=np.float32))
    mixture = nn.functional.pad(mixture, (0, max(0, SHORTEST - mixture.shape[1])))
    device = next(model.parameters()).device
    curves = model.activity(mixture.expand(1, model.channels, -1).to(device))[0]
    return (curves.float().cpu() * bool(mixture.any())).numpy()
