"""What a model hears over time: the probability that each of its sources sounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from .overlap_add import Segments
from .separation import BATCH, SHORTEST, EvenBlocks, batches, resampled_blocks

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

    blocks, sample_rate, channels: as for `separate_stream`, in segments and constant memory as
    there. progress: called with the seconds that each step adds.
    """
    rate, hop = model.sample_rate, model.config.hop
    segments = Segments.of(model.segment_seconds, rate)
    windows = Windows(len(model.config.sources), rate / hop)
    mixture = EvenBlocks(blocks, channels)
    resampled = resampled_blocks(mixture, sample_rate, rate, (channels,))
    size = BATCH if channels == model.channels else max(1, BATCH // channels)
    start = 0  # in samples from the beginning of a segment; later ones begin behind their margin
    for batch in batches(segments.cut(resampled), size):
        curves = _activity(model, np.stack([segment for segment, _, _ in batch]))
        for curve, (segment, offset, is_last) in zip(curves, batch, strict=True):
            stop = segment.shape[1] - offset if is_last else segments.hop + segments.margin
            at = np.arange(curve.shape[1]) * hop - offset
            windows.update(curve[:, (at >= start) & (at < stop)])
            if progress is not None:
                progress((stop - start) / rate)
            start = segments.margin
    return windows


@torch.inference_mode()
def _activity(model: nn.Module, segments: np.ndarray) -> np.ndarray:
    """segments (N, C, L) -> probabilities (N, sources, frames), zero where there is silence.

    Frame k is that of sample k * hop. Of a model with other channels, each channel is heard on its
    own, and the mean counts.
    """
    count, channels, length = segments.shape
    mixture = torch.from_numpy(np.ascontiguousarray(segments, dtype=np.float32))
    mixture = nn.functional.pad(mixture, (0, max(0, SHORTEST - length)))
    sounds = mixture.abs().amax(dim=(1, 2)) > 0
    if channels != model.channels:
        mixture = mixture.reshape(count * channels, 1, -1).expand(-1, model.channels, -1)
    answers: list[Tensor] = []
    device = next(model.parameters()).device
    for rows in mixture.split(BATCH):
        answers.append(model.activity(rows.to(device)).float().cpu())
    curves = torch.cat(answers).reshape(count, -1, *answers[0].shape[1:]).mean(dim=1)
    return (curves * sounds[:, None, None]).numpy()
